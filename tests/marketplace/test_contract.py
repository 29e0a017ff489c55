"""All 39 operations against the description that botocore ships: what they answer, member by member, and refuse."""

import copy
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from marketplace.actions import create_access_key
from marketplace.endpoint.operations import OPERATIONS as OFFERED
from marketplace.endpoint.signatures import secret_of
from marketplace.models import HIT, Assignment, QualificationRequest, QualificationType, Worker
from marketplace.qualifications.actions import create_qualification_type, grant_qualification, request_qualification
from marketplace.review.actions import approve_assignment, send_bonus
from tests.marketplace.contract import OPERATIONS, SHAPES, bad_values, constrained_members, deviations, raw
from tests.marketplace.parties import HIT_VALUES, TYPE, hand_in, make_hit, make_hit_type, make_worker

# Declared: part of the API, not of this marketplace.
NOT_OFFERED = {"GetFileUploadURL", "SendTestEventNotification", "UpdateNotificationSettings"}
# No HIT has review policies: that one list is always empty.
LISTS = {name for name in OPERATIONS if name.startswith("List")} - {"ListReviewPolicyResultsForHIT"}
NOTIFICATION = {
    "Destination": "https://queue.example/1", "Transport": "SQS", "Version": "2014-08-15",
    "EventTypes": ["AssignmentSubmitted"],
}  # fmt: skip


@dataclass
class World:
    """A requester with something of everything."""

    url: str
    key_id: str
    worker: Worker
    hit: HIT
    done: HIT
    submitted: Assignment
    approved: Assignment
    kind: QualificationType
    request: QualificationRequest

    def ask(self, operation: str, values: object) -> tuple[int, dict, dict]:
        body = values if isinstance(values, bytes) else json.dumps(values).encode()
        return raw(self.url, self.key_id, secret_of(self.key_id), operation, body)


@pytest.fixture
def world(endpoint, lab) -> World:
    requester, worker = lab.requester, make_worker()
    kind = create_qualification_type(requester=requester, name="Trained", description="Has read it", keywords="guide")
    needed = [{"QualificationTypeId": kind.public_id, "Comparator": "Exists", "ActionsGuarded": "Accept"}]
    hit_type = make_hit_type(requester, requirements=needed, keywords="cats")
    grant_qualification(qualification_type=kind, worker=worker, value=7)
    hit, done = make_hit(hit_type, max_assignments=3, annotation="grid 1"), make_hit(hit_type)
    submitted = hand_in(hit, worker)
    approved = approve_assignment(assignment=hand_in(done, worker), feedback="Thank you")
    send_bonus(assignment=approved, worker_id=worker.public_id, cents=5, reason="Careful")
    request = request_qualification(qualification_type=kind, worker=make_worker())
    key_id = create_access_key(requester=requester).key_id
    world = World(endpoint.url, key_id, worker, hit, done, submitted, approved, kind, request)
    world.ask("CreateWorkerBlock", {"WorkerId": make_worker().public_id, "Reason": "Blank answers"})
    return world


