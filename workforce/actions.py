"""Who gets which work, and what happens to it. The only writer of this room's tables.

Locks are taken in one order, so that nobody waits in a circle: the worker, their leases by id, then slots by HIT
and number. What closes or aggregates locks submissions by id, then the dataset, batches by id, slots and HITs.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from catalog.errors import UserError
from catalog.models import Dataset, SettingsVersion
from catalog.reads import CachedQuery, Given, current_settings, now, now_given
from workforce.kinds import kind_named
from workforce.models import HIT, Batch, Exclusion, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import is_recovered, known_worker, n_done, overdue_leases
from workforce.slot_search import FREE_FOR_STRANGER, FREE_FOR_WORKER, FREE_OF_HELD_HITS, FREE_OF_HIT, claim
from workforce.statements import HAND_IN, LEASE_SLOT, lease_values, submission_values
from workforce.unverified.actions import AlreadySubmitted, keep_unverified

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 5000
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
    """Nobody is given work from a closed batch any more."""


class NotHandedOut(UserError):
    """This person was not given this HIT."""


class AlreadyExcluded(UserError):
    """An exclusion stands against this submission; the message gives its reason."""


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
    **adaptive: float,
) -> Batch:
    """Open a batch; `adaptive` are the figures of one that asks as often as its votes make necessary: all or none.

    Raises UnknownKind if TASK_KINDS lists no such kind: the database does not know them.
    """
    return Batch.objects.create(
        dataset=dataset,
        settings=settings or current_settings(dataset),
        kind=kind_named(kind).name,
        marketplace=marketplace,
        hits_per_worker=hits_per_worker,
        completion_code=completion_code,
        completion_url=completion_url,
        **adaptive,
    )


@transaction.atomic
def publish_hits(*, batch: Batch, n_hits: int, n_slots: int, initial: bool = False) -> list[HIT]:
    """Add `n_hits` HITs of `n_slots` wanted answers each to an open batch."""
    # The row is locked so that no batch closes under HITs being added: those would wait for answers for ever.
    if Batch.objects.select_for_update(no_key=True).get(pk=batch.pk).closed_at is not None:
        raise BatchClosed(f"{batch} is closed: open a new batch for further HITs.")
    hits = HIT.objects.bulk_create([HIT(batch=batch, initial=initial) for _ in range(n_hits)])
    slots = (Slot(hit=hit, batch=batch, number=number) for hit in hits for number in range(n_slots))
    # Bit by bit: there may be hundreds of thousands.
    while some := list(islice(slots, ROWS_AT_ONCE)):
        Slot.objects.bulk_create(some)
    return hits


@transaction.atomic
def keep_from_former_workers(*, asked_before: Mapping[HIT, Iterable[int]]) -> None:
    """Give each of these new HITs to nobody who had one of those (ids) that asked the same before."""
    through = HIT.asked_before.through
    through.objects.bulk_create(
        [through(from_hit=hit, to_hit_id=former) for hit, formers in asked_before.items() for former in formers],
        batch_size=5000,
    )


@transaction.atomic
def close_batch(*, batch: Batch) -> Batch:
    """Hand out no more of a batch. What is in people's hands may still come in; what came in is aggregated as it is.

    All of the dataset is aggregated again: an image may have waited for this batch alone, with its answers in others.
    """
    # The submissions first, as in a pass of the aggregation, which wants the batch later.
    mark_for_aggregation(dataset=batch.dataset)
    closed_at = now()
    Batch.objects.filter(pk=batch.pk, closed_at=None).update(closed_at=closed_at)
    batch.hits.filter(closed_at=None).update(closed_at=closed_at)
    batch.refresh_from_db()
    log.info("Closed batch %s of %s.", batch.pk, batch.dataset)
    return batch


@transaction.atomic
def withdraw_hits(*, hit_ids: Iterable[int]) -> set[int]:
    """Close those of these HITs that nobody was ever given, so that nobody will be. Returns their ids."""
    never_given = HIT.objects.filter(closed_at=None, leases=None, submissions=None).order_by()
    found = set(never_given.filter(pk__in=hit_ids).values_list("pk", flat=True))
    if not found:
        return found
    batches = Batch.objects.filter(pk__in=HIT.objects.filter(pk__in=found).values("batch")).order_by("pk")
    list(batches.select_for_update(no_key=True).values_list("pk"))
    # Whoever is just being given one is waited for, and keeps it.
    slots = Slot.objects.filter(hit__in=found).order_by("hit_id", "number")
    list(slots.select_for_update().values_list("pk"))
    found = set(never_given.filter(pk__in=found).values_list("pk", flat=True))
    Slot.objects.filter(hit__in=found).update(state=Slot.State.WITHDRAWN)
    HIT.objects.filter(pk__in=found).update(closed_at=now())
    return found


# Hand-out


def identify_worker(*, marketplace: str, external_id: str) -> Worker:
    """The worker a marketplace's id stands for; made on first sight, once, however many requests meet."""
    return known_worker(marketplace, external_id) or _new_worker(marketplace, external_id)


