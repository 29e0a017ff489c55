"""In adaptive batches later HITs ask again what earlier ones asked: of somebody else."""

import pytest

from tests.factories import make_batch, make_hits, make_worker
from tests.required import require
from workforce.actions import expire_leases, keep_from_former_workers, publish_hits, submit, take_lease
from workforce.models import Batch, Lease
from workforce.reads import has_work_for


@pytest.fixture
def batch(db) -> Batch:
    return make_batch(initial_images=1, accept=0.95, reject=0.05, min_votes=1, max_votes=3)


def hand_in(lease: Lease, key: str) -> None:
    submit(lease=lease, answer={"selected": []}, idempotency_key=key)


def test_a_worker_who_answered_the_questions_of_a_hit_does_not_get_it(batch):
    first, unrelated = make_hits(2, 1, batch=batch)
    former, stranger = make_worker(), make_worker()
    hand_in(require(take_lease(batch=batch, worker=former)), "a")
    hand_in(require(take_lease(batch=batch, worker=stranger)), "b")
    further = publish_hits(batch=batch, n_hits=1, n_slots=2)[0]
    keep_from_former_workers(asked_before={further: {first.pk}})
    assert take_lease(batch=batch, worker=former) is None
    assert (has_work_for(batch, former), has_work_for(batch, stranger)) == (False, True)
    lease = take_lease(batch=batch, worker=stranger)
    assert require(lease).hit == further
    assert unrelated.submissions.get().worker == stranger
    hand_in(require(lease), "c")
    assert take_lease(batch=batch, worker=stranger) is None
    assert require(take_lease(batch=batch, worker=make_worker())).hit == further


def test_a_worker_who_let_a_hit_go_does_not_get_another_with_the_same_question(batch):
    (first,) = make_hits(1, 1, batch=batch)
    left = make_worker()
    held = take_lease(batch=batch, worker=left)
    Lease.objects.filter(pk=require(held).pk).update(expires_at=require(held).created_at)
    expire_leases(batch=batch)
    hand_in(require(take_lease(batch=batch, worker=make_worker())), "a")
    further = publish_hits(batch=batch, n_hits=1, n_slots=1)[0]
    keep_from_former_workers(asked_before={further: {first.pk}})
    # What they hand in late may still come to count for the first HIT.
    assert take_lease(batch=batch, worker=left) is None
    assert require(take_lease(batch=batch, worker=make_worker())).hit == further
