"""Turns at HITs that a marketplace hands out: what a browser may get, and what its answer is worth until listed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalog.reads import now
from contains_task.models import ContainsVote
from mturk.models import MarketplaceHIT
from tests.factories import tick_images, unique
from tests.required import require
from tests.workforce.assignments_by_hand import (
    external,
    fields_of_the_last,
    make_assignment,
    make_offered_grid,
    make_visit,
    offer,
)
from workforce.actions import AlreadySubmitted, close_batch, expire_leases, identify_worker, settle_recovered
from workforce.frame import actions
from workforce.frame.actions import (
    AlreadyAnswered,
    HITClosed,
    NotYetPublished,
    WrongHIT,
    accept,
    confirm,
    orphan_unlisted,
)
from workforce.frame.answer_copy import encode
from workforce.frame.receipts import copy_of
from workforce.models import Assignment, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import image_handle
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db


def hand_in(assignment: Assignment, n_ticked: int = 1) -> Submission:
    images = [cell.image.public_id for cell in assignment.lease.hit.grid.cells.all()]
    key = f"{assignment.lease.public_id}.{unique('key')}"
    assignment.lease.assignment = assignment
    return tick_images(lease=assignment.lease, selected=images[:n_ticked], idempotency_key=key)


def list_(assignment: Assignment, fields: dict | None = None, **changed: object):
    """List an assignment, as the marketplace does after its submission."""
    assignment.refresh_from_db()
    named: dict[str, Any] = {
        "hit": assignment.lease.hit,
        "external_hit_id": assignment.external_hit_id,
        "assignment_id": assignment.external_id,
        "worker_id": assignment.worker.identity.external_id,
        "fields": fields_of_the_last(assignment) if fields is None else fields,
    }
    return confirm(**(named | changed))


@pytest.fixture
def offered():
    return make_offered_grid()


@pytest.fixture
def assignment(offered) -> Assignment:
    grid, external_hit_id = offered
    return make_assignment(grid.hit, external_hit_id)


def free_slots(hit) -> int:
    return hit.slots.filter(state=Slot.State.FREE).count()


def test_an_accepted_assignment_gets_a_lease_that_takes_no_slot(offered, assignment):
    grid, _ = offered
    lease = assignment.lease
    assert (lease.hit, lease.slot, lease.takes_slot, lease.state) == (grid.hit, None, False, "active")
    assert free_slots(grid.hit) == 2
    assert WorkerIdentity.objects.get(worker=assignment.worker).marketplace == "mturk"


def test_the_lease_lasts_as_long_as_the_marketplace_gives_and_a_while_more(assignment):
    left = assignment.lease.expires_at - now()
    assert timedelta(hours=1) < left <= timedelta(hours=2)


def test_opening_a_hit_takes_few_statements_also_when_it_is_opened_again(offered, django_assert_max_num_queries):
    grid, external_hit_id = offered
    make_assignment(grid.hit, external_hit_id)
    visit = make_visit(external_hit_id)
    identify_worker(marketplace="mturk", external_id=visit.worker_id)
    # The person, their lock, whether the visit is known, how they stand to the HIT, what is stored; two of a savepoint.
    with django_assert_max_num_queries(7):
        accept(hit=grid.hit, visit=visit)
    # And whether its time is to begin anew.
    with django_assert_max_num_queries(6):
        accept(hit=grid.hit, visit=visit)


def test_the_same_address_again_finds_the_same_assignment_and_lease(offered):
    grid, external_hit_id = offered
    visit = make_visit(external_hit_id)
    first, again = accept(hit=grid.hit, visit=visit), accept(hit=grid.hit, visit=visit)
    assert first == again
    assert first.lease == again.lease
    assert Lease.objects.count() == Assignment.objects.count() == 1


def test_it_is_resumed_after_the_lease_expired_and_after_the_batch_closed(offered):
    grid, external_hit_id = offered
    visit = make_visit(external_hit_id)
    first = accept(hit=grid.hit, visit=visit)
    Lease.objects.update(expires_at=now() - timedelta(minutes=1))
    assert expire_leases() == 1
    close_batch(batch=grid.hit.batch)
    grid.hit.refresh_from_db()
    assert accept(hit=grid.hit, visit=visit) == first
    assert hand_in(first).state == "provisional"


def test_a_returned_assignment_goes_to_another_worker_under_the_same_id(offered):
    grid, external_hit_id = offered
    first = make_assignment(grid.hit, external_hit_id)
    second = make_assignment(grid.hit, external_hit_id, assignment=first.external_id)
    assert first.worker != second.worker
    assert first.lease != second.lease


def test_a_person_may_work_on_several_hits_at_once(offered):
    grid, external_hit_id = offered
    other, other_id = make_offered_grid()
    worker = external("AWORKER")
    make_assignment(grid.hit, external_hit_id, worker=worker)
    make_assignment(other.hit, other_id, worker=worker)
    assert Lease.objects.filter(state="active").count() == 2
    assert Worker.objects.count() == 1


def test_an_id_of_another_hit_of_the_marketplace_is_refused(offered):
    grid, _ = offered
    _, stolen = make_offered_grid()
    with pytest.raises(WrongHIT, match="another task"):
        make_assignment(grid.hit, stolen)
    with pytest.raises(WrongHIT):
        make_assignment(grid.hit, external("3INVENTED"))
    assert not Lease.objects.exists()


def test_who_tells_an_assignment_with_another_hit_is_in_nobodys_way(offered):
    grid, external_hit_id = offered
    other, other_id = make_offered_grid()
    visit = make_visit(external_hit_id)
    forged = accept(hit=other.hit, visit=replace(visit, hit_id=other_id))
    hand_in(forged)
    honest = accept(hit=grid.hit, visit=visit)
    assert honest != forged
    stored = hand_in(honest)
    assert list_(honest) == ("confirmed", stored)
    with pytest.raises(WrongHIT):
        accept(hit=other.hit, visit=visit)


def test_a_hit_whose_id_is_not_stored_yet_asks_for_a_moment(offered):
    grid, _ = offered
    MarketplaceHIT.objects.update(external_id=None)
    with pytest.raises(NotYetPublished, match="reloads automatically"):
        make_assignment(grid.hit, external("3HIT"))


def test_a_closed_hit_asks_to_be_returned(offered):
    grid, external_hit_id = offered
    close_batch(batch=grid.hit.batch)
    grid.hit.refresh_from_db()
    with pytest.raises(HITClosed, match="return this task"):
        make_assignment(grid.hit, external_hit_id)


def test_who_answered_the_hit_in_another_hit_of_the_marketplace_is_asked_to_return_it(offered, assignment):
    grid, _ = offered
    hand_in(assignment)
    list_(assignment)
    worker = assignment.worker.identity.external_id
    with pytest.raises(AlreadyAnswered, match="Please return it"):
        make_assignment(grid.hit, offer(grid.hit), worker=worker)


def test_who_returned_the_hit_after_handing_in_to_us_answers_it_again_and_that_answer_counts(offered, assignment):
    grid, external_hit_id = offered
    returned = hand_in(assignment)
    worker = assignment.worker.identity.external_id
    again = make_assignment(grid.hit, external_hit_id, worker=worker)
    assert again.lease == assignment.lease
    stored = hand_in(again, n_ticked=2)
    assert list_(again) == ("confirmed", stored)
    returned.refresh_from_db()
    assert returned.state == "orphaned"
    with pytest.raises(AlreadyAnswered):
        make_assignment(grid.hit, external_hit_id, worker=worker)


def test_who_did_their_share_is_asked_to_return_the_hit():
    grid, external_hit_id = make_offered_grid()
    other, other_id = make_offered_grid()
    type(grid.hit.batch).objects.update(hits_per_worker=1)
    other.hit.batch = grid.hit.batch
    other.hit.batch.refresh_from_db()
    assignment = make_assignment(grid.hit, external_hit_id)
    hand_in(assignment)
    worker = assignment.worker.identity.external_id
    # What the marketplace has not listed may be somebody else's.
    make_assignment(other.hit, other_id, worker=worker)
    list_(assignment)
    with pytest.raises(AlreadyAnswered, match="maximum number"):
        make_assignment(other.hit, other_id, worker=worker)


def test_open_leases_of_a_hit_are_bounded_and_displaced_work_is_accepted_all_the_same(offered):
    grid, external_hit_id = offered
    honest = make_assignment(grid.hit, external_hit_id)
    for _ in range(10):
        make_assignment(grid.hit, external_hit_id)
    assert Lease.objects.filter(hit=grid.hit, state="active").count() == actions.OPEN_LEASES_PER_ANSWER * 2
    honest.lease.refresh_from_db()
    assert honest.lease.state == "expired"
    stored = hand_in(honest)
    assert list_(honest) == ("confirmed", stored)


def test_open_leases_of_a_person_are_bounded(monkeypatch):
    monkeypatch.setattr(actions, "OPEN_LEASES_PER_WORKER", 2)
    worker = external("AWORKER")
    for _ in range(4):
        grid, external_hit_id = make_offered_grid()
        make_assignment(grid.hit, external_hit_id, worker=worker)
    assert list(Lease.objects.order_by("id").values_list("state", flat=True)) == ["expired"] * 2 + ["active"] * 2


# What an answer is worth


def test_an_answer_is_provisional_and_its_votes_do_not_count(offered, assignment):
    grid, _ = offered
    submission = hand_in(assignment)
    assert (submission.state, submission.slot) == ("provisional", None)
    assert ContainsVote.objects.count() == 3
    assert not ContainsVote.objects.filter(counted=True).exists()
    assert free_slots(grid.hit) == 2


def test_a_listed_assignment_with_our_receipt_confirms_the_answer(offered, assignment):
    grid, _ = offered
    stored = hand_in(assignment)
    Submission.objects.update(aggregated_at=now())
    assert list_(assignment) == ("confirmed", stored)
    stored.refresh_from_db()
    assert (stored.state, require(stored.slot).state, stored.aggregated_at) == ("confirmed", "filled", None)
    assert free_slots(grid.hit) == 1


def test_listing_it_twice_changes_nothing(offered, assignment):
    grid, _ = offered
    hand_in(assignment)
    assert list_(assignment) == list_(assignment)
    assert free_slots(grid.hit) == 1


def test_an_answer_is_surplus_when_all_slots_are_filled(offered):
    grid, external_hit_id = offered
    outcomes = []
    for _ in range(3):
        first = make_assignment(grid.hit, external_hit_id)
        hand_in(first)
        outcomes.append(list_(first)[0])
    assert outcomes == ["confirmed", "confirmed", "surplus"]


def test_a_wrong_receipt_without_a_copy_proves_nothing(offered, assignment):
    grid, external_hit_id = offered
    hand_in(assignment)
    other = make_assignment(grid.hit, external_hit_id)
    hand_in(other)
    replayed = {"receipt": fields_of_the_last(other)["receipt"]}
    assert list_(assignment, replayed) == ("unreadable", None)
    assert Submission.objects.get(worker=assignment.worker).state == "orphaned"
    assert free_slots(grid.hit) == 2


def test_a_copy_that_says_the_same_is_as_good_as_the_receipt(assignment):
    stored = hand_in(assignment)
    copy = encode(copy_of(assignment.lease, stored.answer))
    assert list_(assignment, copy) == ("confirmed", stored)


def test_what_the_marketplace_has_counts_and_not_what_was_sent_to_us(offered, assignment):
    stored = hand_in(assignment, n_ticked=1)
    copy = encode(copy_of(assignment.lease, stored.answer)) | {"selected": "none"}
    outcome, recovered = list_(assignment, copy)
    assert (outcome, recovered.answer["copy"]["selected"]) == ("recovered", ())
    assert take_in_recovered() == 1
    stored.refresh_from_db()
    recovered.refresh_from_db()
    assert (stored.state, recovered.state, recovered.answer["selected"]) == ("orphaned", "confirmed", [])


def test_of_two_who_held_an_assignment_only_the_listed_one_is_confirmed(offered, assignment):
    grid, external_hit_id = offered
    second = make_assignment(grid.hit, external_hit_id, assignment=assignment.external_id)
    hand_in(assignment), hand_in(second)
    assert list_(second)[0] == "confirmed"
    assignment.refresh_from_db()
    assert assignment.outcome == Submission.objects.get(worker=assignment.worker).state == "orphaned"
    assert free_slots(grid.hit) == 1


def test_an_answer_that_was_sent_under_another_hit_than_the_listed_one_is_not_confirmed_by_it(assignment):
    stored = hand_in(assignment)
    receipt = {"receipt": fields_of_the_last(assignment)["receipt"]}
    assert list_(assignment, receipt, external_hit_id=external("3OTHER")) == ("unreadable", None)
    stored.refresh_from_db()
    assert stored.state == "provisional"
    assert list_(assignment) == ("confirmed", stored)


def test_an_assignment_nobody_opened_here_with_nothing_in_it_is_unreadable(offered):
    grid, external_hit_id = offered
    ids = {"assignment_id": external("3ASG"), "worker_id": external("AWORKER")}
    assert confirm(hit=grid.hit, external_hit_id=external_hit_id, fields={}, **ids) == ("unreadable", None)
    assert not Submission.objects.exists()


def test_a_second_assignment_of_the_same_person_for_the_same_hit_is_repeated(offered, assignment):
    grid, _ = offered
    hand_in(assignment)
    fields = fields_of_the_last(assignment)
    list_(assignment)
    second = {"assignment_id": external("3ASG"), "external_hit_id": offer(grid.hit)}
    assert list_(assignment, fields, **second) == ("repeated", None)
    assert free_slots(grid.hit) == 1


# What survives our outage


def test_an_answer_that_came_through_the_marketplace_alone_is_recovered(offered, assignment):
    grid, _ = offered
    image = grid.cells.first().image.public_id
    copy = encode(copy_of(assignment.lease, {"selected": [image]}))
    outcome, submission = list_(assignment, copy)
    page = {"lease": assignment.lease.public_id, "selected": [image_handle(assignment.lease, image)], "main": ""}
    page |= {"maybe": [], "unseen": []}
    submission.refresh_from_db()
    assert (outcome, submission.state, submission.answer) == ("recovered", "provisional", {"copy": page})
    assert list_(assignment, copy) == ("recovered", submission)
    assignment.lease.refresh_from_db()
    assert assignment.lease.state == "submitted"
    with pytest.raises(AlreadySubmitted):
        hand_in(assignment)
    settled = settle_recovered(submission=submission, answer={"selected": [image], "shown": []})
    assert (settled.state, require(settled.slot).hit) == ("confirmed", grid.hit)
    assert settle_recovered(submission=submission, answer=None).state == "confirmed"
    assert free_slots(grid.hit) == 1


def test_it_is_recovered_without_its_lease_as_after_a_restored_backup(offered):
    grid, external_hit_id = offered
    fields = {"lease": "x" * 22, "selected": "none"}
    ids = {"assignment_id": external("3ASG"), "worker_id": external("AWORKER")}
    outcome, submission = confirm(hit=grid.hit, external_hit_id=external_hit_id, fields=fields, **ids)
    assert outcome == "recovered"
    lease = require(require(submission).lease)
    assert (lease.public_id, lease.takes_slot) == ("x" * 22, False)


def test_a_copy_of_another_persons_page_is_not_taken(offered, assignment):
    grid, external_hit_id = offered
    fields = {"lease": assignment.lease.public_id, "selected": "none"}
    ids = {"assignment_id": external("3ASG"), "worker_id": external("AWORKER")}
    assert confirm(hit=grid.hit, external_hit_id=external_hit_id, fields=fields, **ids) == ("unreadable", None)


def test_a_recovered_answer_that_nobody_can_read_gives_its_slot_back(offered, assignment):
    grid, _ = offered
    fields = {"lease": assignment.lease.public_id, "selected": "nonsense"}
    _, submission = list_(assignment, fields)
    assert settle_recovered(submission=submission, answer=None).state == "orphaned"
    assert free_slots(grid.hit) == 2


def test_a_recovered_answer_outlives_another_assignment_that_went_to_somebody_else(offered, assignment):
    grid, external_hit_id = offered
    worker = assignment.worker.identity.external_id
    lost = make_assignment(grid.hit, external_hit_id, worker=worker)
    _, submission = list_(assignment, {"lease": assignment.lease.public_id, "selected": "none"})
    list_(make_assignment(grid.hit, external_hit_id, assignment=lost.external_id), {})
    lost.refresh_from_db()
    submission.refresh_from_db()
    assert (lost.outcome, submission.state) == ("orphaned", "provisional")


def test_what_the_marketplace_never_lists_is_orphaned_and_counts_if_it_is_listed_after_all(assignment):
    stored = hand_in(assignment)
    assert orphan_unlisted() == 0
    long_ago = now() - timedelta(hours=25)
    Submission.objects.update(submitted_at=long_ago)
    Lease.objects.update(expires_at=long_ago)
    assert orphan_unlisted() == 1
    assert orphan_unlisted() == 0
    stored.refresh_from_db()
    assert stored.state == "orphaned"
    assert list_(assignment) == ("confirmed", stored)
