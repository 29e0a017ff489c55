"""What pages of work have in common: whom they are for, what may be sent to them, and how they refuse."""

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from catalog.errors import UserError
from catalog.reads import CachedQuery, Given, now
from workforce.actions import AlreadySubmitted, NotHandedOut, resume_lease
from workforce.forms import CrossSite, UnreadableAnswer, sent_fields

# The task rooms have it from here.
from workforce.forms import pause_told as pause_told
from workforce.frame import pages as framed
from workforce.frame.actions import LISTED_WITHIN, AlreadyAnswered, HITClosed, NotYetPublished, WrongHIT

# The pages of mturk have these from here.
from workforce.frame.ids import BadAddress as BadAddress
from workforce.frame.ids import submit_address as submit_address
from workforce.frame.ids import visit_in as visit_in
from workforce.frame.reads import frame_offers
from workforce.introductions.reads import introduction_of
from workforce.limits import TooMany, check_pace
from workforce.models import HIT, Assignment, Batch, Lease, Submission
from workforce.problem_reports.pages import NO_REPORT as NO_REPORT
from workforce.problem_reports.pages import ReportOutcome as ReportOutcome
from workforce.problem_reports.pages import Show, is_report, take_report
from workforce.reads import known_worker, progress, running_lease
from workforce.recruitment_links import PROLIFIC_QUERY, NoParticipant, external_id

TOKEN_SALT = "workforce.work_token"
# What a page's idempotency key looks like. Made once per load; bound to the lease before it is stored.
KEY = r"^[A-Za-z0-9_-]{16,64}$"


class ForeignToken(UserError):
    """The work token was not made by us, or for another piece of work."""


class UnfitAnswer(UserError):
    """The answer is to something else than the page shows. The message is for the person who gave it."""


REFUSALS: dict[type[UserError], tuple[int, str]] = {
    NoParticipant: (400, "Who are you?"),
    UnreadableAnswer: (400, "This answer cannot be read"),
    CrossSite: (403, "Not from this page"),
    ForeignToken: (403, "This is not your piece of work"),
    NotHandedOut: (403, "This is not your piece of work"),
    AlreadySubmitted: (409, "Already recorded"),
    UnfitAnswer: (422, "This answer does not fit the page"),
    BadAddress: (400, "This is no assignment"),
    WrongHIT: (403, "Not this HIT"),
    AlreadyAnswered: (409, "Not for you this time"),
    HITClosed: (410, "This HIT is closed"),
    NotYetPublished: (503, "One moment"),
    TooMany: (429, "One moment"),
}
RETRY_SECONDS = 3
LEASE_OF_TOKEN = CachedQuery(
    lambda: Lease.objects.filter(public_id=Given("public_id"), hit=Given("hit")),
    related=["worker__identity"],
)

Take = Callable[[HttpRequest, Lease, Mapping[str, Any]], HttpResponse | Submission]


def serve(request: HttpRequest, hit: HIT, *, show: Show, take: Take) -> HttpResponse:
    """Answer for a HIT's page: GET shows it to who holds it, POST hands in and leads on to the next one.

    `show` renders the page of a lease, with what it says of a report that was sent from it. `take` stores what was
    sent, as `sent_fields` has it, or makes the page that asks again; it returns what it stored or made. What either
    refuses (see REFUSALS) becomes a page that says why, or JSON for the page's script.
    """
    try:
        if request.method == "POST":
            return _hand_in(request, hit, show, take)
        return _look_from_a_frame(request, hit, show) if _is_framed(hit) else _look(request, hit, show)
    except tuple(REFUSALS) as error:
        return _refuse(request, hit, error)


def _is_framed(hit: HIT) -> bool:
    """Its people come from a marketplace that shows the page in a frame of its own."""
    return hit.batch.marketplace == Batch.Marketplace.MTURK


def _look_from_a_frame(request: HttpRequest, hit: HIT, show: Show) -> HttpResponse:
    found = framed.look(request, hit)
    return show(request, found, NO_REPORT) if isinstance(found, Lease) else found


def _look(request: HttpRequest, hit: HIT, show: Show) -> HttpResponse:
    participant = external_id(request.GET)
    running = running_lease(hit, participant)
    if running is not None:
        return show(request, running, NO_REPORT)
    worker = known_worker(hit.batch.marketplace, participant)
    if worker is None:
        raise NotHandedOut("This piece of work was not given to you. Open the study's own address to get yours.")
    lease = resume_lease(hit_public_id=hit.public_id, worker=worker)
    if lease.state == Lease.State.SUBMITTED:
        return redirect(join_address(hit.batch, participant))
    return show(request, lease, NO_REPORT)


