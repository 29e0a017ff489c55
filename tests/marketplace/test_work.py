"""Accepting, returning and submitting HITs, and time-outs."""

from datetime import timedelta
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.actions import block_worker, unblock_worker
from marketplace.clock import now
from marketplace.errors import WorkRefused
from marketplace.hits.actions import set_expiration
from marketplace.models import HIT, Assignment
from marketplace.qualifications import system
from marketplace.qualifications.actions import create_qualification_type, grant_qualification, revoke_qualification
from marketplace.reads import visible_assignments
from marketplace.review.actions import approve_assignment, reject_assignment
from marketplace.work.actions import (
    MOST_IN_QUEUE,
    AlreadyDone,
    NotAvailable,
    NotInProgress,
    NotQualified,
    accept_hit,
    accept_next,
    return_assignment,
    submit_assignment,
)
from marketplace.work.answers import answers_xml
from tests.marketplace.parties import (
    later,
    make_hit,
    make_hit_type,
    make_requester,
    make_worker,
    make_workers,
    submit_hit,
)
from tests.required import require

database = pytest.mark.django_db
Status = Assignment.Status
ANSWER = [("label", "cat")]


def counts(hit: HIT) -> tuple[str, int, int, int, int]:
    hit.refresh_from_db()
    return hit.status, hit.n_available, hit.n_pending, hit.n_submitted, hit.n_approved + hit.n_rejected


@database
def test_who_accepts_has_the_hit_until_the_deadline():
    hit, worker = make_hit(max_assignments=2), make_worker()
    assignment = accept_hit(worker=worker, hit=hit)
    assert (assignment.status, assignment.worker) == (Status.PENDING, worker)
    assert require(assignment.deadline) - require(assignment.accepted_at) == timedelta(seconds=600)
    assert counts(hit) == ("Assignable", 1, 1, 0, 0)


@database
def test_accepting_again_gives_the_same_assignment():
    hit, worker = make_hit(max_assignments=2), make_worker()
    assert accept_hit(worker=worker, hit=hit) == accept_hit(worker=worker, hit=hit)
    assert counts(hit) == ("Assignable", 1, 1, 0, 0)


@database
def test_a_hit_is_unassignable_when_all_places_are_taken_and_again_assignable_after_a_return():
    hit, (first, second) = make_hit(), make_workers(2)
    assignment = accept_hit(worker=first, hit=hit)
    assert counts(hit) == ("Unassignable", 0, 1, 0, 0)
    with pytest.raises(NotAvailable):
        accept_hit(worker=second, hit=hit)
    return_assignment(worker=first, assignment=assignment)
    assert counts(hit) == ("Assignable", 1, 0, 0, 0)
    assert accept_hit(worker=second, hit=hit).status == Status.PENDING


@database
def test_a_returned_assignment_goes_to_the_next_worker_under_the_same_id():
    hit, (first, second) = make_hit(max_assignments=5), make_workers(2)
    returned = accept_hit(worker=first, hit=hit)
    return_assignment(worker=first, assignment=returned)
    again = accept_hit(worker=second, hit=hit)
    assert again.public_id == returned.public_id
    with pytest.raises(NotInProgress, match="not in your queue"):
        submit_assignment(assignment_id=returned.public_id, fields=ANSWER, worker=first)
    submit_assignment(assignment_id=again.public_id, fields=ANSWER, worker=second)
    assert visible_assignments(hit, now()).get().worker == second


@database
def test_an_abandoned_assignment_goes_to_the_next_worker_under_the_same_id():
    hit, (first, second) = make_hit(), make_workers(2)
    abandoned = accept_hit(worker=first, hit=hit)
    later(minutes=9)
    assert counts(hit) == ("Unassignable", 0, 1, 0, 0)
    later(minutes=2)
    assert counts(hit) == ("Assignable", 1, 0, 0, 0)
    assert accept_hit(worker=second, hit=hit).public_id == abandoned.public_id
    assert accept_hit(worker=second, hit=hit).worker == second