@transaction.atomic
def _new_worker(marketplace: str, external_id: str) -> Worker:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{marketplace}:{external_id}"])
    known = known_worker(marketplace, external_id)
    if known is not None:
        return known
    worker = Worker.objects.create()
    WorkerIdentity.objects.create(worker=worker, marketplace=marketplace, external_id=external_id)
    return worker


def take_lease(*, batch: Batch, worker: Worker) -> Lease | None:
    """The HIT this person works on next, or None when there is none for them.

    Who comes back gets the HIT they hold, also after its lease ran out, as long as it wants an answer. Otherwise
    the first free slot of a HIT they have never had.
    """
    if batch.closed_at is not None:
        raise BatchClosed("This study is closed: it takes no more answers. Thank you for your interest.")
    lease = _hand_out(batch, worker)
    if lease is None:
        # Slots whose leases ran out are free for this person too, also those that somebody is just giving back:
        # these are waited for. A transaction of its own, since it locks leases again.
        expire_leases(batch=batch, wait=True)
        lease = _hand_out(batch, worker)
    return lease


@transaction.atomic
def _hand_out(batch: Batch, worker: Worker) -> Lease | None:
    held = _lock_leases(batch, worker)
    active = next((lease for lease in held if lease.state == Lease.State.ACTIVE), None)
    if active is not None and active.expires_at > now():
        return active
    if batch.hits_per_worker is not None and n_done(batch, worker.pk) >= batch.hits_per_worker:
        return None
    if active is not None:
        return _renew(active, _slot_of(active))
    key = {"batch": batch.pk, "worker": worker.pk}
    free = FREE_FOR_STRANGER if batch.is_adaptive else FREE_FOR_WORKER
    slot = (claim(FREE_OF_HELD_HITS, key) if held else None) or claim(free, key)
    if slot is None:
        return None
    slot.hit.batch = batch
    former = next((lease for lease in held if lease.hit_id == slot.hit_id), None)
    return _renew(former, slot) if former is not None else _lease(slot, worker)


def _lock_leases(batch: Batch, worker: Worker) -> list[Lease]:
    """What this person holds or held of the batch and has not handed in. One thing at a time for each person: two tabs
    opened at once get the same HIT."""
    WORKER_TO_LOCK.get(pk=worker.pk)
    return OPEN_LEASES_TO_LOCK.all(batch=batch.pk, worker=worker.pk)


def _lease(slot: Slot, worker: Worker) -> Lease:
    lease = Lease(hit=slot.hit, batch_id=slot.batch_id, worker=worker, slot=slot)
    values = lease_values(lease, seconds=slot.hit.batch.settings.lease_seconds) | now_given()
    lease.pk, lease.created_at, lease.expires_at = LEASE_SLOT.only_row(values)
    lease._state.adding = False
    return lease


def _slot_of(lease: Lease) -> Slot:
    assert lease.slot is not None, "an active lease that takes a slot has one: a constraint says so"
    return lease.slot


def _renew(lease: Lease, slot: Slot) -> Lease:
    Slot.objects.filter(pk=slot.pk).update(state=Slot.State.LEASED)
    lease.slot = slot
    lease.state = Lease.State.ACTIVE
    lease.expires_at = now() + _duration(lease.hit)
    lease.save(update_fields=["slot", "state", "expires_at"])
    return lease


def _duration(hit: HIT) -> timedelta:
    return timedelta(seconds=hit.batch.settings.lease_seconds)


@transaction.atomic
def resume_lease(*, hit_public_id: str, worker: Worker) -> Lease:
    """The lease under which this person works on this HIT; one that ran out is renewed if the HIT still wants answers.

    Raises NotHandedOut when the HIT was never theirs.
    """
    lease = Lease.objects.filter(hit__public_id=hit_public_id, worker=worker).select_related("hit__batch").first()
    if lease is None:
        raise NotHandedOut("This piece of work was not given to you. Open the study's own address to get yours.")
    held = {lease.pk: lease for lease in _lock_leases(lease.hit.batch, worker)}
    if lease.pk not in held:
        lease.refresh_from_db()
        return lease
    lease = held[lease.pk]
    if lease.state == Lease.State.ACTIVE:
        return lease if lease.expires_at > now() else _renew(lease, _slot_of(lease))
    busy_elsewhere = any(other.state == Lease.State.ACTIVE for other in held.values())
    slot = None if busy_elsewhere else claim(FREE_OF_HIT, {"hit": lease.hit_id})
    return lease if slot is None else _renew(lease, slot)


