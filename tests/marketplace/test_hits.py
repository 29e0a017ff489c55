"""HITs over HTTP: their life, their limits, their questions."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marketplace.work.actions import accept_hit
from tests.marketplace.parties import HIT_VALUES, QUESTION, TYPE, make_worker, make_workers, submit_hit
from tests.required import require

NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
PAST = datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC)


def refusal_of(call, **values) -> tuple[str, str, str]:
    with pytest.raises(ClientError) as error:
        call(**values)
    answer: Mapping[str, Any] = error.value.response
    return answer["Error"]["Code"], answer.get("TurkErrorCode", ""), answer["Error"]["Message"]


def status(lab, hit) -> str:
    return lab.hit(hit)["HITStatus"]


def test_a_hit_tells_back_what_it_was_published_with(lab):
    needs = [
        {
            "QualificationTypeId": "00000000000000000071",
            "Comparator": "In",
            "LocaleValues": [{"Country": "US"}, {"Country": "CA"}],
            "ActionsGuarded": "DiscoverPreviewAndAccept",
        }
    ]
    hit = lab.hit(lab.publish(3, RequesterAnnotation="grid 17", QualificationRequirements=needs))
    answer = {name: hit[name] for name in TYPE}
    assert answer == TYPE
    assert (hit["Question"], hit["RequesterAnnotation"], hit["MaxAssignments"]) == (QUESTION, "grid 17", 3)
    assert hit["QualificationRequirements"] == needs
    assert hit["Expiration"] - hit["CreationTime"] == datetime.timedelta(days=1)
    counts = [hit[f"NumberOfAssignments{word}"] for word in ("Available", "Pending", "Completed")]
    assert counts == [3, 0, 0]
    assert hit["HITStatus"] == "Assignable"


def test_what_waits_for_review_is_what_the_three_counts_leave(lab):
    hit = lab.publish(4)
    first, second, third = make_workers(3)
    approved = submit_hit(hit, first)
    lab.client.approve_assignment(AssignmentId=approved.public_id)
    submit_hit(hit, second)
    accept_hit(worker=third, hit=hit)
    answer = lab.hit(hit)
    counts = [answer[f"NumberOfAssignments{word}"] for word in ("Available", "Pending", "Completed")]
    assert (counts, answer["MaxAssignments"] - sum(counts)) == ([1, 1, 1], 1)


def test_unset_values_are_those_of_the_documentation(lab):
    parameters = {name: value for name, value in TYPE.items() if name not in ("Keywords", "AutoApprovalDelayInSeconds")}
    answer = lab.client.create_hit(**parameters, **HIT_VALUES)["HIT"]
    assert answer["AutoApprovalDelayInSeconds"] == 2_592_000
    assert (answer["MaxAssignments"], answer["Keywords"]) == (1, "")
    assert "RequesterAnnotation" not in answer


def test_the_same_values_give_the_same_type(lab):
    first, second = (lab.client.create_hit_type(**TYPE)["HITTypeId"] for _ in range(2))
    other = lab.client.create_hit_type(**TYPE | {"Reward": "0.11"})["HITTypeId"]
    assert first == second != other
    hit = lab.client.create_hit_with_hit_type(HITTypeId=first, **HIT_VALUES)["HIT"]
    assert hit["HITTypeId"] == lab.client.create_hit(**TYPE, **HIT_VALUES)["HIT"]["HITTypeId"] == first


def test_the_review_status_goes_there_and_back(lab):
    hit = lab.publish()
    code = refusal_of(lab.client.update_hit_review_status, HITId=hit.public_id)
    assert code[1] == "AWS.MechanicalTurk.InvalidHITState"
    submit_hit(hit)
    lab.client.update_hit_review_status(HITId=hit.public_id)
    assert status(lab, hit) == "Reviewing"
    assert lab.client.list_reviewable_hits()["NumResults"] == 0
    assert lab.client.list_reviewable_hits(Status="Reviewing")["NumResults"] == 1
    lab.client.update_hit_review_status(HITId=hit.public_id, Revert=True)
    assert status(lab, hit) == "Reviewable"
    assert refusal_of(lab.client.update_hit_review_status, HITId=hit.public_id, Revert=True)[0] == "RequestError"


def test_a_hit_under_review_stays_so_while_its_work_is_approved_and_not_when_it_is_reopened(lab):
    hit = lab.publish()
    assignment = submit_hit(hit)
    lab.client.update_hit_review_status(HITId=hit.public_id)
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    assert status(lab, hit) == "Reviewing"
    lab.client.create_additional_assignments_for_hit(HITId=hit.public_id, NumberOfAdditionalAssignments=1)
    assert status(lab, hit) == "Assignable"
    submit_hit(hit)
    assert status(lab, hit) == "Reviewable"


def test_a_past_expiration_ends_a_hit_at_once_and_a_later_one_reopens_it(lab):
    hit = lab.publish(2)
    lab.client.update_expiration_for_hit(HITId=hit.public_id, ExpireAt=PAST)
    assert status(lab, hit) == "Reviewable"
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    lab.client.update_expiration_for_hit(HITId=hit.public_id, ExpireAt=later)
    assert status(lab, hit) == "Assignable"
    assert lab.hit(hit)["Expiration"] == later.replace(microsecond=0)


def test_further_assignments_reopen_a_hit(lab):
    hit = lab.publish()
    submit_hit(hit)
    lab.client.create_additional_assignments_for_hit(HITId=hit.public_id, NumberOfAdditionalAssignments=8)
    assert (status(lab, hit), lab.hit(hit)["MaxAssignments"]) == ("Assignable", 9)


@pytest.mark.parametrize(("n_first", "n_more", "allowed"), [(1, 8, True), (1, 9, False), (9, 1, False), (10, 5, True)])
def test_a_hit_cannot_grow_across_the_line_where_the_fee_rises(lab, n_first, n_more, allowed):
    hit = lab.publish(n_first)
    extension = {"HITId": hit.public_id, "NumberOfAdditionalAssignments": n_more}
    if allowed:
        lab.client.create_additional_assignments_for_hit(**extension)
    else:
        code = refusal_of(lab.client.create_additional_assignments_for_hit, **extension)[1]
        assert code == "AWS.MechanicalTurk.InvalidMaximumAssignmentsIncrease"
    assert lab.hit(hit)["MaxAssignments"] == n_first + (n_more if allowed else 0)


def test_only_what_is_reviewed_can_be_deleted_and_is_then_gone_from_lists(lab):
    hit = lab.publish()
    assert refusal_of(lab.client.delete_hit, HITId=hit.public_id)[1] == "AWS.MechanicalTurk.InvalidHITState"
    assignment = submit_hit(hit)
    assert refusal_of(lab.client.delete_hit, HITId=hit.public_id)[1] == "AWS.MechanicalTurk.InvalidHITState"
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    lab.client.delete_hit(HITId=hit.public_id)
    assert status(lab, hit) == "Disposed"
    assert lab.client.list_hits()["NumResults"] == 0
    assert "'Disposed'" in refusal_of(lab.client.delete_hit, HITId=hit.public_id)[2]
    assert "'Disposed'" in refusal_of(lab.client.update_expiration_for_hit, HITId=hit.public_id, ExpireAt=PAST)[2]
    extension = {"HITId": hit.public_id, "NumberOfAdditionalAssignments": 1}
    assert "'Disposed'" in refusal_of(lab.client.create_additional_assignments_for_hit, **extension)[2]


def test_a_hit_can_change_its_type(lab):
    hit = lab.publish()
    other = lab.client.create_hit_type(**TYPE | {"Title": "Which contain a dog?", "Reward": "0.20"})["HITTypeId"]
    lab.client.update_hit_type_of_hit(HITId=hit.public_id, HITTypeId=other)
    assert (lab.hit(hit)["Title"], lab.hit(hit)["Reward"]) == ("Which contain a dog?", "0.20")
    assert lab.balance() == ("999.76", "0.24")


def test_what_belongs_to_others_does_not_exist(endpoint, lab):
    hit = lab.publish()
    assignment = submit_hit(hit)
    stranger = endpoint.lab().client
    for call, values in (
        (stranger.get_hit, {"HITId": hit.public_id}),
        (stranger.list_assignments_for_hit, {"HITId": hit.public_id}),
        (stranger.update_expiration_for_hit, {"HITId": hit.public_id, "ExpireAt": PAST}),
        (stranger.delete_hit, {"HITId": hit.public_id}),
        (stranger.create_additional_assignments_for_hit, {"HITId": hit.public_id, "NumberOfAdditionalAssignments": 1}),
        (stranger.create_hit_with_hit_type, {"HITTypeId": hit.hit_type.public_id} | HIT_VALUES),
        (stranger.get_assignment, {"AssignmentId": assignment.public_id}),
        (stranger.approve_assignment, {"AssignmentId": assignment.public_id}),
        (stranger.reject_assignment, {"AssignmentId": assignment.public_id, "RequesterFeedback": "Blank"}),
        (stranger.list_bonus_payments, {"AssignmentId": assignment.public_id}),
    ):
        kind, code, message = refusal_of(call, **values)
        assert (kind, code.endswith("DoesNotExist")) == ("RequestError", True)
        assert "does not exist. (" in message
    assert stranger.list_hits()["HITs"] == []
    assert status(lab, hit) == "Reviewable"


def test_refusals_end_with_the_time_in_milliseconds(lab):
    message = refusal_of(lab.client.get_hit, HITId="3NONE")[2]
    stamp = int(message.rpartition("(")[2].rstrip(")"))
    assert message.startswith("Hit 3NONE does not exist. (")
    assert abs(stamp / 1000 - datetime.datetime.now().timestamp()) < 60


def test_an_unlinked_account_gets_its_error(endpoint, lab):
    lab.requester.is_linked = False
    lab.requester.save()
    kind, _, message = refusal_of(lab.client.get_account_balance)
    assert kind == "RequestError"
    assert "must be linked" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Title", "a" * 129),
        ("Title", ""),
        ("Description", "a" * 2001),
        ("Keywords", "a" * 1001),
        ("RequesterAnnotation", "a" * 256),
        ("LifetimeInSeconds", 29),
        ("LifetimeInSeconds", 31_536_001),
        ("AssignmentDurationInSeconds", 29),
        ("AssignmentDurationInSeconds", 31_536_001),
        ("AutoApprovalDelayInSeconds", -1),
        ("AutoApprovalDelayInSeconds", 2_592_001),
        ("MaxAssignments", 0),
        ("MaxAssignments", 1_000_000_001),
        ("Reward", "10000.01"),
        ("Title", "bell \x07"),
        ("Title", "nothing \x00"),
        ("Question", "a" * 65_536),
        ("Question", "é" * 40_000),
    ],
)
def test_the_limits_of_the_documentation_hold(lab, name, value):
    kind, _, message = refusal_of(lab.client.create_hit, **TYPE | HIT_VALUES | {name: value})
    assert kind == "ParameterValidationError"
    assert name in message
    assert not lab.requester.hits.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Title", "a" * 128),
        ("Title", "Wo ist die Katze? 🐈"),
        ("Reward", "0"),
        ("Reward", "5."),
        ("LifetimeInSeconds", 30),
        ("LifetimeInSeconds", 31_536_000),
        ("AutoApprovalDelayInSeconds", 0),
    ],
)
def test_what_is_just_within_the_limits_is_taken(lab, name, value):
    assert lab.client.create_hit(**TYPE | HIT_VALUES | {name: value})["HIT"]["HITStatus"] == "Assignable"


@pytest.mark.parametrize("amount", ["abc", "-1", "1.234", "1,50", "", "1e2", "0.1\n", "٣"])
def test_amounts_are_dollars_and_cents(lab, amount):
    assert refusal_of(lab.client.create_hit, **TYPE | HIT_VALUES | {"Reward": amount})[0] in (
        "ValidationException",
        "ParameterValidationError",
    )


@pytest.mark.parametrize("name", ["Reward", "BonusAmount"])
def test_an_endless_amount_is_refused_unread(lab, name):
    values = TYPE | HIT_VALUES | {"Reward": "9" * 5000}
    if name == "Reward":
        kind, _, message = refusal_of(lab.client.create_hit, **values)
    else:
        assignment = submit_hit(lab.publish())
        bonus = {
            "WorkerId": require(assignment.worker).public_id,
            "AssignmentId": assignment.public_id,
            "Reason": "Careful",
        }
        kind, _, message = refusal_of(lab.client.send_bonus, BonusAmount="9" * 5000, **bonus)
    assert (kind, name in message, len(message) < 200) == ("ParameterValidationError", True, True)


def test_a_hit_ends_within_a_year(lab):
    hit = lab.publish()
    for year in (9999, datetime.date.today().year + 2):
        far = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
        kind, _, message = refusal_of(lab.client.update_expiration_for_hit, HITId=hit.public_id, ExpireAt=far)
        assert (kind, "ExpireAt" in message) == ("ParameterValidationError", True)


def external(url: str = "https://lab.example/", height: str = "0", namespace: str = NAMESPACE, prolog: str = "") -> str:
    return (
        f'{prolog}<ExternalQuestion xmlns="{namespace}"><ExternalURL>{url}</ExternalURL>'
        f"<FrameHeight>{height}</FrameHeight></ExternalQuestion>"
    )


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "question",
    [
        "",
        "no xml",
        "<ExternalQuestion>",
        external("http://lab.example/"),
        external("javascript:alert(1)"),
        external("https://"),
        external("ftp://lab.example/"),
        external("//lab.example"),
        external("https://[::"),
        external(height="-1"),
        external(height="tall"),
        external(height="٣"),
        external(height=""),
        external(namespace="urn:x"),
        external(prolog=LAUGHS),
        external("https://a.b/?a=1&b=2"),
        external(prolog='<!DOCTYPE a SYSTEM "file:///etc/passwd">'),
        f'<ExternalQuestion xmlns="{NAMESPACE}"><FrameHeight>0</FrameHeight></ExternalQuestion>',
        f'<Question xmlns="{NAMESPACE}"><ExternalURL>https://a.b</ExternalURL><FrameHeight>0</FrameHeight></Question>',
    ],
)
def test_a_question_that_cannot_be_shown_is_refused(lab, question):
    kind, _, message = refusal_of(lab.client.create_hit, **TYPE | HIT_VALUES | {"Question": question})
    assert kind == "ParameterValidationError"
    assert "XML" in message or "Question" in message


@pytest.mark.parametrize(
    "question",
    [
        external("https://lab.example/?a=1&amp;b=2"),
        external("http://localhost:8000/x"),
        external(height="600"),
        external(prolog='<?xml version="1.0" encoding="UTF-8"?>\n'),
        external("<![CDATA[https://lab.example/?a=1&b=2]]>"),
    ],
)
def test_external_questions_are_taken(lab, question):
    assert lab.client.create_hit(**TYPE | HIT_VALUES | {"Question": question})["HIT"]["Question"] == question


@pytest.mark.parametrize("root", ["HTMLQuestion", "QuestionForm"])
def test_questions_that_this_marketplace_cannot_show_are_declared(lab, root):
    kind, code, message = refusal_of(lab.client.create_hit, **TYPE | HIT_VALUES | {"Question": f"<{root}>a</{root}>"})
    assert (kind, code) == ("RequestError", "AWS.MechanicalTurk.PermissionDeniedException")
    assert root in message


def test_layouts_and_review_policies_are_declared(lab):
    layout = {name: value for name, value in (TYPE | HIT_VALUES).items() if name != "Question"}
    assert refusal_of(lab.client.create_hit, **layout)[2].startswith("Either a Question parameter")
    assert refusal_of(lab.client.create_hit, **layout, HITLayoutId="3LAYOUT")[1].endswith("HITLayoutDoesNotExist")
    policy = {"PolicyName": "SimplePlurality/2011-09-01"}
    for name in ("AssignmentReviewPolicy", "HITReviewPolicy"):
        assert refusal_of(lab.client.create_hit, **TYPE, **HIT_VALUES, **{name: policy})[0] == "RequestError"


@pytest.mark.parametrize(
    "requirement",
    [
        {"QualificationTypeId": "3UNKNOWN", "Comparator": "Exists"},
        {"QualificationTypeId": "00000000000000000040", "Comparator": "GreaterThan"},
        {"QualificationTypeId": "00000000000000000040", "Comparator": "GreaterThan", "IntegerValues": [1, 2]},
        {"QualificationTypeId": "00000000000000000040", "Comparator": "In", "IntegerValues": list(range(16))},
        {"QualificationTypeId": "00000000000000000040", "Comparator": "Exists", "IntegerValues": [1]},
        {"QualificationTypeId": "00000000000000000040", "Comparator": "In", "LocaleValues": [{"Country": "US"}]},
        {"QualificationTypeId": "00000000000000000071", "Comparator": "LessThan", "LocaleValues": [{"Country": "US"}]},
        {"QualificationTypeId": "00000000000000000071", "Comparator": "In", "IntegerValues": [1]},
    ],
)
def test_a_requirement_that_cannot_be_decided_is_refused(lab, requirement):
    kind, _, message = refusal_of(lab.client.create_hit_type, **TYPE, QualificationRequirements=[requirement])
    assert kind in ("ParameterValidationError", "RequestError")
    assert "Qualification" in message or "IntegerValues" in message


def test_a_hit_has_at_most_ten_requirements(lab):
    requirement = {"QualificationTypeId": "00000000000000000040", "Comparator": "GreaterThan", "IntegerValues": [1]}
    lab.client.create_hit_type(**TYPE, QualificationRequirements=[requirement] * 10)
    kind, _, message = refusal_of(lab.client.create_hit_type, **TYPE, QualificationRequirements=[requirement] * 11)
    assert (kind, "QualificationRequirements is 11" in message) == ("ParameterValidationError", True)


def test_assignments_are_visible_only_after_submission(lab):
    hit = lab.publish(2)
    assignment = accept_hit(worker=make_worker(), hit=hit)
    assert lab.client.list_assignments_for_hit(HITId=hit.public_id)["Assignments"] == []
    words = refusal_of(lab.client.get_assignment, AssignmentId=assignment.public_id)[2]
    assert "status of: Reviewable,Approved,Rejected" in words
    assert "status of: null" in refusal_of(lab.client.approve_assignment, AssignmentId=assignment.public_id)[2]


def test_rejection_needs_a_reason_and_approval_can_override_it(lab):
    assignment = submit_hit(lab.publish())
    ours = {"AssignmentId": assignment.public_id}
    assert refusal_of(lab.client.reject_assignment, **ours, RequesterFeedback=" ")[0] == "ParameterValidationError"
    assert (
        refusal_of(lab.client.reject_assignment, **ours, RequesterFeedback="a" * 1025)[0] == "ParameterValidationError"
    )
    lab.client.reject_assignment(**ours, RequesterFeedback="The grid is empty")
    answer = lab.client.get_assignment(**ours)["Assignment"]
    assert (answer["AssignmentStatus"], answer["RequesterFeedback"]) == ("Rejected", "The grid is empty")
    assert refusal_of(lab.client.approve_assignment, **ours)[1] == "AWS.MechanicalTurk.InvalidAssignmentState"
    lab.client.approve_assignment(**ours, OverrideRejection=True)
    answer = lab.client.get_assignment(**ours)["Assignment"]
    assert (answer["AssignmentStatus"], "RejectionTime" in answer) == ("Approved", False)
    assert lab.balance() == ("999.88", "0.00")
