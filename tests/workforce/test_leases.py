"""Leases that run out, people who come back, and work that comes in late."""

from datetime import timedelta

import pytest

from catalog import reads as clock
from tests.factories import make_batch, make_dataset, make_hits, make_lease, make_worker, unique
from tests.required import require
from workforce.actions import expire_leases, submit, take_lease
from workforce.models import Lease, Slot, Submission
from workforce.tasks import expire_leases as expire_leases_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def later(monkeypatch):
    """later(seconds=...) moves the clock everybody goes by; it stands still in between."""
    begin = clock.now()
    monkeypatch.setattr(clock, "fixed_now", begin)

    def move(seconds: float) -> None:
        monkeypatch.setattr(clock, "fixed_now", clock.now() + timedelta(seconds=seconds))

    return move


def hits(n_hits: int = 1, n_slots: int = 1, seconds: int = 60):
    return make_hits(n_hits, n_slots, batch=make_batch(make_dataset(lease_seconds=seconds)))


def hand_in(lease: Lease, key: str | None = None) -> Submission:
    return submit(lease=lease, answer={"selected": []}, idempotency_key=key or unique("key"))[0]


def test_a_lease_holds_its_slot_until_its_very_end(later):
    (hit,) = hits(seconds=60)
    make_lease(hit.batch)
    later(59.999)
    assert expire_leases() == 0
    assert Slot.objects.get().state == Slot.State.LEASED
    later(0.001)
    assert expire_leases() == 1
    assert Slot.objects.get().state == Slot.State.FREE


def test_an_expired_lease_is_kept_without_its_slot_and_expiring_again_changes_nothing(later):
    (hit,) = hits()
    lease = make_lease(hit.batch)
    later(61)
    assert [expire_leases(), expire_leases()] == [1, 0]
    lease.refresh_from_db()
    assert (lease.state, lease.slot_id) == (Lease.State.EXPIRED, None)


def test_the_task_that_expires_leases_does_it_for_all_batches(later):
    for _ in range(2):
        (hit,) = hits()
        make_lease(hit.batch)
    later(61)
    expire_leases_task()
    assert set(Lease.objects.values_list("state", flat=True)) == {"expired"}


def test_expiring_one_batch_leaves_the_others_alone(later):
    (first,), (second,) = hits(), hits()
    make_lease(first.batch), make_lease(second.batch)
    later(61)
    assert expire_leases(batch=first.batch) == 1
    assert Lease.objects.get(batch=second.batch).state == Lease.State.ACTIVE


def test_the_slot_of_a_lease_that_ran_out_goes_to_the_next_person_before_any_sweep(later):
    (hit,) = hits()
    make_lease(hit.batch)
    assert take_lease(batch=hit.batch, worker=make_worker()) is None
    later(61)
    assert make_lease(hit.batch).hit == hit


def test_who_comes_back_after_expiry_gets_the_same_hit_under_the_same_lease_if_a_slot_of_it_is_free(later):
    first, second = hits(2, 1)
    worker = make_worker()
    lease = make_lease(second.batch, worker)
    later(61)
    expire_leases()
    again = make_lease(second.batch, worker)
    assert (again.pk, again.hit, again.state) == (lease.pk, first, Lease.State.ACTIVE)
    assert (again.expires_at - clock.now()).total_seconds() == 60


def test_who_comes_back_when_their_hit_was_given_away_gets_another_and_never_two_leases_on_one(later):
    first, second = hits(2, 1)
    worker = make_worker()
    make_lease(first.batch, worker)
    later(61)
    expire_leases()
    other = make_lease(first.batch)
    assert other.hit == first
    assert make_lease(first.batch, worker).hit == second


def test_a_lease_that_ran_out_unswept_is_renewed_in_place(later):
    (hit,) = hits()
    worker = make_worker()
    lease = make_lease(hit.batch, worker)
    later(61)
    again = make_lease(hit.batch, worker)
    assert (again.pk, again.slot_id) == (lease.pk, lease.slot_id)
    assert expire_leases() == 0


def test_continuing_a_lease_that_ran_out_renews_it_swept_or_not(later):
    (hit,) = hits()
    worker = make_worker()
    lease = make_lease(hit.batch, worker)
    for sweep in (False, True):
        later(61)
        if sweep:
            expire_leases()
        again = make_lease(hit.batch, worker)
        assert (again.pk, again.state) == (lease.pk, Lease.State.ACTIVE)
        assert again.expires_at > clock.now()
        assert expire_leases() == 0


def test_continuing_takes_no_second_slot_while_another_hit_is_held(later):
    first, second = hits(2, 1)
    worker = make_worker()
    make_lease(first.batch, worker)
    later(61)
    expire_leases()
    other = make_lease(first.batch)
    assert make_lease(first.batch, worker).hit == second
    hand_in(other)
    assert make_lease(first.batch, worker).hit == second
    assert Lease.objects.filter(worker=worker, state="active").count() == 1


def test_work_handed_in_late_but_before_the_sweep_fills_the_slot_it_still_holds(later):
    (hit,) = hits()
    lease = make_lease(hit.batch)
    later(61)
    submission = hand_in(lease)
    assert (submission.state, submission.slot_id) == (Submission.State.CONFIRMED, lease.slot_id)


def test_late_work_fills_a_free_slot_of_its_hit(later):
    (hit,) = hits(1, 2)
    lease = make_lease(hit.batch)
    later(61)
    expire_leases()
    other = make_lease(hit.batch)
    submission = hand_in(lease)
    assert submission.state == Submission.State.CONFIRMED
    assert submission.slot_id != other.slot_id
    assert Slot.objects.get(pk=require(submission.slot_id)).state == Slot.State.FILLED


def test_late_work_without_a_free_slot_is_kept_as_surplus_and_fills_none(later):
    first, _ = hits(2, 1)
    late = make_lease(first.batch)
    later(61)
    expire_leases()
    hand_in(make_lease(first.batch))
    submission = hand_in(late)
    assert (submission.state, submission.slot_id) == (Submission.State.SURPLUS, None)
    assert submission.answer == {"selected": []}
    assert Submission.objects.filter(hit=first).count() == 2


def test_surplus_work_counts_as_done_for_who_did_it(later):
    (hit,) = make_hits(1, 1, batch=make_batch(make_dataset(lease_seconds=60), hits_per_worker=1))
    worker = make_worker()
    late = make_lease(hit.batch, worker)
    later(61)
    hand_in(make_lease(hit.batch))
    hand_in(late)
    assert take_lease(batch=hit.batch, worker=worker) is None
    assert Lease.objects.get(worker=worker).state == Lease.State.SUBMITTED


def test_who_reached_hits_per_worker_through_late_work_gets_back_nothing_that_ran_out(later):
    first, second = make_hits(2, 1, batch=make_batch(make_dataset(lease_seconds=60), hits_per_worker=1))
    worker = make_worker()
    old = make_lease(first.batch, worker)
    later(61)
    expire_leases()
    assert make_lease(first.batch).hit == first
    assert make_lease(first.batch, worker).hit == second
    hand_in(old)
    later(61)
    assert take_lease(batch=first.batch, worker=worker) is None
    assert {make_lease(first.batch).hit, make_lease(first.batch).hit} == {first, second}


def test_handed_in_work_is_never_expired(later):
    (hit,) = hits()
    hand_in(make_lease(hit.batch))
    later(10_000)
    assert expire_leases() == 0
    assert Slot.objects.get().state == Slot.State.FILLED
