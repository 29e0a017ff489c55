"""Qualification types, who has them, who asks for them; blocks and messages."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import WorkRefused
from marketplace.models import Message, QualificationRequest
from marketplace.qualifications.actions import request_qualification
from marketplace.qualifications.requirements import COMPARISONS, guards, meets
from marketplace.work.actions import accept_hit
from tests.marketplace.parties import TYPE, make_worker, make_workers, submit_hit
from tests.required import require

KIND = {"Name": "Trained", "Description": "Has read the guide", "QualificationTypeStatus": "Active"}


def refusal_of(call, **values) -> tuple[str, str, str]:
    with pytest.raises(ClientError) as error:
        call(**values)
    answer: Mapping[str, Any] = error.value.response
    return answer["Error"]["Code"], answer.get("TurkErrorCode", "").rpartition(".")[2], answer["Error"]["Message"]


def create_kind(lab, **values) -> str:
    return lab.client.create_qualification_type(**KIND | values)["QualificationType"]["QualificationTypeId"]


def test_a_type_is_created_read_changed_and_deleted(lab):
    kind = create_kind(lab, Keywords="images")
    answer = lab.client.get_qualification_type(QualificationTypeId=kind)["QualificationType"]
    assert (answer["Name"], answer["IsRequestable"], answer["AutoGranted"]) == ("Trained", True, False)
    changed = lab.client.update_qualification_type(
        QualificationTypeId=kind, Description="Has read it twice", QualificationTypeStatus="Inactive"
    )["QualificationType"]
    assert (changed["Description"], changed["QualificationTypeStatus"]) == ("Has read it twice", "Inactive")
    assert lab.client.list_qualification_types(MustBeRequestable=True)["NumResults"] == 0
    assert lab.client.list_qualification_types(MustBeRequestable=False)["NumResults"] == 1
    lab.client.delete_qualification_type(QualificationTypeId=kind)
    assert refusal_of(lab.client.get_qualification_type, QualificationTypeId=kind)[1] == "QualificationTypeDoesNotExist"
    requirements = [{"QualificationTypeId": kind, "Comparator": "Exists"}]
    assert refusal_of(lab.client.create_hit_type, **TYPE, QualificationRequirements=requirements)[0] == "RequestError"
    assert create_kind(lab) != kind


def test_a_name_is_taken_once_by_a_requester(endpoint, lab):
    create_kind(lab)
    kind, code, message = refusal_of(lab.client.create_qualification_type, **KIND)
    assert (kind, code) == ("RequestError", "QualificationTypeAlreadyExists")
    assert "You have already created a QualificationType with this name." in message
    create_kind(endpoint.lab())


@pytest.mark.parametrize(
    "values",
    [
        {"Test": "<QuestionForm/>"},
        {"Test": "<QuestionForm/>", "TestDurationInSeconds": 60, "AutoGranted": True},
        {"AnswerKey": "<AnswerKey/>"},
        {"Name": ""},
        {"Name": "a" * 201},
    ],
)
def test_a_type_that_contradicts_itself_is_refused(lab, values):
    assert refusal_of(lab.client.create_qualification_type, **KIND | values)[0] == "ParameterValidationError"


def test_others_may_look_at_a_type_and_only_its_owner_uses_it(endpoint, lab):
    kind, worker = create_kind(lab), make_worker().public_id
    stranger = endpoint.lab().client
    assert stranger.get_qualification_type(QualificationTypeId=kind)["QualificationType"]["Name"] == "Trained"
    for call, values in (
        (stranger.associate_qualification_with_worker, {"WorkerId": worker}),
        (stranger.get_qualification_score, {"WorkerId": worker}),
        (stranger.update_qualification_type, {}),
        (stranger.delete_qualification_type, {}),
        (stranger.list_workers_with_qualification_type, {}),
        (stranger.list_qualification_requests, {}),
    ):
        assert refusal_of(call, QualificationTypeId=kind, **values)[1] == "QualificationTypeDoesNotExist"


def test_a_score_is_granted_changed_and_revoked(lab):
    kind, worker = create_kind(lab), make_worker()
    ours = {"QualificationTypeId": kind, "WorkerId": worker.public_id}
    assert refusal_of(lab.client.get_qualification_score, **ours)[1] == "QualificationDoesNotExist"
    for value in (3, 90):
        lab.client.associate_qualification_with_worker(**ours, IntegerValue=value, SendNotification=False)
        assert lab.client.get_qualification_score(**ours)["Qualification"]["IntegerValue"] == value
    assert not Message.objects.exists()
    lab.client.disassociate_qualification_from_worker(**ours, Reason="Out of practice")
    assert "status of: Granted" in refusal_of(lab.client.get_qualification_score, **ours)[2]
    assert refusal_of(lab.client.disassociate_qualification_from_worker, **ours)[1] == "InvalidQualificationState"
    revoked = lab.client.list_workers_with_qualification_type(QualificationTypeId=kind, Status="Revoked")
    assert [row["Status"] for row in revoked["Qualifications"]] == ["Revoked"]
    lab.client.associate_qualification_with_worker(**ours)
    assert lab.client.get_qualification_score(**ours)["Qualification"]["IntegerValue"] == 1
    assert Message.objects.get().worker == worker


def test_a_request_is_accepted_or_rejected_once(lab):
    kind = lab.client.create_qualification_type(**KIND)["QualificationType"]["QualificationTypeId"]
    kind_row = lab.requester.qualification_types.get()
    first, second = make_workers(2)
    for worker in (first, second, first):
        request_qualification(qualification_type=kind_row, worker=worker)
    requests = lab.client.list_qualification_requests()["QualificationRequests"]
    assert [row["WorkerId"] for row in requests] == [first.public_id, second.public_id]
    ids = [row["QualificationRequestId"] for row in requests]
    lab.client.accept_qualification_request(QualificationRequestId=ids[0], IntegerValue=55)
    lab.client.reject_qualification_request(QualificationRequestId=ids[1], Reason="Not yet")
    for request_id in ids:
        assert (
            refusal_of(lab.client.accept_qualification_request, QualificationRequestId=request_id)[0] == "RequestError"
        )
    score = lab.client.get_qualification_score(QualificationTypeId=kind, WorkerId=first.public_id)
    assert score["Qualification"]["IntegerValue"] == 55
    assert lab.client.list_qualification_requests()["NumResults"] == 0
    assert QualificationRequest.objects.get(worker=second).reason == "Not yet"


def test_what_is_granted_to_everybody_needs_no_decision(lab):
    create_kind(lab, AutoGranted=True, AutoGrantedValue=7)
    kind, worker = lab.requester.qualification_types.get(), make_worker()
    assert request_qualification(qualification_type=kind, worker=worker) is None
    assert worker.qualifications.get().value == 7


def test_a_type_with_a_test_or_an_inactive_type_cannot_be_requested(lab):
    create_kind(lab, Name="Tested", Test="<QuestionForm/>", TestDurationInSeconds=60)
    create_kind(lab, Name="Old", QualificationTypeStatus="Inactive")
    for kind in lab.requester.qualification_types.all():
        with pytest.raises(WorkRefused):
            request_qualification(qualification_type=kind, worker=make_worker())


def test_deleting_a_type_rejects_its_requests(lab):
    kind = create_kind(lab)
    request = request_qualification(qualification_type=lab.requester.qualification_types.get(), worker=make_worker())
    lab.client.delete_qualification_type(QualificationTypeId=kind)
    require(request).refresh_from_db()
    assert require(request).rejected_at


@given(value=st.integers(0, 5), members=st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_comparators_mean_what_they_say(value, members):
    limit = members[0]
    expected = {
        "LessThan": value < limit,
        "LessThanOrEqualTo": value <= limit,
        "GreaterThan": value > limit,
        "GreaterThanOrEqualTo": value >= limit,
        "EqualTo": value == limit,
        "NotEqualTo": value != limit,
        "In": value in members,
        "NotIn": value not in members,
    }
    assert COMPARISONS.keys() == expected.keys()
    for comparator, met in expected.items():
        requirement = {"QualificationTypeId": "3A", "Comparator": comparator, "IntegerValues": members}
        assert meets(requirement, value) == met
        assert not meets(requirement, None)
    for comparator, met in (("Exists", True), ("DoesNotExist", False)):
        assert meets({"Comparator": comparator}, value) == met
        assert meets({"Comparator": comparator}, None) != met


@pytest.mark.parametrize(
    ("requirement", "guarded"),
    [
        ({}, {"accept"}),
        ({"ActionsGuarded": "Accept"}, {"accept"}),
        ({"ActionsGuarded": "PreviewAndAccept"}, {"accept", "preview"}),
        ({"ActionsGuarded": "DiscoverPreviewAndAccept"}, {"accept", "preview", "discover"}),
        ({"RequiredToPreview": True}, {"accept", "preview"}),
        ({"RequiredToPreview": True, "ActionsGuarded": "Accept"}, {"accept"}),
    ],
)
def test_a_requirement_guards_the_actions_it_names(requirement, guarded):
    assert {action for action in ("accept", "preview", "discover") if guards(requirement, action)} == guarded


def test_blocks_are_created_listed_and_deleted(lab):
    worker = make_worker()
    hit = lab.publish()
    for reason in ("Blank answers", "Still blank"):
        lab.client.create_worker_block(WorkerId=worker.public_id, Reason=reason)
    assert lab.client.list_worker_blocks()["WorkerBlocks"] == [{"WorkerId": worker.public_id, "Reason": "Still blank"}]
    with pytest.raises(WorkRefused):
        accept_hit(worker=worker, hit=hit)
    for _ in range(2):
        lab.client.delete_worker_block(WorkerId=worker.public_id, Reason="A mistake")
    assert accept_hit(worker=worker, hit=hit).worker == worker
    for call in (lab.client.create_worker_block, lab.client.delete_worker_block):
        assert "WorkerId is invalid." in refusal_of(call, WorkerId="ANOBODY", Reason="?")[2]


def test_messages_reach_those_whose_work_was_reviewed(lab):
    reviewed, pending, stranger = make_workers(3)
    hit = lab.publish(2)
    lab.client.approve_assignment(AssignmentId=submit_hit(hit, reviewed).public_id)
    submit_hit(hit, pending)
    worker_ids = [reviewed.public_id, pending.public_id, stranger.public_id, "ANOBODY", reviewed.public_id]
    answer = lab.client.notify_workers(Subject="New grids", MessageText="Come back", WorkerIds=worker_ids)
    failed = {row["WorkerId"]: row["NotifyWorkersFailureCode"] for row in answer["NotifyWorkersFailureStatuses"]}
    assert failed == dict.fromkeys([pending.public_id, stranger.public_id, "ANOBODY"], "HardFailure")
    message = Message.objects.get()
    assert (message.worker, message.subject, message.text) == (reviewed, "New grids", "Come back")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Subject", "a" * 201), ("MessageText", "a" * 4097), ("WorkerIds", ["A1"] * 101), ("Subject", "bell \x07")],
)
def test_messages_have_limits(lab, name, value):
    message = {"Subject": "New grids", "MessageText": "Come back", "WorkerIds": ["A1"]} | {name: value}
    assert refusal_of(lab.client.notify_workers, **message)[0] == "ParameterValidationError"
