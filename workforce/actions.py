"""Assignment of work, and its submission. The only writer of this room's tables.

The order of locks prevents deadlocks: the worker, their leases by id, on links the network (`check_network`), then
slots by HIT and number. Closing and aggregation lock submissions by id, then the dataset, batches by id, slots and
HITs.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext, gettext_lazy

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset, SettingsVersion
from catalog.reads import CachedQuery, Given, current_settings, now, now_given

# Other rooms import these from here.
from workforce.exclusions.actions import exclude_submission as exclude_submission
from workforce.exclusions.actions import readmit_submission as readmit_submission
from workforce.kinds import kind_named
from workforce.links.reads import LinkVisit, check_network, first_lease_seconds, standing_of
from workforce.models import HIT, Batch, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import is_recovered, known_worker, overdue_leases
from workforce.slot_search import FREE_FOR_STRANGER, FREE_OF_HELD_HITS, FREE_OF_HIT, claim
from workforce.statements import HAND_IN, LEASE_SLOT, lease_values, submission_values
from workforce.unverified.actions import KEY_IS_USED, AlreadySubmitted, keep_unverified, same_answer

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 5000
CLOSED = gettext_lazy("This study is closed and no longer accepts answers. Thank you for your interest.")
NOT_ASSIGNED = gettext_lazy("This task is not assigned to you. Open the study link to get your task.")
WORKER_TO_LOCK = CachedQuery(lambda: Worker.objects.filter(pk=Given("pk")).select_for_update())
LEASE_TO_LOCK = CachedQuery(lambda: Lease.objects.filter(pk=Given("pk")).select_for_update())
OPEN_LEASES_TO_LOCK = CachedQuery(
    lambda: (
        Lease.objects.filter(batch=Given("batch"), worker=Given("worker"))
        .exclude(state=Lease.State.SUBMITTED)
        .order_by("id")
        .select_for_update()
    )
)


class BatchClosed(UserError):
    """An assignment of work, or an addition of HITs, in a closed batch."""


class NotHandedOut(UserError):
    """A HIT that is not assigned to this worker."""


class Hold(NamedTuple):
    """The length of a lease, and the mark of the network that takes it; empty without a network."""

    seconds: int
    mark: str


# Publishing


@transaction.atomic
def open_batch(
    *,
    dataset: Dataset,
    kind: str,
    settings: SettingsVersion | None = None,
    marketplace: str = Batch.Marketplace.LINK,
    hits_per_worker: int | None = None,
    completion_code: str = "",
    completion_url: str = "",
    decline_code: str = "",
    decline_url: str = "",
    admission: str = Batch.Admission.ANYONE,
    networks: str = Batch.Networks.SHARED,
    answers: str = Batch.Answers.TWO,
    **adaptive: float,
) -> Batch:
    """Open a batch; `adaptive` are all settings of an adaptive batch, or none.

    Raises UnknownKind if TASK_KINDS lists no such kind: the database does not check it.
    """
    return Batch.objects.create(
        dataset=dataset,
        settings=settings or current_settings(dataset),
        kind=kind_named(kind).name,
        marketplace=marketplace,
        hits_per_worker=hits_per_worker,
        completion_code=completion_code,
        completion_url=completion_url,
        decline_code=decline_code,
        decline_url=decline_url,
        admission=admission,
        networks=networks,
        answers=answers,
        **adaptive,
    )


@transaction.atomic
def publish_hits(
    *, batch: Batch, n_hits: int, n_slots: int, initial: bool = False, in_place_of_lost: bool = False
) -> list[HIT]:
    """Add `n_hits` HITs with `n_slots` answers each to an open batch. Raises BatchClosed."""
    # The lock keeps the batch open: HITs added to a closed batch would wait for answers for ever.
    if Batch.objects.select_for_update(no_key=True).get(pk=batch.pk).closed_at is not None:
        message = gettext("Batch “%(batch)s” is closed. Open a new batch to add HITs.")
        raise BatchClosed(message % {"batch": batch})
    n_further = n_slots if in_place_of_lost else 0
    hits = HIT.objects.bulk_create([HIT(batch=batch, initial=initial, n_further=n_further) for _ in range(n_hits)])
    slots = (Slot(hit=hit, batch=batch, number=number) for hit in hits for number in range(n_slots))
    # In portions: there may be hundreds of thousands.
    while portion := list(islice(slots, ROWS_AT_ONCE)):
        Slot.objects.bulk_create(portion)
    return hits


@transaction.atomic
def keep_from_former_workers(*, asked_before: Mapping[HIT, Iterable[int]]) -> None:
    """Keep each new HIT from workers of the HITs (ids) that asked the same before."""
    through = HIT.asked_before.through
    through.objects.bulk_create(
        [through(from_hit=hit, to_hit_id=former) for hit, formers in asked_before.items() for former in formers],
        batch_size=5000,
    )


@transaction.atomic
def close_batch(*, batch: Batch) -> Batch:
    """Close a batch: no new work is assigned. Work in progress can still be submitted; submissions are aggregated.

    The whole dataset is aggregated again: an image may have waited for this batch alone, with answers in others.
    """
    # Lock the submissions first, as the aggregation does, which locks the batch later.
    mark_for_aggregation(dataset=batch.dataset)
    closed_at = now()
    Batch.objects.filter(pk=batch.pk, closed_at=None).update(closed_at=closed_at)
    batch.hits.filter(closed_at=None).update(closed_at=closed_at)
    record(area=Area.CONFIG, action="batch.close", subject=f"batch {batch.pk} of dataset {batch.dataset}")
    batch.refresh_from_db()
    log.info("Closed batch %s of %s.", batch.pk, batch.dataset)
    return batch


@transaction.atomic
def withdraw_hits(*, hit_ids: Iterable[int]) -> set[int]:
    """Close the HITs among these that were never assigned. Returns their ids."""
    unassigned = HIT.objects.filter(closed_at=None, leases=None, submissions=None).order_by()
    hits = set(unassigned.filter(pk__in=hit_ids).values_list("pk", flat=True))
    if not hits:
        return hits
    batches = Batch.objects.filter(pk__in=HIT.objects.filter(pk__in=hits).values("batch")).order_by("pk")
    list(batches.select_for_update(no_key=True).values_list("pk"))
    # Wait for assignments in progress: their workers keep the HITs.
    slots = Slot.objects.filter(hit__in=hits).order_by("hit_id", "number")
    list(slots.select_for_update().values_list("pk"))
    hits = set(unassigned.filter(pk__in=hits).values_list("pk", flat=True))
    Slot.objects.filter(hit__in=hits).update(state=Slot.State.WITHDRAWN)
    HIT.objects.filter(pk__in=hits).update(closed_at=now())
    return hits


# Assignment of work


def identify_worker(*, marketplace: str, external_id: str) -> Worker:
    """Return the worker of a marketplace's ID. Created on the first visit, once even for concurrent requests."""
    return known_worker(marketplace, external_id) or _new_worker(marketplace, external_id)


