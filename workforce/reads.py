"""Queries on people and their work that more than one place needs."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import (
    NOW,
    CachedQuery,
    Clock,
    Given,
    PreparedStatement,
    now,
    now_given,
)
from workforce.models import HIT, Batch, Exclusion, Lease, Slot, Submission, Worker

HANDLE_SALT = "workforce.image_handle"
HANDLE_BYTES = 18
PAUSED = "paused_seconds"
# A page that is still open when its lease has run out may be handed in, and so be looked at, a while longer.
PICTURE_GRACE = timedelta(hours=1)
# An id and this are longer than an id, so no lease is taken for a preview.
PREVIEW_PREFIX = "preview-"
TIME_OF_A_PREVIEW = timedelta(hours=1)

KNOWN_WORKER = CachedQuery(
    lambda: Worker.objects.filter(
        identity__marketplace=Given("marketplace"), identity__external_id=Given("participant")
    )
)
RUNNING_LEASE = CachedQuery(
    lambda: Lease.objects.filter(
        worker__identity__marketplace=Given("marketplace"),
        worker__identity__external_id=Given("participant"),
        hit=Given("hit"),
        state=Lease.State.ACTIVE,
        expires_at__gt=Clock(),
    ),
    related=["worker__identity"],
)
DONE = "FROM workforce_lease WHERE batch_id = %(batch)s AND worker_id = %(worker)s AND state = 'submitted'"
N_DONE = PreparedStatement(f"SELECT count(*) {DONE}")
PROGRESS = PreparedStatement(f"SELECT count(*), {NOW} {DONE}")


def image_handle(lease: Lease, image_public_id: str) -> str:
    """What stands for an image on the page of a lease, and nowhere else: 24 characters.

    Keyed, so that nobody can tell which image it is, or whether two people have the same one; a reload keeps it.
    """
    key = _handle_key(settings.SECRET_KEY, lease.public_id)
    digest = hashlib.blake2b(image_public_id.encode(), key=key, digest_size=HANDLE_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


# A page asks for all its images, one after the other.
@lru_cache(maxsize=100)
def _handle_key(secret: str, lease_public_id: str) -> bytes:
    return hmac.digest(secret.encode(), f"{HANDLE_SALT}/{lease_public_id}".encode(), "sha256")


def seconds_of_pictures(lease: Lease) -> float:
    """How long the pictures of a lease's page may still be seen; 0 or less: no longer."""
    return (lease.expires_at + PICTURE_GRACE - now()).total_seconds()


def preview_lease(hit: HIT) -> Lease:
    """What stands for a lease on the page of a HIT that nobody has accepted: never stored, the same for everybody."""
    begin = now()
    return Lease(
        hit=hit,
        batch=hit.batch,
        takes_slot=False,
        public_id=PREVIEW_PREFIX + hit.public_id,
        created_at=begin,
        expires_at=begin + TIME_OF_A_PREVIEW,
    )


def lease_of_page(public_id: str) -> Lease | None:
    """The lease under whose id a page shows its pictures; of a marketplace's open HIT there may be a preview."""
    hit_id = public_id.removeprefix(PREVIEW_PREFIX)
    if hit_id == public_id:
        return Lease.objects.select_related("batch").filter(public_id=public_id).first()
    open_hits = HIT.objects.filter(closed_at=None, batch__closed_at=None, batch__marketplace=Batch.Marketplace.MTURK)
    hit = open_hits.select_related("batch").filter(public_id=hit_id).first()
    return None if hit is None else preview_lease(hit)


def known_worker(marketplace: str, participant: str) -> Worker | None:
    """Whom a marketplace's id stands for, if they have been here."""
    return KNOWN_WORKER.first(marketplace=marketplace, participant=participant)


def running_lease(hit: HIT, participant: str) -> Lease | None:
    """Return the lease under which this person works on this HIT, unless it has expired. Lock nothing."""
    lease = RUNNING_LEASE.first(marketplace=hit.batch.marketplace, participant=participant, hit=hit.pk, **now_given())
    if lease is not None:
        lease.hit = hit
    return lease


def n_done(batch: Batch, worker_id: int) -> int:
    """How many HITs of the batch this person has handed in."""
    n_submitted: int = N_DONE.only_row({"batch": batch.pk, "worker": worker_id})[0]
    return n_submitted


def progress(batch: Batch, worker_id: int) -> tuple[int, datetime]:
    """How many HITs of the batch this person has handed in by now, and when that is."""
    n_submitted, moment = PROGRESS.only_row({"batch": batch.pk, "worker": worker_id} | now_given())
    return n_submitted, moment


def share_is_done(batch: Batch, worker: Worker) -> bool:
    """Whether this person has handed in all that one person may."""
    return batch.hits_per_worker is not None and n_done(batch, worker.pk) >= batch.hits_per_worker


