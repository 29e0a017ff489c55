"""Turns of a marketplace opened, handed in and listed at the same moment."""

import json
import os
from collections import Counter
from functools import partial

import pytest

from aggregation.actions import aggregate
from contains_task.models import ContainsVote
from tests.factories import tick_images, unique, worker_client
from tests.mturk.marketplaces import BOX, KEY, TOKEN, address_of
from tests.required import require
from tests.threads import in_threads
from tests.workforce.assignments_by_hand import fields_of_the_last, make_assignment, make_offered_grid, make_visit
from tests.workforce.starting import opened
from workforce.actions import AlreadySubmitted
from workforce.frame.actions import accept, confirm
from workforce.frame.answer_copy import encode
from workforce.frame.receipts import copy_of
from workforce.models import Assignment, Lease, Slot, Submission, Worker
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db(transaction=True)
SOAK = bool(os.environ.get("SOAK"))


def hand_in(assignment: Assignment) -> Submission:
    return tick_images(lease=assignment.lease, selected=[], idempotency_key=unique("key"))


def list_(assignment: Assignment, fields: dict[str, str]) -> tuple:
    outcome, submission = confirm(
        hit=assignment.lease.hit,
        external_hit_id=assignment.external_hit_id,
        assignment_id=assignment.external_id,
        worker_id=assignment.worker.identity.external_id,
        fields=fields,
    )
    return outcome, submission and submission.pk


def test_an_address_opened_many_times_at_once_is_one_assignment_of_one_worker():
    grid, external_hit_id = make_offered_grid()
    visit = make_visit(external_hit_id)
    assignment_ids = in_threads(8, lambda number: accept(hit=grid.hit, visit=visit).pk)
    assert len(set(assignment_ids)) == 1
    assert Assignment.objects.count() == Lease.objects.count() == Worker.objects.count() == 1


def test_an_answer_that_a_frame_sends_three_times_at_once_is_stored_once_and_answered_equally():
    """T6, on the marketplace's path and over HTTP; the double click is in tests/browser/test_frame.py."""
    for _ in range(100 if SOAK else 5):
        grid, external_hit_id = make_offered_grid()
        visit = make_visit(external_hit_id)
        ids = {"assignmentId": visit.assignment_id, "hitId": visit.hit_id, "workerId": visit.worker_id}
        address = address_of(grid.hit.public_id, "contains", **ids)
        address, page = opened(worker_client(), address)
        text = page.content.decode()
        token, key = require(TOKEN.search(text))[1], require(KEY.search(text))[1]
        sent = {"token": token, "key": key, "selected": BOX.findall(text)[:1]}
        post = partial(post_once, address, json.dumps(sent))
        (status, said), *others = in_threads(3, post)
        assert (status, others) == (200, [(status, said)] * 2)
        assert json.loads(said)["hand_over"]["fields"]["selected"] == sent["selected"][0]
        assert Submission.objects.filter(hit=grid.hit).count() == 1
        assert ContainsVote.objects.filter(submission__hit=grid.hit).count() == 3


def post_once(address: str, body: str, _: int) -> tuple[int, bytes]:
    answered = worker_client().post(address, body, content_type="application/json")
    return answered.status_code, answered.content


def test_of_many_listed_at_once_as_many_count_as_there_are_slots():
    grid, external_hit_id = make_offered_grid(n_slots=3)
    turns = [make_assignment(grid.hit, external_hit_id) for _ in range(12)]
    fields = []
    for turn in turns:
        hand_in(turn)
        turn.refresh_from_db()
        fields.append(fields_of_the_last(turn))
    outcomes = in_threads(12, lambda number: list_(turns[number], fields[number])[0])
    assert Counter(outcomes) == {"confirmed": 3, "surplus": 9}
    assert Slot.objects.filter(state="filled").count() == Submission.objects.filter(state="confirmed").count() == 3


def test_an_assignment_listed_many_times_at_once_fills_one_slot():
    grid, external_hit_id = make_offered_grid(n_slots=3)
    turn = make_assignment(grid.hit, external_hit_id)
    submission = hand_in(turn)
    turn.refresh_from_db()
    fields = fields_of_the_last(turn)
    assert set(in_threads(8, lambda number: list_(turn, fields))) == {("confirmed", submission.pk)}
    assert Slot.objects.filter(state="filled").count() == 1


def test_an_answer_that_arrives_here_and_through_the_marketplace_at_once_counts_once():
    for _ in range(10):
        grid, external_hit_id = make_offered_grid(n_slots=2)
        turn = make_assignment(grid.hit, external_hit_id)
        copy = encode(copy_of(turn.lease, {"selected": []}))

        def arrive(number: int, turn=turn, copy=copy) -> object:
            try:
                return list_(turn, copy)[0] if number else hand_in(turn).state
            except AlreadySubmitted:
                return "late"

        assert tuple(in_threads(2, arrive)) in {("provisional", "confirmed"), ("late", "recovered")}
        take_in_recovered()
        assert Submission.objects.get(hit=grid.hit).state == "confirmed"
        assert Slot.objects.filter(hit=grid.hit, state="filled").count() == 1


def test_answers_are_confirmed_while_others_are_aggregated_and_all_of_them_count_in_the_end():
    grid, external_hit_id = make_offered_grid(n_images=2, n_slots=12)
    turns = [make_assignment(grid.hit, external_hit_id) for _ in range(12)]
    fields = []
    for turn in turns:
        hand_in(turn)
        turn.refresh_from_db()
        fields.append(fields_of_the_last(turn))

    def step(number: int) -> object:
        return aggregate() if number % 4 == 0 else [list_(turns[i], fields[i]) for i in range(number, 12, 4)]

    in_threads(4, step)
    for i in range(0, 12, 4):
        assert list_(turns[i], fields[i])[0] == "confirmed"
    aggregate()
    assert ContainsVote.objects.filter(counted=True).count() == 24
