"""Queries on people and their work that more than one place needs."""

import hashlib
import hmac
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from catalog.models import Dataset
from catalog.reads import now
from workforce.forms import KEY, CrossSite, UnreadableAnswer, sent_fields
from workforce.marketplaces.link import NoParticipant, external_id
from workforce.models import HIT, Batch, Exclusion, Lease, Slot, Submission, Worker

__all__ = [
    "KEY",
    "CrossSite",
    "ForeignToken",
    "NoParticipant",
    "UnreadableAnswer",
    "external_id",
    "has_open_slot",
    "join_address",
    "known_worker",
    "lease_of_token",
    "page_of_lease",
    "pseudonym",
    "sent_fields",
    "work_token",
]

TOKEN_SALT = "workforce.work_token"


class ForeignToken(PermissionError):
    """The work token was not made by us, or for another piece of work."""


def work_token(lease: Lease) -> str:
    """What the page of a lease must send back with the answer. Signed, so nothing has to be stored to check it."""
    return signing.Signer(salt=TOKEN_SALT).sign(lease.public_id)


def lease_of_token(token: str, hit_public_id: str) -> Lease:
    """The lease a token was made for, if that lease is on this HIT.

    Raises ForeignToken for a token that is forged, or of another HIT.
    """
    try:
        lease_public_id = signing.Signer(salt=TOKEN_SALT).unsign(token)
        return Lease.objects.select_related("hit__batch__settings", "worker__identity").get(
            public_id=lease_public_id, hit__public_id=hit_public_id
        )
    except (signing.BadSignature, UnicodeError, Lease.DoesNotExist):
        raise ForeignToken(
            "This page's work token is not valid for this piece of work. Nothing was stored. "
            "Open the study again from the address you were given."
        ) from None


def join_address(batch: Batch, participant: str) -> str:
    """Where a person gets the batch's next HIT: path and query, for the worker origin."""
    return f"{reverse('join', args=[batch.public_id])}?{urlencode({'worker': participant})}"


def known_worker(marketplace: str, participant: str) -> Worker | None:
    """Whom a marketplace's id stands for, if they have been here."""
    return Worker.objects.filter(identity__marketplace=marketplace, identity__external_id=participant).first()


def has_open_slot(batch: Batch) -> bool:
    return Slot.objects.filter(batch=batch).exclude(state=Slot.State.FILLED).exists()


def n_done(batch: Batch, worker_id: int) -> int:
    """How many HITs of the batch this person has handed in."""
    return Lease.objects.filter(batch=batch, worker_id=worker_id, state=Lease.State.SUBMITTED).count()


def overdue_leases(batch: Batch | None = None) -> QuerySet[Lease]:
    """Leases that ran out and still hold their slot."""
    found = Lease.objects.filter(state=Lease.State.ACTIVE, expires_at__lte=now())
    return found if batch is None else found.filter(batch=batch)


def page_of_lease(lease: Lease) -> dict[str, object]:
    """What every page of work shows of the hold on it: token, progress, time left, and the way to stop early."""
    batch, participant = lease.hit.batch, lease.worker.identity.external_id
    finish = f"{reverse('finish', args=[batch.public_id])}?{urlencode({'worker': participant})}"
    return {
        "batch": batch,
        "token": work_token(lease),
        "n_done": n_done(batch, lease.worker_id),
        "minutes_left": max(0, (lease.expires_at - now()) // timedelta(minutes=1)),
        "finish_address": finish,
    }


def hits_with_open_slots() -> QuerySet[HIT]:
    """HITs that still wait for an answer: not closed, and a slot not filled."""
    open_slots = Slot.objects.exclude(state=Slot.State.FILLED).values("hit")
    return HIT.objects.filter(closed_at=None, pk__in=open_slots)


def not_aggregated(dataset: Dataset | None = None) -> QuerySet[Submission]:
    found = Submission.objects.filter(aggregated_at=None)
    return found if dataset is None else found.filter(hit__batch__dataset=dataset)


def pseudonym(dataset: Dataset, worker_id: int) -> str:
    """The name under which a worker appears in what leaves the site: keyed, so it cannot be guessed back."""
    return _pseudonym(dataset.pseudonym_key, worker_id)


@lru_cache(maxsize=10_000)
def _pseudonym(key: str, worker_id: int) -> str:
    return hmac.new(key.encode(), str(worker_id).encode(), hashlib.sha256).hexdigest()[:16]


def is_excluded(submission: str = "submission") -> Exists:
    """Whether an exclusion stands against the submission that a query's rows point to."""
    return Exists(Exclusion.objects.filter(submission=OuterRef(submission), lifted_at=None))


def published_state(submission: Submission, excluded: bool) -> str:
    """The state that the files show: an answer that would count but for an exclusion is `excluded`."""
    return "excluded" if excluded and submission.state == Submission.State.CONFIRMED else submission.state


def pseudonyms_of(dataset: Dataset) -> set[str]:
    """The pseudonyms of all who handed something in for the dataset."""
    answered = Submission.objects.filter(hit__batch__dataset=dataset).values_list("worker_id", flat=True)
    return {pseudonym(dataset, worker_id) for worker_id in answered.order_by().distinct()}