@transaction.atomic
def _new_worker(marketplace: str, external_id: str) -> Worker:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{marketplace}:{external_id}"])
    worker = known_worker(marketplace, external_id)
    if worker is not None:
        return worker
    worker = Worker.objects.create()
    WorkerIdentity.objects.create(worker=worker, marketplace=marketplace, external_id=external_id)
    return worker


def take_lease(*, batch: Batch, worker: Worker, visit: LinkVisit | None = None) -> Lease | None:
    """Lease the worker's next HIT, or return None if there is none. Raises BatchClosed; for a `visit` NetworkFull.

    A worker who returns gets the HIT they hold, even after its lease expired, as long as it needs an answer, and even
    if the batch is closed. Otherwise the first free slot of a HIT that is new to them.
    """
    lease = _assign(batch, worker, visit)
    if lease is None:
        # Expired leases free slots for this worker too; wait for those being returned now. In a transaction of its own,
        # since this locks leases again.
        expire_leases(batch=batch, wait=True)
        lease = _assign(batch, worker, visit)
    if lease is None and batch.closed_at is not None:
        raise BatchClosed(str(CLOSED))
    return lease


@transaction.atomic
def _assign(batch: Batch, worker: Worker, visit: LinkVisit | None) -> Lease | None:
    leases = _lock_leases(batch, worker)
    active = next((lease for lease in leases if lease.state == Lease.State.ACTIVE), None)
    if active is not None and active.expires_at > now():
        return active
    n_submitted, n_open, is_barred = standing_of(batch, worker.pk, visit.mark if visit else "")
    if is_barred or (batch.hits_per_worker is not None and n_submitted >= batch.hits_per_worker):
        return None
    if visit is not None:
        check_network(batch, visit, n_open)
    is_first = visit is not None and not n_submitted
    seconds = first_lease_seconds(batch) if is_first else batch.settings.lease_seconds
    hold = Hold(seconds, visit.mark if visit else "")
    if active is not None:
        return _renew(active, _slot_of(active), hold)
    slot = _next_slot(batch, worker, leases)
    if slot is None:
        return None
    slot.hit.batch = batch
    former = next((lease for lease in leases if lease.hit_id == slot.hit_id), None)
    return _renew(former, slot, hold) if former is not None else _lease(slot, worker, hold)


