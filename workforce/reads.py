"""Queries on people and their work that more than one place needs."""

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext

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
from workforce.bars.reads import is_barred
from workforce.models import HIT, Batch, Exclusion, Lease, Slot, Submission, Worker

# Other rooms import it from here.
from workforce.simulated_ids import PREFIX
from workforce.simulated_ids import is_simulated as is_simulated

HANDLE_SALT = "workforce.image_handle"
HANDLE_BYTES = 18
PAUSED = "paused_seconds"
# The fields of an answer in which a person says something.
SELECTION = ("selected", "maybe", "main")
# A page can be submitted, and so viewed, for a while after its lease expired.
PICTURE_GRACE = timedelta(hours=1)
# With this prefix an id is longer than any id of a lease.
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
    """Return the handle of an image on a lease's page, and nowhere else: 24 characters.

    Keyed, so that a handle reveals neither the image nor whether two workers have the same one. A reload keeps it.
    """
    return _handle_under(lease.page_key or settings.SECRET_KEY, lease, image_public_id)


def page_keys() -> list[str]:
    """Return the keys under which pages that are still open may have been made, the newest first."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def made_under(lease: Lease, key: str) -> Lease:
    """Return the lease with a page made under this key."""
    page = copy(lease)
    page.page_key = key
    return page


def is_handle_of(lease: Lease, image_public_id: str, handle: str) -> bool:
    """Return whether this is the image's handle on a lease's page, under whatever key the page was made."""
    handles = [_handle_under(key, lease, image_public_id) for key in page_keys()]
    return any(constant_time_compare(handle, expected) for expected in handles)


def _handle_under(secret: str, lease: Lease, image_public_id: str) -> str:
    key = _handle_key(secret, lease.public_id)
    digest = hashlib.blake2b(image_public_id.encode(), key=key, digest_size=HANDLE_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


# A page requests all its images, one after the other.
@lru_cache(maxsize=100)
def _handle_key(secret: str, lease_public_id: str) -> bytes:
    return hmac.digest(secret.encode(), f"{HANDLE_SALT}/{lease_public_id}".encode(), "sha256")


def seconds_of_pictures(lease: Lease) -> float:
    """Return how many seconds the pictures of a lease's page stay available; 0 or less if they do not."""
    return (lease.expires_at + PICTURE_GRACE - now()).total_seconds()


def preview_lease(hit: HIT) -> Lease:
    """Return the unsaved lease of a HIT's preview, the same for everybody."""
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
    """Return the lease of this id; for a preview of a marketplace's open HIT, its unsaved lease."""
    hit_id = public_id.removeprefix(PREVIEW_PREFIX)
    if hit_id == public_id:
        return Lease.objects.select_related("batch", "hit").filter(public_id=public_id).first()
    open_hits = HIT.objects.filter(closed_at=None, batch__closed_at=None, batch__marketplace=Batch.Marketplace.MTURK)
    hit = open_hits.select_related("batch").filter(public_id=hit_id).first()
    return None if hit is None else preview_lease(hit)


def known_worker(marketplace: str, participant: str) -> Worker | None:
    """Return the worker of a marketplace's ID, if they have been here."""
    return KNOWN_WORKER.first(marketplace=marketplace, participant=participant)


def running_lease(hit: HIT, participant: str) -> Lease | None:
    """Return this worker's active lease on this HIT, without a lock; None if it expired."""
    lease = RUNNING_LEASE.first(marketplace=hit.batch.marketplace, participant=participant, hit=hit.pk, **now_given())
    if lease is not None:
        lease.hit = hit
    return lease


def has_lease(hit: HIT, participant: str) -> bool:
    """Return whether this participant ever had a lease on this HIT."""
    identity = {"worker__identity__marketplace": hit.batch.marketplace, "worker__identity__external_id": participant}
    return Lease.objects.filter(hit=hit, **identity).exists()


