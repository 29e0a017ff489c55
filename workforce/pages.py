"""What pages of work have in common: whom they are for, what may be sent to them, and how they refuse."""

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from catalog.reads import now
from workforce.actions import AlreadySubmitted, NotHandedOut, resume_lease
from workforce.forms import CrossSite, UnreadableAnswer, sent_fields
from workforce.marketplaces.link import PROLIFIC_QUERY, NoParticipant, external_id
from workforce.models import HIT, Batch, Lease
from workforce.reads import known_worker, n_done

TOKEN_SALT = "workforce.work_token"
# What a page's idempotency key looks like. Made once per load; bound to the lease before it is stored.
KEY = r"^[A-Za-z0-9_-]{16,64}$"


class ForeignToken(PermissionError):
    """The work token was not made by us, or for another piece of work."""


class UnfitAnswer(ValueError):
    """The answer is to something else than the page shows. The message is for the person who gave it."""


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    NoParticipant: (400, "Who are you?"),
    UnreadableAnswer: (400, "This answer cannot be read"),
    CrossSite: (403, "Not from this page"),
    ForeignToken: (403, "This is not your piece of work"),
    NotHandedOut: (403, "This is not your piece of work"),
    AlreadySubmitted: (409, "Already recorded"),
    UnfitAnswer: (422, "This answer does not fit the page"),
}

Show = Callable[[HttpRequest, Lease], HttpResponse]
Take = Callable[[HttpRequest, Lease, Mapping], HttpResponse | None]


def serve(request: HttpRequest, hit: HIT, *, show: Show, take: Take) -> HttpResponse:
    """Answer for a HIT's page: GET shows it to who holds it, POST hands in and leads on to the next one.

    `show` renders the page of a lease. `take` stores what was sent, as `sent_fields` has it, or returns the page that
    asks again. What either refuses (see REFUSALS) becomes a page that says why, or JSON for the page's script.
    """
    try:
        return _hand_in(request, hit, take) if request.method == "POST" else _look(request, hit, show)
    except tuple(REFUSALS) as error:
        return _refuse(request, hit, error)


def _look(request: HttpRequest, hit: HIT, show: Show) -> HttpResponse:
    participant = external_id(request.GET)
    worker = known_worker(hit.batch.marketplace, participant)
    if worker is None:
        raise NotHandedOut("This piece of work was not given to you. Open the study's own address to get yours.")
    lease = resume_lease(hit_public_id=hit.public_id, worker=worker)
    if lease.state == Lease.State.SUBMITTED:
        return redirect(join_address(hit.batch, participant))
    return show(request, lease)


def _hand_in(request: HttpRequest, hit: HIT, take: Take) -> HttpResponse:
    sent = sent_fields(request)
    lease = lease_of_token(str(sent.get("token", "")), hit.public_id)
    asked_again = take(request, lease, sent)
    if asked_again is not None:
        return asked_again
    address = join_address(lease.hit.batch, lease.worker.identity.external_id)
    if request.content_type == "application/json":
        return JsonResponse({"next": address})
    return HttpResponse(status=303, headers={"Location": address})


def _refuse(request: HttpRequest, hit: HIT, error: Exception) -> HttpResponse:
    status, title = REFUSALS[type(error)]
    context = {
        "title": title,
        "message": str(error),
        "next_url": _way_on(request, hit),
        "next_text": "Go on with the study",
    }
    if request.content_type == "application/json":
        return JsonResponse(context, status=status)
    return render(request, "error.html", context, status=status)


def _way_on(request: HttpRequest, hit: HIT) -> str:
    try:
        return join_address(hit.batch, external_id(request.GET))
    except NoParticipant:
        return ""


# What a page of work carries


def page_of_lease(lease: Lease) -> dict[str, object]:
    """What every page of work shows of the hold on it: token and key, progress, time left, the way to stop early."""
    batch, participant = lease.hit.batch, lease.worker.identity.external_id
    return {
        "batch": batch,
        "token": work_token(lease),
        "key": secrets.token_urlsafe(16),
        "n_done": n_done(batch, lease.worker_id),
        "minutes_left": max(0, (lease.expires_at - now()) // timedelta(minutes=1)),
        "finish_address": _address("finish", batch, urlencode({"worker": participant})),
    }


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


# Addresses: path and query, for the worker origin


def join_address(batch: Batch, participant: str) -> str:
    """Where a person gets the batch's next HIT."""
    return _address("join", batch, urlencode({"worker": participant}))


def prolific_address(batch: Batch) -> str:
    """What to paste into Prolific as the study's address: Prolific fills in who comes."""
    return _address("join", batch, PROLIFIC_QUERY)


def _address(name: str, batch: Batch, query: str) -> str:
    # By this room's own table, so that a staff page can name them too.
    return f"{reverse(name, args=[batch.public_id], urlconf='workforce.urls')}?{query}"