@transaction.atomic
def expire_leases(*, batch: Batch | None = None, wait: bool = False) -> int:
    """Give the slots of leases that ran out back; those somebody else is at are left to them, or waited for.

    What people still hand in under them is kept (see `submit`).
    """
    overdue = overdue_leases(batch).order_by("id").select_for_update(skip_locked=not wait)
    found = dict(overdue.values_list("id", "slot_id"))
    if found:
        slots = Slot.objects.filter(pk__in=found.values())
        list(slots.order_by("hit_id", "number").select_for_update().values_list("id"))
        Lease.objects.filter(pk__in=found).update(state=Lease.State.EXPIRED, slot=None)
        slots.update(state=Slot.State.FREE)
        log.info("%d leases ran out; their slots are free again.", len(found))
    return len(found)


# Submission


@transaction.atomic
def submit(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """Store an answer raw. Returns the submission and whether this call made it.

    The same key again returns what is stored. Late work fills a slot if its HIT has a free one, else it is surplus:
    paid, kept, not counted. Under a lease that takes no slot it waits for proof, one of many (`keep_unverified`).
    Raises AlreadySubmitted for a second answer under another key, and for the key of an answer to something else.
    """
    return hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)


def hand_in(*, lease: Lease, answer: dict[str, Any], idempotency_key: str) -> tuple[Submission, bool]:
    """`submit`, within the transaction of a task room, which makes votes of the answer."""
    # The person first, as in a hand-out: one thing at a time for each, and no deadlock between the two.
    WORKER_TO_LOCK.get(pk=lease.worker_id)
    if not lease.takes_slot:
        return keep_unverified(lease=lease, answer=answer, idempotency_key=idempotency_key)
    locked = LEASE_TO_LOCK.get(pk=lease.pk)
    locked.hit = lease.hit
    if locked.state == Lease.State.SUBMITTED:
        return _stored(locked, idempotency_key), False
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
        raise AlreadySubmitted("This answer carries the key of another one. Reload the page and send it again.")
    submission.pk, submission.submitted_at = row
    submission._state.adding = False
    return submission


def _pk(slot: Slot | None) -> int | None:
    return None if slot is None else slot.pk


def fill_free_slot(submission: Submission, **changed: object) -> None:
    """Within a transaction that locked it: have a submission confirmed count, or be surplus if no slot is free."""
    submission.slot = claim(FREE_OF_HIT, {"hit": submission.hit_id})
    submission.state = Submission.State.CONFIRMED if submission.slot else Submission.State.SURPLUS
    submission.aggregated_at = None
    for name, value in changed.items():
        setattr(submission, name, value)
    submission.save(update_fields=["slot", "state", "aggregated_at", *changed])
    if submission.slot is not None:
        Slot.objects.filter(pk=submission.slot.pk).update(state=Slot.State.FILLED)


@transaction.atomic
def settle_recovered(*, submission: Submission, answer: dict[str, Any] | None) -> Submission:
    """Put what a task room read from a recovered copy in its place: it fills a slot, or is surplus.

    None: it could not be read. Then the submission is orphaned, and its slot is asked for again.
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


def _stored(lease: Lease, idempotency_key: str) -> Submission:
    stored = Submission.objects.get(lease=lease, assignment=None)
    if stored.idempotency_key != idempotency_key:
        raise AlreadySubmitted("Your answer to this piece of work is already recorded. Go on to the next.")
    return stored


@transaction.atomic
def mark_aggregated(*, submission_ids: list[int]) -> None:
    Submission.objects.filter(pk__in=submission_ids).update(aggregated_at=now())


@transaction.atomic
def mark_for_aggregation(*, dataset: Dataset) -> None:
    """Have every submission of a dataset aggregated again."""
    # By id, as a pass takes them: two that lock the same rows in other orders would wait for each other.
    of_dataset = Submission.objects.filter(hit__batch__dataset=dataset).order_by("id")
    locked = of_dataset.select_for_update(of=("self",), no_key=True).values("id")
    Submission.objects.filter(pk__in=locked).update(aggregated_at=None)


@transaction.atomic
def exclude_submission(*, submission: Submission, reason: str) -> Exclusion:
    """Take a submission out of every number. The work stays stored and paid; `readmit_submission` brings it back.

    Raises AlreadyExcluded, with the reason on record, if it is out already.
    """
    Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
    standing = submission.exclusions.filter(lifted_at=None).first()
    if standing is not None:
        raise AlreadyExcluded(
            f"Submission {submission.pk} is excluded already, because: {standing.reason!r}. "
            f"Readmit it first to give another reason."
        )
    exclusion = Exclusion.objects.create(submission=submission, reason=reason)
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)
    return exclusion


@transaction.atomic
def readmit_submission(*, submission: Submission) -> None:
    Exclusion.objects.filter(submission=submission, lifted_at=None).update(lifted_at=now())
    Submission.objects.filter(pk=submission.pk).update(aggregated_at=None)


@transaction.atomic
def add_slots(*, hit: HIT, n_slots: int) -> None:
    """Ask for further answers to a HIT."""
    first = hit.slots.count()
    Slot.objects.bulk_create([Slot(hit=hit, batch_id=hit.batch_id, number=first + n) for n in range(n_slots)])