def n_done(batch: Batch, worker_id: int) -> int:
    """Return how many HITs of the batch this worker has submitted."""
    n_submitted: int = N_DONE.only_row({"batch": batch.pk, "worker": worker_id})[0]
    return n_submitted


def progress(batch: Batch, worker_id: int) -> tuple[int, datetime]:
    """Return how many HITs of the batch this worker has submitted by now, and the time."""
    n_submitted, moment = PROGRESS.only_row({"batch": batch.pk, "worker": worker_id} | now_given())
    return n_submitted, moment


def share_is_done(batch: Batch, worker: Worker) -> bool:
    """Return whether this worker has submitted the maximum for one worker."""
    return batch.hits_per_worker is not None and n_done(batch, worker.pk) >= batch.hits_per_worker


def lease_in_hand(batch: Batch, worker: Worker) -> Lease | None:
    """Return this worker's unsubmitted lease that can still fill a slot, also in a closed batch."""
    free = Slot.objects.filter(hit=OuterRef("hit"), state=Slot.State.FREE)
    can_fill = Q(state=Lease.State.ACTIVE) | Q(Exists(free), state=Lease.State.EXPIRED)
    theirs = Lease.objects.filter(can_fill, batch=batch, worker=worker).select_related("hit")
    return theirs.order_by("state", "-expires_at").first()  # the active one first


def has_work(batch: Batch) -> bool:
    """Return whether the batch has a HIT for somebody new: a free slot, or one whose lease is overdue."""
    if batch.closed_at is not None:
        return False
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE)
    return free.exists() or overdue_leases(batch).filter(takes_slot=True).exists()


def has_work_for(batch: Batch, worker: Worker) -> bool:
    """Return whether the batch's study link leads this worker to a HIT now."""
    if share_is_done(batch, worker) or is_barred(batch, worker):
        return False
    if lease_in_hand(batch, worker) is not None:
        return True
    if batch.closed_at is not None:
        return False
    had = Lease.objects.filter(worker=worker, batch=batch).values("hit")
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE)
    overdue = overdue_leases(batch).filter(takes_slot=True)
    # `take_lease` takes overdue leases back before it says that there is nothing.
    return any(_new_to(rows, had).exists() for rows in (free, overdue))


