"""Enrolment of simulated people, further answers for them, and their removal.

Removal is the one place where answers are deleted: they are nobody's. Rows are deleted from the leaves on, by hand and
never by a cascade: a row of a real person that leads to one of them would stop it.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, ManyToOneRel, Model, OuterRef, Q

from catalog.models import Dataset
from workforce.actions import fill_free_slot
from workforce.models import HIT, Batch, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.simulated.reads import (
    FIRST_EXTRA_SLOT,
    Simulated,
    ids_begin_with,
    open_link_batches,
    simulated_in,
    simulated_people,
)
from workforce.simulated_ids import FIRST_SIMULATED, is_simulated

NEXT_NUMBERS = "SELECT nextval(pg_get_serial_sequence('workforce_worker', 'id')) FROM generate_series(1, %s)"
ROWS_AT_ONCE = 5000


@transaction.atomic
def enrol(*, dataset: Dataset, names: Sequence[str]) -> list[str]:
    """Make a simulated worker for each name, and return their IDs for study links, which nobody can guess."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBERS, [len(names)])
        numbers = [FIRST_SIMULATED + number for (number,) in cursor.fetchall()]
    workers = Worker.objects.bulk_create([Worker(pk=number) for number in numbers])
    ids = [f"{ids_begin_with(dataset)}{name}-{secrets.token_hex(8)}" for name in names]
    WorkerIdentity.objects.bulk_create(
        [
            WorkerIdentity(worker=worker, marketplace=Batch.Marketplace.LINK, external_id=external_id)
            for worker, external_id in zip(workers, ids, strict=True)
        ]
    )
    return ids


@transaction.atomic
def ask_simulated(*, dataset: Dataset, n_answers: int) -> int:
    """Add slots to open HITs until each has this many answers to get. Returns the number of new slots.

    Removal takes these slots away again.
    """
    # Removed meanwhile, they leave nothing behind.
    if not simulated_people(dataset).exists():
        return 0
    hits = HIT.objects.filter(batch__in=open_link_batches(dataset), closed_at=None).annotate(
        n_wanted=Count("slots", filter=~Q(slots__state=Slot.State.WITHDRAWN)),
        n_extra=Count("slots", filter=Q(slots__number__gte=FIRST_EXTRA_SLOT)),
    )
    slots = [
        Slot(hit=hit, batch_id=hit.batch_id, number=FIRST_EXTRA_SLOT + hit.n_extra + n)
        for hit in hits.filter(n_wanted__lt=n_answers).order_by("pk")
        for n in range(n_answers - hit.n_wanted)
    ]
    Slot.objects.bulk_create(slots, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)
    return len(slots)


@transaction.atomic
def dismiss_idle(*, dataset: Dataset) -> int:
    """Delete simulated people who found no work. Returns their number."""
    idle = simulated_people(dataset).filter(leases=None, submissions=None)
    workers = list(idle.select_for_update(of=("self",)).values_list("pk", flat=True))
    _delete_people(workers)
    return len(workers)


@transaction.atomic
def remove_simulated(*, dataset: Dataset) -> Simulated:
    """Delete the simulated people of a dataset with all that they did, and return the counts of before.

    Their slots are free again, or taken by answers of real people that had come too late; slots that were added for
    them are gone. Derived rows are not touched: the caller has them computed anew, and holds the aggregation's turn.
    """
    counts = simulated_in(dataset)
    # The order of locks: workers, leases, slots.
    workers = list(simulated_people(dataset).select_for_update(of=("self",)).values_list("pk", flat=True))
    leases = Lease.objects.filter(worker__in=workers).order_by("pk")
    hits = set(leases.select_for_update(of=("self",)).values_list("hit_id", flat=True))
    hits |= set(_extra_slots(dataset).values_list("hit_id", flat=True))
    slots = Slot.objects.filter(hit__in=hits).order_by("hit_id", "number")
    list(slots.select_for_update().values_list("pk"))
    _delete_people(workers)
    _free_unheld(hits)
    _move_from_extra_slots(dataset)
    _extra_slots(dataset).filter(state__in=[Slot.State.FREE, Slot.State.WITHDRAWN]).delete()
    _seat_surplus(hits)
    return counts


def _extra_slots(dataset: Dataset) -> Any:
    return Slot.objects.filter(batch__dataset=dataset, number__gte=FIRST_EXTRA_SLOT)


def _delete_people(workers: Sequence[int]) -> None:
    assert all(map(is_simulated, workers)), "what real people did is never deleted"
    _delete(Worker, workers)


def _delete(model: type[Model], ids: Sequence[int]) -> None:
    """Delete rows after all rows that refer to them, and all that refer to those."""
    if not ids:
        return
    for relation in model._meta.get_fields(include_hidden=True):
        # Among them a foreign key's other side, from one row or several.
        if isinstance(relation, ManyToOneRel):
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": ids})
            _delete(relation.related_model, list(rows.values_list("pk", flat=True)))
    for start in range(0, len(ids), ROWS_AT_ONCE):
        model._base_manager.filter(pk__in=ids[start : start + ROWS_AT_ONCE]).delete()


def _free_unheld(hits: Iterable[int]) -> None:
    """Free the slots that nobody holds or fills any more."""
    held = Lease.objects.filter(slot=OuterRef("pk"), state=Lease.State.ACTIVE)
    filled = Submission.objects.filter(slot=OuterRef("pk"))
    taken = Slot.objects.filter(hit__in=hits, state__in=[Slot.State.LEASED, Slot.State.FILLED])
    taken.exclude(Exists(held)).exclude(Exists(filled)).update(state=Slot.State.FREE)


def _move_from_extra_slots(dataset: Dataset) -> None:
    """Let real people who got a slot of simulated ones have one of those that the settings ask for, if one is free."""
    taken = _extra_slots(dataset).filter(state__in=[Slot.State.LEASED, Slot.State.FILLED])
    for extra in taken.order_by("hit_id", "number"):
        free = Slot.objects.filter(hit=extra.hit_id, state=Slot.State.FREE, number__lt=FIRST_EXTRA_SLOT)
        slot = free.order_by("number").first()
        if slot is None:
            continue
        Lease.objects.filter(slot=extra).update(slot=slot)
        Submission.objects.filter(slot=extra).update(slot=slot)
        Slot.objects.filter(pk=slot.pk).update(state=extra.state)
        Slot.objects.filter(pk=extra.pk).update(state=Slot.State.FREE)


def _seat_surplus(hits: Iterable[int]) -> None:
    """Count the answers of real people that came when simulated ones had taken every slot."""
    surplus = Submission.objects.filter(hit__in=hits, state=Submission.State.SURPLUS).order_by("pk")
    for submission in surplus.select_for_update(of=("self",), no_key=True):
        fill_free_slot(submission)
