"""Bars: no more work of a study for a worker, who keeps what they have."""

import pytest

from audit.models import AuditEntry
from tests.factories import make_batch, make_hits, make_lease, make_worker, start, unique
from workforce.actions import submit, take_lease
from workforce.bars.actions import bar_workers, lift_bars
from workforce.bars.reads import barred_from
from workforce.models import Bar
from workforce.reads import has_work_for

pytestmark = pytest.mark.django_db


def test_who_is_barred_finishes_what_they_hold_and_gets_no_more():
    (hit, _) = make_hits(2, 1)
    lease = make_lease(hit.batch)
    bar_workers(dataset=hit.batch.dataset, workers=[lease.worker_id], reason="Selects everything.")
    assert take_lease(batch=hit.batch, worker=lease.worker) == lease
    stored, _ = submit(lease=lease, answer={"selected": []}, idempotency_key=unique("key"))
    assert stored.state == "confirmed"
    assert take_lease(batch=hit.batch, worker=lease.worker) is None
    assert not has_work_for(hit.batch, lease.worker)
    assert has_work_for(hit.batch, make_worker())
    lift_bars(dataset=hit.batch.dataset, workers=[lease.worker_id], reason="A mistake.")
    assert has_work_for(hit.batch, lease.worker)
    assert take_lease(batch=hit.batch, worker=lease.worker) is not None


def test_a_bar_holds_in_every_batch_of_its_dataset_and_in_no_other():
    first, other = make_batch(), make_batch()
    second, worker = make_batch(first.dataset), make_worker()
    for batch in (first, second, other):
        make_hits(1, 1, batch=batch)
    bar_workers(dataset=first.dataset, workers=[worker.pk], reason="Selects everything.")
    assert [take_lease(batch=batch, worker=worker) for batch in (first, second)] == [None, None]
    assert take_lease(batch=other, worker=worker) is not None
    assert set(barred_from(first.dataset)) == {worker.pk} and not barred_from(other.dataset)


def test_a_barred_participant_is_told_that_there_is_no_more_work():
    (hit,) = make_hits(1, 1)
    worker = make_worker("ann")
    bar_workers(dataset=hit.batch.dataset, workers=[worker.pk], reason="Selects everything.")
    reply = start(hit.batch, "ann", follow=True)
    assert reply.status_code == 200
    assert "Selects everything" not in reply.content.decode()
    assert not worker.leases.exists()


def test_a_second_bar_changes_nothing_and_the_record_has_the_first():
    worker, dataset = make_worker(), make_batch().dataset
    assert bar_workers(dataset=dataset, workers=[worker.pk], reason="one", step="a") == 1
    assert bar_workers(dataset=dataset, workers=[worker.pk], reason="two", step="b") == 0
    assert Bar.objects.get().reason == "one"
    assert lift_bars(dataset=dataset, workers=[worker.pk], step="b") == 0
    assert lift_bars(dataset=dataset, workers=[worker.pk], step="a") == 1
    assert lift_bars(dataset=dataset, workers=[worker.pk]) == 0
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "reason")) == [
        ("workers.bar", "one"),
        ("workers.unbar", ""),
    ]