def _new_to(rows: QuerySet[Any], had: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows whose HIT is none of these, and asks nothing that these asked."""
    return rows.exclude(hit__in=had).exclude(hit__asked_before__in=had)


def overdue_leases(batch: Batch | None = None) -> QuerySet[Lease]:
    """Return expired leases that still hold their slot."""
    overdue = Lease.objects.filter(state=Lease.State.ACTIVE, expires_at__lte=now())
    return overdue if batch is None else overdue.filter(batch=batch)


def hits_with_open_slots() -> QuerySet[HIT]:
    """Return open HITs with a slot that waits for an answer."""
    open_slots = Slot.objects.exclude(state=Slot.State.FILLED).exclude(state=Slot.State.WITHDRAWN).values("hit")
    return HIT.objects.filter(closed_at=None, pk__in=open_slots)


def not_aggregated(dataset: Dataset | None = None) -> QuerySet[Submission]:
    submissions = Submission.objects.filter(aggregated_at=None)
    return submissions if dataset is None else submissions.filter(hit__batch__dataset=dataset)


def pause_field(seconds: int) -> dict[str, int]:
    """Return the field of a raw answer for the pause of its page; none without a pause."""
    return {PAUSED: seconds} if seconds else {}


def pause_of(answer: dict[str, Any]) -> int:
    """Return the seconds in which an answer's page was hidden or untouched; 0 for a page without script."""
    seconds: int = answer.get(PAUSED, 0)
    return seconds


def selects_the_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two answers, or what pages send of them, select the same, in any order.

    >>> selects_the_same({"selected": [3, 5], "main": 3}, {"selected": [5, 3], "main": 3, "maybe": []})
    True
    >>> selects_the_same({"selected": ["a"]}, {"selected": [], "maybe": ["a"]})
    False
    """
    return all(_texts(first.get(name)) == _texts(second.get(name)) for name in SELECTION)


def n_selected_in(answer: Mapping[str, Any]) -> int:
    """Return how many photographs or labels a raw answer selects, as yes or as maybe.

    >>> n_selected_in({"selected": ["a"], "maybe": ["b"]}), n_selected_in({"selected": [3, 5], "main": 3})
    (2, 2)
    """
    return len(answer["selected"]) + len(answer.get("maybe") or ())


def _texts(value: object) -> Collection[str]:
    values = value if isinstance(value, list) else [value]
    return {str(each) for each in values if each not in (None, "")}


def is_recovered(submission: Submission) -> bool:
    """Return whether its answer came through a marketplace alone and is not read yet."""
    return submission.state == Submission.State.PROVISIONAL and "selected" not in submission.answer


def unread_recovered(kind: str) -> QuerySet[Submission]:
    """Return the unread recovered answers to HITs of a kind, with their HITs."""
    submissions = Submission.objects.filter(~Q(answer__has_key="selected"), state=Submission.State.PROVISIONAL)
    return submissions.filter(hit__batch__kind=kind).select_related("hit").order_by("id")


def pseudonym(dataset: Dataset, worker_id: int) -> str:
    """Return a worker's pseudonym for exports: keyed, so that it cannot be reversed by guessing."""
    return pseudonym_under(dataset.pseudonym_key, worker_id)


@lru_cache(maxsize=10_000)
def pseudonym_under(key: str, worker_id: int) -> str:
    """Return the `pseudonym` under a dataset's key; that of a simulated person says so."""
    digest = hmac.new(key.encode(), str(worker_id).encode(), hashlib.sha256).hexdigest()[:16]
    return f"{PREFIX}{digest}" if is_simulated(worker_id) else digest


def is_excluded(submission: str = "submission") -> Exists:
    """Return the condition that the submission of a query's rows is excluded."""
    return Exists(Exclusion.objects.filter(submission=OuterRef(submission), lifted_at=None))


def published_state(state: str, excluded: bool, surplus: bool = False) -> str:
    """Return the state for exported files: an answer that only an exclusion keeps from counting is `excluded`.

    A vote is surplus too if its submission fills a slot, but the question has as many votes as were asked for.
    """
    if surplus:
        return Submission.State.SURPLUS
    return "excluded" if excluded and state == Submission.State.CONFIRMED else state


def submissions_of(dataset: Dataset, worker: str) -> QuerySet[Submission]:
    """Return the submissions to the dataset under this pseudonym."""
    of_dataset = Submission.objects.filter(hit__batch__dataset=dataset)
    workers = of_dataset.order_by().values_list("worker_id", flat=True).distinct()
    return of_dataset.filter(worker__in=[pk for pk in workers if pseudonym(dataset, pk) == worker])


def pseudonyms_of(dataset: Dataset) -> set[str]:
    """Return the pseudonyms of all workers with submissions to the dataset."""
    workers = Submission.objects.filter(hit__batch__dataset=dataset).values_list("worker_id", flat=True)
    return {pseudonym(dataset, worker_id) for worker_id in workers.order_by().distinct()}


def batch_named(text: str) -> Batch:
    """Return the batch of this number, public id or study link. Raises UserError, which lists the open ones."""
    key = urlsplit(text).path.rstrip("/").rpartition("/")[2]
    condition = {"pk": int(key)} if key.isascii() and key.isdecimal() and len(key) < 10 else {"public_id": key}
    batch = Batch.objects.select_related("dataset").filter(**condition).first()
    if batch is None:
        open_batches = Batch.objects.select_related("dataset").filter(closed_at=None)
        names = ", ".join(f"{other.pk} ({other})" for other in open_batches) or gettext("none")
        message = gettext("There is no batch “%(batch)s”. Open batches: %(names)s.")
        raise UserError(message % {"batch": text, "names": names})
    return batch
