"""Return of the places that people hold: what they gave back is free for others at once."""

from collections.abc import Iterable

from django.db import transaction

from audit.actions import Area, record
from catalog.reads import now
from workforce.actions import OPEN_LEASES_TO_LOCK
from workforce.models import Batch, Draft, Lease, Slot, Worker


@transaction.atomic
def return_places(*, batch: Batch, worker: Worker) -> int:
    """Free what a worker holds in a batch on links, and delete its drafts. Returns the number of places.

    For a transaction that locked the worker: then their leases by id, then slots by HIT and number, as everywhere. An
    answer that comes in after all is late: it fills a free slot of its HIT, or is surplus.
    """
    leases = OPEN_LEASES_TO_LOCK.all(batch=batch.pk, worker=worker.pk)
    slots = [lease.slot_id for lease in leases if lease.slot_id is not None]
    list(Slot.objects.filter(pk__in=slots).order_by("hit_id", "number").select_for_update().values_list("pk"))
    held = Lease.objects.filter(slot__in=slots, state=Lease.State.ACTIVE)
    held.update(state=Lease.State.EXPIRED, slot=None, expires_at=now())
    Slot.objects.filter(pk__in=slots, state=Slot.State.LEASED).update(state=Slot.State.FREE)
    Draft.objects.filter(lease__in=[lease.pk for lease in leases], assignment=None).delete()
    return len(slots)


@transaction.atomic
def free_places_of(*, batch: Batch, worker_ids: Iterable[int]) -> int:
    """Free what these workers hold in a batch on links: they returned their place on their platform.

    Returns the number of places. On a marketplace nobody holds any: a returned assignment is offered there again.
    """
    if batch.marketplace != Batch.Marketplace.LINK:
        return 0
    workers = Worker.objects.filter(pk__in=list(worker_ids)).order_by("pk").select_for_update()
    n_freed = sum(return_places(batch=batch, worker=worker) for worker in workers)
    if n_freed:
        record(area=Area.CONFIG, action="places.free", subject=f"batch {batch.pk}", after={"places": n_freed})
    return n_freed