@database
def test_nothing_can_be_submitted_after_the_deadline():
    hit, worker = make_hit(), make_worker()
    assignment = accept_hit(worker=worker, hit=hit)
    later(minutes=11)
    with pytest.raises(NotInProgress, match="has expired or was returned"):
        submit_assignment(assignment_id=assignment.public_id, fields=ANSWER, worker=worker)
    with pytest.raises(NotInProgress, match="has expired or was returned"):
        return_assignment(worker=worker, assignment=assignment)
    assert counts(hit) == ("Assignable", 1, 0, 0, 0)


@database
def test_submitted_work_is_pending_review_and_stored_once():
    hit, worker = make_hit(max_assignments=2), make_worker()
    assignment = accept_hit(worker=worker, hit=hit)
    submitted = submit_assignment(assignment_id=assignment.public_id, fields=[*ANSWER, ("assignmentId", "x")])
    assert submitted.status == Status.SUBMITTED
    assert require(submitted.submitted_at) >= require(submitted.accepted_at)
    assert "assignmentId" not in submitted.answer
    with pytest.raises(NotInProgress, match="already"):
        submit_assignment(assignment_id=assignment.public_id, fields=[("label", "dog")])
    with pytest.raises(AlreadyDone):
        accept_hit(worker=worker, hit=hit)
    submitted.refresh_from_db()
    assert "cat" in submitted.answer
    assert counts(hit) == ("Assignable", 1, 0, 1, 0)


@database
@pytest.mark.parametrize("fields", [[], [("assignmentId", "3ABC")], [("label", "")], [("label", " \n")]])
def test_an_answer_must_say_something(fields):
    assignment = accept_hit(worker=make_worker(), hit=make_hit())
    with pytest.raises(WorkRefused, match="no answer"):
        submit_assignment(assignment_id=assignment.public_id, fields=fields)
    assignment.refresh_from_db()
    assert assignment.status == Status.PENDING


@database
@pytest.mark.parametrize("assignment_id", ["ASSIGNMENT_ID_NOT_AVAILABLE", "", "3" * 30, "' OR 1=1"])
def test_a_preview_or_an_invented_id_cannot_be_submitted(assignment_id):
    with pytest.raises(NotInProgress, match="does not exist"):
        submit_assignment(assignment_id=assignment_id, fields=ANSWER)


@database
def test_the_last_answer_makes_a_hit_reviewable():
    hit, (first, second) = make_hit(max_assignments=2), make_workers(2)
    submit_hit(hit, first)
    assert counts(hit)[0] == "Assignable"
    submit_hit(hit, second)
    assert counts(hit) == ("Reviewable", 0, 0, 2, 0)


@database
def test_an_expired_hit_takes_the_work_that_was_begun_and_no_more():
    hit, (first, second) = make_hit(max_assignments=3), make_workers(2)
    begun = accept_hit(worker=first, hit=hit)
    set_expiration(hit=hit, expires_at=now())
    assert counts(hit) == ("Unassignable", 2, 1, 0, 0)
    with pytest.raises(NotAvailable):
        accept_hit(worker=second, hit=hit)
    submit_assignment(assignment_id=begun.public_id, fields=ANSWER)
    assert counts(hit) == ("Reviewable", 2, 0, 1, 0)


@database
def test_a_hit_expires_by_itself():
    hit = make_hit(lifetime_seconds=60)
    later(seconds=59)
    assert counts(hit)[0] == "Assignable"
    later(seconds=2)
    assert counts(hit)[0] == "Reviewable"
    with pytest.raises(NotAvailable):
        accept_hit(worker=make_worker(), hit=hit)


@database
def test_work_is_approved_by_itself_after_the_delay_at_the_time_promised():
    hit = make_hit(make_hit_type(make_requester(), auto_approval_seconds=3600))
    assignment = submit_hit(hit)
    later(minutes=59)
    assignment.refresh_from_db()
    assert assignment.status == Status.SUBMITTED
    later(hours=5)
    assignment.refresh_from_db()
    assert (assignment.status, assignment.approved_at) == (Status.APPROVED, assignment.auto_approval_at)
    assert counts(hit) == ("Reviewable", 0, 0, 0, 1)
    assert sorted(assignment.entries.values_list("kind", flat=True)) == ["reward", "reward fee"]