def lease_in_hand(batch: Batch, worker: Worker) -> Lease | None:
    """What this person was given, has not handed in, and can still fill a slot with: also in a closed batch."""
    free = Slot.objects.filter(hit=OuterRef("hit"), state=Slot.State.FREE)
    can_fill = Q(state=Lease.State.ACTIVE) | Q(Exists(free), state=Lease.State.EXPIRED)
    theirs = Lease.objects.filter(can_fill, batch=batch, worker=worker).select_related("hit")
    return theirs.order_by("state", "-expires_at").first()  # the active one first


def has_work_for(batch: Batch, worker: Worker) -> bool:
    """Whether the batch's address would lead this person to a HIT now."""
    if share_is_done(batch, worker):
        return False
    if lease_in_hand(batch, worker) is not None:
        return True
    had = Lease.objects.filter(worker=worker, batch=batch).values("hit")
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE).exclude(hit__in=had)
    free = free.exclude(hit__asked_before__in=had)
    return batch.closed_at is None and free.exists()


def overdue_leases(batch: Batch | None = None) -> QuerySet[Lease]:
    """Leases that ran out and still hold their slot."""
    found = Lease.objects.filter(state=Lease.State.ACTIVE, expires_at__lte=now())
    return found if batch is None else found.filter(batch=batch)


def hits_with_open_slots() -> QuerySet[HIT]:
    """HITs that still wait for an answer: not closed, and a slot not filled."""
    open_slots = Slot.objects.exclude(state=Slot.State.FILLED).values("hit")
    return HIT.objects.filter(closed_at=None, pk__in=open_slots)


def not_aggregated(dataset: Dataset | None = None) -> QuerySet[Submission]:
    found = Submission.objects.filter(aggregated_at=None)
    return found if dataset is None else found.filter(hit__batch__dataset=dataset)


def pause_kept(seconds: int) -> dict[str, int]:
    """What a raw answer says beside itself of how long its page was left; nothing of no pause."""
    return {PAUSED: seconds} if seconds else {}


def pause_of(answer: dict[str, Any]) -> int:
    """Seconds that an answer's page was out of sight or untouched; a page without a script does not tell."""
    seconds: int = answer.get(PAUSED, 0)
    return seconds


def is_recovered(submission: Submission) -> bool:
    """Whether its answer came through a marketplace alone and its task room has not read it yet."""
    return submission.state == Submission.State.PROVISIONAL and "selected" not in submission.answer


def unread_recovered(kind: str) -> QuerySet[Submission]:
    """The recovered answers to HITs of a kind that its task room has still to read, with their HITs."""
    found = Submission.objects.filter(~Q(answer__has_key="selected"), state=Submission.State.PROVISIONAL)
    return found.filter(hit__batch__kind=kind).select_related("hit").order_by("id")


def pseudonym(dataset: Dataset, worker_id: int) -> str:
    """The name under which a worker appears in what leaves the site: keyed, so it cannot be guessed back."""
    return pseudonym_under(dataset.pseudonym_key, worker_id)


@lru_cache(maxsize=10_000)
def pseudonym_under(key: str, worker_id: int) -> str:
    """`pseudonym`, for rows that bring their dataset's key along."""
    return hmac.new(key.encode(), str(worker_id).encode(), hashlib.sha256).hexdigest()[:16]


def is_excluded(submission: str = "submission") -> Exists:
    """Whether an exclusion stands against the submission that a query's rows point to."""
    return Exists(Exclusion.objects.filter(submission=OuterRef(submission), lifted_at=None))


def published_state(state: str, excluded: bool) -> str:
    """The state that the files show: an answer that would count but for an exclusion is `excluded`."""
    return "excluded" if excluded and state == Submission.State.CONFIRMED else state


def submissions_of(dataset: Dataset, worker: str) -> QuerySet[Submission]:
    """What the person of this pseudonym handed in for the dataset."""
    of_dataset = Submission.objects.filter(hit__batch__dataset=dataset)
    workers = of_dataset.order_by().values_list("worker_id", flat=True).distinct()
    return of_dataset.filter(worker__in=[pk for pk in workers if pseudonym(dataset, pk) == worker])


def pseudonyms_of(dataset: Dataset) -> set[str]:
    """The pseudonyms of all who handed something in for the dataset."""
    answered = Submission.objects.filter(hit__batch__dataset=dataset).values_list("worker_id", flat=True)
    return {pseudonym(dataset, worker_id) for worker_id in answered.order_by().distinct()}


def batch_named(text: str) -> Batch:
    """The batch of this number, public id or address. Raises UserError, listing the open ones."""
    key = urlsplit(text).path.rstrip("/").rpartition("/")[2]
    by = {"pk": int(key)} if key.isascii() and key.isdecimal() and len(key) < 10 else {"public_id": key}
    found = Batch.objects.select_related("dataset").filter(**by).first()
    if found is None:
        open_ones = ", ".join(f"{b.pk} ({b})" for b in Batch.objects.select_related("dataset").filter(closed_at=None))
        raise UserError(f"There is no batch {text!r}. Open batches: {open_ones or 'none'}.")
    return found