def good_requests(world: World) -> dict[str, dict]:
    """For every operation a request that succeeds, with as many members as it can have."""
    hit, kind, worker = world.hit.public_id, world.kind.public_id, world.worker.public_id
    size = {"MaxResults": 5}
    needs = [
        {"QualificationTypeId": kind, "Comparator": "GreaterThan", "IntegerValues": [1], "ActionsGuarded": "Accept"},
        {"QualificationTypeId": "00000000000000000071", "Comparator": "In", "RequiredToPreview": True,
         "LocaleValues": [{"Country": "US", "Subdivision": "NY"}, {"Country": "CA"}]},
    ]  # fmt: skip
    new_hit = HIT_VALUES | {"MaxAssignments": 2, "RequesterAnnotation": "grid 2"}
    asks = {"QualificationRequestId": world.request.public_id}
    return {
        "AcceptQualificationRequest": asks | {"IntegerValue": 3},
        "ApproveAssignment": {
            "AssignmentId": world.submitted.public_id, "RequesterFeedback": "Good", "OverrideRejection": False,
        },
        "AssociateQualificationWithWorker": {
            "QualificationTypeId": kind, "WorkerId": worker, "IntegerValue": 4, "SendNotification": True,
        },
        "CreateAdditionalAssignmentsForHIT": {
            "HITId": hit, "NumberOfAdditionalAssignments": 2, "UniqueRequestToken": "extend",
        },
        "CreateHIT": TYPE | new_hit | {"QualificationRequirements": needs, "UniqueRequestToken": "one"},
        "CreateHITType": TYPE | {"QualificationRequirements": needs},
        "CreateHITWithHITType": new_hit | {"HITTypeId": world.hit.hit_type.public_id, "UniqueRequestToken": "two"},
        "CreateQualificationType": {
            "Name": "Expert", "Description": "Knows dogs", "Keywords": "dogs", "QualificationTypeStatus": "Active",
            "RetryDelayInSeconds": 60, "Test": "<QuestionForm/>", "AnswerKey": "<AnswerKey/>",
            "TestDurationInSeconds": 600,
        },
        "CreateWorkerBlock": {"WorkerId": worker, "Reason": "Blank answers"},
        "DeleteHIT": {"HITId": world.done.public_id},
        "DeleteQualificationType": {"QualificationTypeId": kind},
        "DeleteWorkerBlock": {"WorkerId": worker, "Reason": "A mistake"},
        "DisassociateQualificationFromWorker": {"WorkerId": worker, "QualificationTypeId": kind, "Reason": "Over"},
        "GetAccountBalance": {},
        "GetAssignment": {"AssignmentId": world.approved.public_id},
        "GetFileUploadURL": {"AssignmentId": world.approved.public_id, "QuestionIdentifier": "file"},
        "GetHIT": {"HITId": hit},
        "GetQualificationScore": {"QualificationTypeId": kind, "WorkerId": worker},
        "GetQualificationType": {"QualificationTypeId": kind},
        "ListAssignmentsForHIT": size | {"HITId": hit, "AssignmentStatuses": ["Submitted", "Approved"]},
        "ListBonusPayments": size | {"AssignmentId": world.approved.public_id},
        "ListHITs": size,
        "ListHITsForQualificationType": size | {"QualificationTypeId": kind},
        "ListQualificationRequests": size | {"QualificationTypeId": kind},
        "ListQualificationTypes": size | {"Query": "guide", "MustBeRequestable": True, "MustBeOwnedByCaller": True},
        "ListReviewPolicyResultsForHIT": {
            "HITId": hit, "PolicyLevels": ["HIT"], "RetrieveActions": True, "RetrieveResults": True,
        },
        "ListReviewableHITs": size | {"HITTypeId": world.hit.hit_type.public_id, "Status": "Reviewable"},
        "ListWorkerBlocks": size,
        "ListWorkersWithQualificationType": size | {"QualificationTypeId": kind, "Status": "Granted"},
        "NotifyWorkers": {
            "Subject": "New grids", "MessageText": "There are new grids.", "WorkerIds": [worker, "ASTRANGER"],
        },
        "RejectAssignment": {"AssignmentId": world.submitted.public_id, "RequesterFeedback": "Blank"},
        "RejectQualificationRequest": asks | {"Reason": "Not yet"},
        "SendBonus": {
            "WorkerId": worker, "BonusAmount": "1.50", "AssignmentId": world.submitted.public_id, "Reason": "Careful",
            "UniqueRequestToken": "bonus",
        },
        "SendTestEventNotification": {"Notification": NOTIFICATION, "TestEventType": "Ping"},
        "UpdateExpirationForHIT": {"HITId": hit, "ExpireAt": int(time.time()) + 3600},
        "UpdateHITReviewStatus": {"HITId": world.done.public_id, "Revert": False},
        "UpdateHITTypeOfHIT": {"HITId": hit, "HITTypeId": world.hit.hit_type.public_id},
        "UpdateNotificationSettings": {
            "HITTypeId": world.hit.hit_type.public_id, "Notification": NOTIFICATION, "Active": True,
        },
        "UpdateQualificationType": {
            "QualificationTypeId": kind, "Description": "Has read it twice", "QualificationTypeStatus": "Inactive",
            "AutoGranted": True, "AutoGrantedValue": 5, "RetryDelayInSeconds": 10,
        },
    }  # fmt: skip


# Review policies tell of policies, which no HIT here can have; layouts neither.
UNTOLD = {
    "ListReviewPolicyResultsForHIT": {
        "AssignmentReviewPolicy", "HITReviewPolicy", "AssignmentReviewReport", "HITReviewReport",
    },
}  # fmt: skip


def test_every_operation_of_the_api_is_known():
    assert set(OFFERED) == set(OPERATIONS)
    assert len(OFFERED) == 39


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_answer_is_as_described_member_by_member(world, operation):
    status, headers, answer = world.ask(operation, good_requests(world)[operation])
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert len(headers["x-amzn-RequestId"]) == 36
    if operation in NOT_OFFERED:
        assert (status, answer["__type"]) == (400, "RequestError")
        assert not list(deviations("RequestError", {name: answer[name] for name in ("Message", "TurkErrorCode")}))
        return
    assert status == 200, answer
    untold = [f"answer: {name} is missing" for name in UNTOLD.get(operation, ())]
    found = deviations(OPERATIONS[operation]["output"]["shape"], answer)
    assert sorted(found) == sorted(untold)