@database
@pytest.mark.parametrize("delay", [0, 60])
def test_a_short_delay_does_not_wait_for_anything_else_of_the_hit(delay):
    assignment = submit_hit(make_hit(make_hit_type(make_requester(), auto_approval_seconds=delay), max_assignments=2))
    later(seconds=delay + 5)
    assignment.refresh_from_db()
    assert assignment.status == Status.APPROVED


@database
def test_what_was_rejected_is_not_approved_by_itself():
    assignment = submit_hit(make_hit())
    reject_assignment(assignment=assignment, feedback="Blank")
    later(days=4)
    assignment.refresh_from_db()
    assert assignment.status == Status.REJECTED


@database
def test_a_hit_disappears_by_itself_120_days_after_its_end_but_not_before_its_work_is_reviewed():
    kind = make_hit_type(make_requester(), auto_approval_seconds=2_592_000)
    hit = make_hit(kind, lifetime_seconds=60)
    later(days=119)
    assert counts(hit)[0] == "Reviewable"
    later(days=2)
    assert counts(hit)[0] == "Disposed"


@database
def test_accept_next_gives_each_worker_another_hit_until_there_is_none():
    kind = make_hit_type(make_requester())
    hits = [make_hit(kind, max_assignments=2) for _ in range(3)]
    first, second = make_workers(2)
    accepted_hits = [accept_next(worker=worker, hit_type=kind).hit for worker in (first, second) for _ in range(3)]
    assert accepted_hits == hits * 2
    with pytest.raises(NotAvailable):
        accept_next(worker=first, hit_type=kind)
    with pytest.raises(NotAvailable):
        accept_next(worker=make_worker(), hit_type=kind)


@database
def test_nobody_holds_more_than_the_queue_has_room_for():
    kind, worker = make_hit_type(make_requester()), make_worker()
    for _ in range(MOST_IN_QUEUE):
        accept_hit(worker=worker, hit=make_hit(kind))
    with pytest.raises(WorkRefused, match="queue"):
        accept_hit(worker=worker, hit=make_hit(kind))
    return_assignment(worker=worker, assignment=require(worker.assignments.first()))
    assert accept_next(worker=worker, hit_type=kind).worker == worker


@database
def test_a_blocked_worker_gets_nothing_of_that_requester():
    requester, worker = make_requester(), make_worker()
    hit = make_hit(make_hit_type(requester))
    block_worker(requester=requester, worker=worker, reason="Blank answers")
    with pytest.raises(NotQualified):
        accept_hit(worker=worker, hit=hit)
    assert accept_hit(worker=worker, hit=make_hit()).worker == worker
    unblock_worker(requester=requester, worker=worker)
    assert accept_hit(worker=worker, hit=hit).worker == worker


def needs(type_id: str, comparator: str, *values: int, **more) -> dict:
    listed = {"IntegerValues": list(values)} if values else {}
    return {"QualificationTypeId": type_id, "Comparator": comparator} | listed | more


@database
def test_a_qualification_opens_a_hit_and_its_loss_closes_it():
    requester, worker = make_requester(), make_worker()
    kind = create_qualification_type(requester=requester, name="Trained", description="Has read the guide")
    hit_type = make_hit_type(requester, requirements=[needs(kind.public_id, "GreaterThanOrEqualTo", 80)])
    for value, accepted in ((79, False), (80, True)):
        qualification = grant_qualification(qualification_type=kind, worker=worker, value=value)
        if accepted:
            accept_hit(worker=worker, hit=make_hit(hit_type))
        else:
            with pytest.raises(NotQualified):
                accept_hit(worker=worker, hit=make_hit(hit_type))
    revoke_qualification(qualification=qualification)
    with pytest.raises(NotQualified):
        accept_hit(worker=worker, hit=make_hit(hit_type))