def _hand_in(request: HttpRequest, hit: HIT, show: Show, take: Take) -> HttpResponse:
    sent = sent_fields(request)
    if _is_framed(hit) and framed.AGAIN in sent:
        return _look_from_a_frame(request, hit, show)
    lease = lease_of_token(str(sent.get("token", "")), hit)
    if lease.assignment is not None:
        check_pace(request, lease.worker.identity.external_id)
    if is_report(sent):
        return take_report(request, lease, sent, show)
    if lease.assignment is not None:
        return _hand_in_from_a_frame(request, lease, sent, take)
    taken = take(request, lease, sent)
    if isinstance(taken, HttpResponse):
        return taken
    address = join_address(lease.hit.batch, lease.worker.identity.external_id)
    if request.content_type == "application/json":
        return JsonResponse({"next": address})
    return HttpResponse(status=303, headers={"Location": address})


def _hand_in_from_a_frame(request: HttpRequest, lease: Lease, sent: Mapping[str, Any], take: Take) -> HttpResponse:
    try:
        taken = take(request, lease, sent)
    except AlreadySubmitted:
        if framed.assignment_of(lease).is_waited_for:
            raise
        return framed.arrived(request)
    return taken if isinstance(taken, HttpResponse) else framed.answer_to_hand_in(request, lease, taken)


def _refuse(request: HttpRequest, hit: HIT, error: UserError) -> HttpResponse:
    status, title = REFUSALS[type(error)]
    seconds = {NotYetPublished: RETRY_SECONDS, TooMany: getattr(error, "seconds", 0)}.get(type(error), 0)
    context = {
        "title": title,
        "message": error.for_page,
        "next_url": _way_on(request, hit),
        "next_text": "Go on with the study",
        "retry_seconds": seconds,
    }
    if request.content_type == "application/json":
        page: HttpResponse = JsonResponse(context, status=status)
    elif seconds and request.method == "POST":
        # Reloading by itself would lose the answer.
        sent = [(name, value) for name, values in request.POST.lists() for value in values]
        page = render(request, "workforce/send_again.html", context | {"sent": sent}, status=status)
    else:
        page = render(request, "error.html", context, status=status)
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


def _way_on(request: HttpRequest, hit: HIT) -> str:
    if _is_framed(hit):
        return ""
    try:
        return join_address(hit.batch, external_id(request.GET))
    except NoParticipant:
        return ""


def message_page(
    request: HttpRequest, title: str, message: str, status: int, next_text: str = "", next_url: str = ""
) -> HttpResponse:
    """Return a page that says one thing, with one way on."""
    context = {"title": title, "message": message, "next_text": next_text, "next_url": next_url}
    return render(request, "error.html", context, status=status)


# What a page of work carries


def page_of_lease(request: HttpRequest, lease: Lease, report: ReportOutcome) -> dict[str, object]:
    """What every page of work shows of the hold on it: token and key, progress, time left, the way to stop early.

    A preview has nothing that could be handed in.
    """
    batch = lease.hit.batch
    if lease.pk is None:
        told = {"terms": frame_offers().terms_of(batch), "introduction": introduction_of(batch.dataset_id)}
        return told | {"preview": True}
    proof = {
        "batch": batch,
        "token": work_token(lease),
        "key": secrets.token_urlsafe(16),
        "reported": report.reported,
        "unreported": report.unreported,
    }
    if lease.assignment is not None:
        return proof | framed.page_of_assignment(request, lease)
    participant = lease.worker.identity.external_id
    done, moment = progress(batch, lease.worker_id)
    return proof | {
        "n_done": done,
        "minutes_left": max(0, (lease.expires_at - moment) // timedelta(minutes=1)),
        "finish_address": _address("finish", batch, urlencode({"worker": participant})),
    }


def work_token(lease: Lease) -> str:
    """What the page of a lease must send back with the answer. Signed, so nothing has to be stored to check it."""
    turn = lease.assignment
    bound_to = [lease.public_id, *([turn.external_id, turn.external_hit_id] if turn else [])]
    return signing.Signer(salt=TOKEN_SALT).sign("/".join(bound_to))


def lease_of_token(token: str, hit: HIT) -> Lease:
    """The lease a token was made for, if that lease is on this HIT, with the assignment that it was made for.

    Raises ForeignToken for a token that is forged, or of another HIT, or of an assignment that is long over.
    """
    try:
        lease_id, *turn = signing.Signer(salt=TOKEN_SALT).unsign(token).split("/")
        lease = LEASE_OF_TOKEN.get(public_id=lease_id, hit=hit.pk)
        lease.hit = hit
        if not lease.takes_slot:
            assignment_id, external_hit_id = turn
            lease.assignment = lease.assignments.get(external_id=assignment_id, external_hit_id=external_hit_id)
            if lease.expires_at + LISTED_WITHIN < now():
                raise signing.BadSignature("too old")
        return lease
    except (signing.BadSignature, ValueError, Lease.DoesNotExist, Assignment.DoesNotExist):
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