@pytest.mark.parametrize("operation", sorted(LISTS))
def test_lists_show_something_and_then_end(world, operation):
    """Every page with something on it names the next one, and the empty one does not."""
    request = good_requests(world)[operation]
    _, _, answer = world.ask(operation, request)
    assert answer["NumResults"] > 0
    seen = {answer["NextToken"]}
    while answer["NumResults"]:
        _, _, answer = world.ask(operation, request | {"NextToken": answer["NextToken"]})
        assert answer.get("NextToken") not in seen
    assert "NextToken" not in answer


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_required_member_is_missed(world, operation):
    required = SHAPES[OPERATIONS[operation]["input"]["shape"]].get("required", ())
    status, _, answer = world.ask(operation, {})
    if not required:
        assert answer.get("__type") != "ValidationException"
        return
    assert (status, answer["__type"]) == (400, "ValidationException")
    noun = "error" if len(required) == 1 else "errors"
    assert answer["message"].startswith(f"{len(required)} validation {noun} detected: ")
    for member in required:
        place = member[0].lower() + member[1:]
        assert f"Value null at '{place}' failed to satisfy constraint: Member must not be null" in answer["message"]


def put(values: dict, path: tuple, value: object) -> dict:
    """A copy of a request with one member, however deep, set to that value."""
    copied = copy.deepcopy(values)
    place = copied
    for here, following in zip(path, path[1:], strict=False):
        place = place[0] if isinstance(place, list) else place.setdefault(here, [{}] if following == 0 else {})
    if isinstance(place, list):
        place[:] = [value]
    else:
        place[path[-1]] = value
    return copied


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_values_that_break_a_constraint_are_refused(world, operation):
    good = good_requests(world)[operation]
    for path, shape in constrained_members(OPERATIONS[operation]["input"]["shape"]):
        for value in bad_values(shape):
            status, _, answer = world.ask(operation, put(good, path, value))
            assert (status, answer["__type"]) == (400, "ValidationException"), (path, value, answer)
            assert "failed to satisfy constraint" in answer["message"]


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_values_of_another_type_are_refused(world, operation):
    good = good_requests(world)[operation]
    wrong = {"string": 5, "integer": "5", "long": True, "boolean": "yes", "list": "one", "structure": []}
    wrong["timestamp"] = "soon"
    for member, reference in SHAPES[OPERATIONS[operation]["input"]["shape"]]["members"].items():
        value = wrong[SHAPES[reference["shape"]]["type"]]
        status, _, answer = world.ask(operation, good | {member: value})
        assert (status, answer["__type"]) == (400, "SerializationException"), (member, answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"null"])
def test_bodies_that_are_no_request_are_refused(world, body):
    status, _, answer = world.ask("GetHIT", body)
    assert status == 400
    assert answer["__type"] in ("SerializationException", "ValidationException")


def test_an_unknown_operation_is_refused(world):
    for operation in ("GetHITs", "", "gethit"):
        status, _, answer = world.ask(operation, {})
        assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_request_that_is_far_too_large_is_refused(world):
    status, _, answer = world.ask("CreateHITType", TYPE | {"Keywords": "a" * 600_000})
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


def test_members_that_the_api_does_not_know_are_passed_over(world):
    status, _, answer = world.ask("GetHIT", {"HITId": world.hit.public_id, "Colour": "blue", "MaxResults": "x"})
    assert (status, answer["HIT"]["HITId"]) == (200, world.hit.public_id)


def test_the_measure_finds_what_is_wrong():
    """A measure that finds nothing must be known to look."""
    wrong: list[tuple[str, object]] = [
        ("GetHITResponse", {}),
        ("GetHITResponse", {"HIT": {"HITId": "1"}}),
        ("GetAccountBalanceResponse", {"AvailableBalance": 1, "OnHoldBalance": "0.00"}),
        ("GetAccountBalanceResponse", {"AvailableBalance": "1.234", "OnHoldBalance": "0.00"}),
        ("ListWorkerBlocksResponse", {"NumResults": 0, "WorkerBlocks": [], "More": 1}),
        ("Timestamp", 1_700_000_000_000),
        ("HITStatus", "Open"),
    ]
    check: Callable = deviations
    assert all(list(check(*case)) for case in wrong)