@database
@pytest.mark.parametrize(
    ("requirement", "facts", "accepted"),
    [
        (needs(system.ADULT, "EqualTo", 1), {"is_adult": True}, True),
        (needs(system.ADULT, "EqualTo", 1), {}, False),
        (needs(system.MASTERS[0], "Exists"), {"is_master": True}, True),
        (needs(system.MASTERS[1], "Exists"), {}, False),
        (needs(system.LOCALE, "EqualTo", LocaleValues=[{"Country": "DE"}]), {"country": "DE"}, True),
        (needs(system.LOCALE, "EqualTo", LocaleValues=[{"Country": "DE"}]), {}, False),
        (needs(system.LOCALE, "NotIn", LocaleValues=[{"Country": "DE"}, {"Country": "US"}]), {}, False),
        (
            needs(system.LOCALE, "In", LocaleValues=[{"Country": "US", "Subdivision": "NY"}]),
            {"subdivision": "NY"},
            True,
        ),
        (needs(system.LOCALE, "In", LocaleValues=[{"Country": "US", "Subdivision": "NY"}]), {}, False),
        (needs(system.NUMBER_APPROVED, "GreaterThan", 0), {}, False),
        (needs(system.PERCENT_APPROVED, "GreaterThanOrEqualTo", 95), {}, True),
    ],
)
def test_the_marketplace_knows_some_qualifications_itself(requirement, facts, accepted):
    hit = make_hit(make_hit_type(make_requester(), requirements=[requirement]))
    worker = make_worker(**facts)
    if accepted:
        assert accept_hit(worker=worker, hit=hit).worker == worker
    else:
        with pytest.raises(NotQualified):
            accept_hit(worker=worker, hit=hit)


@database
def test_a_workers_record_counts_what_was_approved_and_rejected():
    worker = make_worker()
    for _ in range(2):
        approve_assignment(assignment=submit_hit(make_hit(), worker))
    reject_assignment(assignment=submit_hit(make_hit(), worker), feedback="Blank")
    for requirement, accepted in (
        (needs(system.NUMBER_APPROVED, "EqualTo", 2), True),
        (needs(system.PERCENT_APPROVED, "EqualTo", 66), True),
        (needs(system.PERCENT_APPROVED, "GreaterThan", 66), False),
    ):
        hit = make_hit(make_hit_type(make_requester(), requirements=[requirement]))
        if accepted:
            assert accept_hit(worker=worker, hit=hit)
        else:
            with pytest.raises(NotQualified):
                accept_hit(worker=worker, hit=hit)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=60)), min_size=1, max_size=8))
def test_answers_are_well_formed_xml_that_reads_back_what_xml_can_hold(fields):
    root = minidom.parseString(answers_xml(fields).encode("utf-8", "replace")).documentElement
    assert require(root).localName == "QuestionFormAnswers"
    read = [
        tuple(text_of(node) for node in answer.getElementsByTagName("*"))
        for answer in require(root).getElementsByTagName("Answer")
    ]
    assert len(read) == len(fields)
    for (name, value), (name_read, value_read) in zip(fields, read, strict=True):
        for original, parsed in ((name, name_read), (value, value_read)):
            if original.isprintable():
                assert parsed == original


def text_of(element: minidom.Element) -> str:
    return "".join(part.data for part in element.childNodes if isinstance(part, minidom.Text))


def test_markup_in_an_answer_stays_text():
    xml = answers_xml([("a<b", "</FreeText></Answer><Answer>&amp;"), ("line", "one\r\ntwo\ttab\x00")])
    nodes = [node.firstChild for node in minidom.parseString(xml).getElementsByTagName("FreeText")]
    texts = [node.data for node in nodes if isinstance(node, minidom.Text)]
    assert texts == ["</FreeText></Answer><Answer>&amp;", "one\r\ntwo\ttab\ufffd"]