def _next_slot(batch: Batch, worker: Worker, leases: list[Lease]) -> Slot | None:
    """Lock and return a free slot of a HIT that the worker held; in an open batch, else of a new one."""
    key = {"batch": batch.pk, "worker": worker.pk}
    slot = claim(FREE_OF_HELD_HITS, key) if leases else None
    if slot is not None or batch.closed_at is not None:
        return slot
    return claim(FREE_FOR_STRANGER, key)


def _lock_leases(batch: Batch, worker: Worker) -> list[Lease]:
    """Return a worker's unsubmitted leases in the batch; lock the worker too, so that two tabs get the same HIT."""
    WORKER_TO_LOCK.get(pk=worker.pk)
    return OPEN_LEASES_TO_LOCK.all(batch=batch.pk, worker=worker.pk)


def _lease(slot: Slot, worker: Worker, hold: Hold) -> Lease:
    lease = Lease(hit=slot.hit, batch_id=slot.batch_id, worker=worker, slot=slot, network_mark=hold.mark)
    values = lease_values(lease, seconds=hold.seconds) | now_given()
    lease.pk, lease.created_at, lease.expires_at = LEASE_SLOT.only_row(values)
    lease.opened_at = lease.created_at
    lease._state.adding = False
    return lease


def _slot_of(lease: Lease) -> Slot:
    assert lease.slot is not None, "a constraint gives every active lease that takes a slot one"
    return lease.slot


def _renew(lease: Lease, slot: Slot, hold: Hold) -> Lease:
    Slot.objects.filter(pk=slot.pk).update(state=Slot.State.LEASED)
    lease.slot = slot
    lease.state = Lease.State.ACTIVE
    lease.opened_at = now()
    lease.expires_at = lease.opened_at + timedelta(seconds=hold.seconds)
    lease.network_mark = hold.mark or lease.network_mark
    lease.save(update_fields=["slot", "state", "opened_at", "expires_at", "network_mark"])
    return lease


@transaction.atomic
def expire_leases(*, batch: Batch | None = None, wait: bool = False) -> int:
    """Expire overdue leases and free their slots; skip locked leases, or `wait` for them. Returns their number.

    Submissions under expired leases are still stored (see `submit`).
    """
    overdue = overdue_leases(batch).order_by("id").select_for_update(skip_locked=not wait)
    slot_by_lease = dict(overdue.values_list("id", "slot_id"))
    if slot_by_lease:
        slots = Slot.objects.filter(pk__in=slot_by_lease.values())
        list(slots.order_by("hit_id", "number").select_for_update().values_list("id"))
        Lease.objects.filter(pk__in=slot_by_lease).update(state=Lease.State.EXPIRED, slot=None)
        slots.update(state=Slot.State.FREE)
        log.info("%d leases expired; their slots are free again.", len(slot_by_lease))
    return len(slot_by_lease)


