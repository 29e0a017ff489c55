"""Seats of members: a slot of a HIT is filled at once, for good, and once for each of them."""

import pytest

from catalog.reads import now
from tests.factories import make_account, make_batch, make_dataset, make_hits
from workforce.actions import BatchClosed, close_batch, exclude_submission
from workforce.models import HIT, Batch, Lease, Slot, Submission, WorkerIdentity
from workforce.reads import has_work
from workforce.seats.actions import lock_seat, take_seat, worker_of_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def hit() -> HIT:
    """A HIT for two members."""
    (hit,) = make_hits(1, 2, batch=make_batch(make_dataset(), kind="review", marketplace="accounts"))
    return hit


def sit_down(hit: HIT) -> Submission | None:
    return take_seat(hit=hit, worker=worker_of_account(account_id=make_account().pk))


def test_an_account_is_one_worker_under_one_identity():
    account = make_account()
    worker = worker_of_account(account_id=account.pk)
    assert worker_of_account(account_id=account.pk) == worker
    identity = WorkerIdentity.objects.get(worker=worker)
    assert (identity.marketplace, identity.external_id) == ("account", str(account.pk))


def test_a_seat_fills_a_slot_and_leaves_no_lease_that_expires(hit):
    submission = sit_down(hit)
    assert submission is not None and submission.state == "confirmed" and submission.answer == {"selected": []}
    lease = Lease.objects.get(hit=hit)
    assert (lease.state, lease.slot_id, lease.submissions.get()) == ("submitted", None, submission)
    assert sorted(Slot.objects.filter(hit=hit).values_list("state", flat=True)) == ["filled", "free"]


def test_a_second_call_returns_the_same_seat(hit):
    worker = worker_of_account(account_id=make_account().pk)
    first = take_seat(hit=hit, worker=worker)
    assert take_seat(hit=hit, worker=worker) == first
    assert Submission.objects.count() == Lease.objects.count() == 1


def test_there_are_no_more_seats_than_slots(hit):
    assert [sit_down(hit) is not None for _ in range(4)] == [True, True, False, False]
    assert not has_work(hit.batch)


def test_a_member_may_sit_on_several_hits_of_a_batch():
    first, second = make_hits(2, 1, batch=make_batch(make_dataset(), kind="review", marketplace="accounts"))
    worker = worker_of_account(account_id=make_account().pk)
    seats = [take_seat(hit=hit, worker=worker) for hit in (first, second)]
    assert [seat and seat.hit_id for seat in seats] == [first.pk, second.pk]


def test_a_closed_batch_has_no_new_seats_and_keeps_the_old_ones(hit):
    worker = worker_of_account(account_id=make_account().pk)
    submission = take_seat(hit=hit, worker=worker)
    close_batch(batch=hit.batch)
    closed = HIT.objects.select_related("batch__settings").get(pk=hit.pk)
    assert take_seat(hit=closed, worker=worker) == submission
    with pytest.raises(BatchClosed):
        sit_down(closed)


def test_a_batch_that_closed_meanwhile_is_seen(hit):
    Batch.objects.filter(pk=hit.batch_id).update(closed_at=now())
    with pytest.raises(BatchClosed):
        sit_down(HIT.objects.select_related("batch__settings").get(pk=hit.pk))


def test_a_locked_seat_tells_whether_it_counts(hit):
    account = make_account()
    assert lock_seat(hit_id=hit.pk, account_id=account.pk) is None
    worker = worker_of_account(account_id=account.pk)
    assert lock_seat(hit_id=hit.pk, account_id=account.pk) is None
    submission = take_seat(hit=hit, worker=worker)
    assert submission is not None
    assert lock_seat(hit_id=hit.pk, account_id=account.pk) == (worker.pk, submission.pk, False, False)
    exclude_submission(submission=submission, reason="a test")
    close_batch(batch=hit.batch)
    assert lock_seat(hit_id=hit.pk, account_id=account.pk) == (worker.pk, submission.pk, True, True)