# Submission


@transaction.atomic
def submit(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Store a raw answer. Returns the submission and whether this call created it.

    The same answer returns the stored submission. A late answer fills a free slot, or is surplus: paid, not counted.
    Under a lease that takes no slot it waits (`keep_unverified`). Raises AlreadySubmitted for a different answer than
    the stored one, or a used key.
    """
    return hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)


def hand_in(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Do as `submit` does, within the transaction of a task room, which casts votes."""
    # Lock the worker first, as an assignment of work does, so that the two never deadlock.
    WORKER_TO_LOCK.get(pk=lease.worker_id)
    if not lease.takes_slot:
        return keep_unverified(lease=lease, answer=answer, idempotency_key=idempotency_key)
    locked = LEASE_TO_LOCK.get(pk=lease.pk)
    locked.hit = lease.hit
    if locked.state == Lease.State.SUBMITTED:
        return same_answer(Submission.objects.get(lease=locked, assignment=None), answer), False
    slot = locked.slot_id or _pk(claim(FREE_OF_HIT, {"hit": locked.hit_id}))
    submission = Submission(
        hit=locked.hit,
        worker_id=locked.worker_id,
        lease=locked,
        slot_id=slot,
        settings_id=locked.hit.batch.settings_id,
        state=Submission.State.SURPLUS if slot is None else Submission.State.CONFIRMED,
        answer=answer,
        idempotency_key=idempotency_key,
    )
    return _store(submission), True


def _store(submission: Submission) -> Submission:
    row = HAND_IN.row(submission_values(submission) | now_given())
    if row is None:
        raise AlreadySubmitted(str(KEY_IS_USED))
    submission.pk, submission.submitted_at = row
    submission._state.adding = False
    return submission


def _pk(slot: Slot | None) -> int | None:
    return None if slot is None else slot.pk


def fill_free_slot(submission: Submission, **changes: object) -> None:
    """Confirm a submission that this transaction has locked: it counts, or is surplus if no slot is free."""
    submission.slot = claim(FREE_OF_HIT, {"hit": submission.hit_id})
    submission.state = Submission.State.CONFIRMED if submission.slot else Submission.State.SURPLUS
    submission.aggregated_at = None
    for name, value in changes.items():
        setattr(submission, name, value)
    submission.save(update_fields=["slot", "state", "aggregated_at", *changes])
    if submission.slot is not None:
        Slot.objects.filter(pk=submission.slot.pk).update(state=Slot.State.FILLED)


@transaction.atomic
def settle_recovered(*, submission: Submission, answer: dict[str, Any] | None) -> Submission:
    """Store the answer that a task room read from a recovered copy: it fills a slot, or is surplus.

    None stands for an unreadable copy: the submission is orphaned, and its slot stays open.
    """
    locked = Submission.objects.select_for_update(of=("self",), no_key=True).get(pk=submission.pk)
    if not is_recovered(locked):
        return locked
    if answer is not None:
        fill_free_slot(locked, answer=answer | locked.answer)
        return locked
    log.warning("The recovered answer of submission %s is no answer to its HIT.", locked.pk)
    locked.state = Submission.State.ORPHANED
    locked.save(update_fields=["state"])
    return locked


@transaction.atomic
def mark_aggregated(*, submission_ids: list[int]) -> None:
    Submission.objects.filter(pk__in=submission_ids).update(aggregated_at=now())


@transaction.atomic
def mark_for_aggregation(*, dataset: Dataset) -> None:
    """Mark every submission of a dataset for aggregation."""
    # By id, as the aggregation locks them: two different orders would deadlock.
    of_dataset = Submission.objects.filter(hit__batch__dataset=dataset).order_by("id")
    locked = of_dataset.select_for_update(of=("self",), no_key=True).values("id")
    Submission.objects.filter(pk__in=locked).update(aggregated_at=None)
