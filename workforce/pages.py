"""Common parts of pages of work: access, submission, and error pages."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.reads import CachedQuery, Given, now
from workforce.actions import NOT_ASSIGNED, AlreadySubmitted, NotHandedOut, take_lease

# The pages of mturk and of the study link import it from here.
from workforce.consents.pages import SeeOther as SeeOther
from workforce.consents.reads import consent_named, consent_of, standing_at_start
from workforce.drafts.pages import UnfitDraft, is_draft, newer_draft, take_draft
from workforce.drafts.reads import draft_of

# Task rooms import these from here.
from workforce.facts.reads import AnswerFacts as AnswerFacts
from workforce.facts.reads import facts_in as facts_in
from workforce.forms import CrossSite, ForeignStart, UnreadableAnswer, fields_in
from workforce.forms import key_to_store as key_to_store
from workforce.forms import paused_seconds_in as paused_seconds_in
from workforce.frame import pages as frame_pages
from workforce.frame.actions import LISTED_WITHIN, AlreadyAnswered, HITClosed, NotYetPublished, WrongHIT

# The pages of mturk import these from here.
from workforce.frame.ids import BadAddress as BadAddress
from workforce.frame.ids import submit_address as submit_address
from workforce.frame.ids import visit_in as visit_in
from workforce.frame.reads import frame_offers
from workforce.frame.receipts import values_on_page
from workforce.introductions.reads import introduction_of
from workforce.kinds import kind_named
from workforce.limits import TooMany, check_pace, check_pace_of_answers, check_pace_of_drafts, link_visit
from workforce.links.reads import NotAdmitted, link_query, participant_in
from workforce.models import HIT, Assignment, Batch, Lease, Submission
from workforce.problem_reports.pages import NO_REPORT as NO_REPORT
from workforce.problem_reports.pages import ReportOutcome as ReportOutcome
from workforce.problem_reports.pages import Show, is_report, take_report
from workforce.reads import has_lease, n_done, page_keys, progress, running_lease
from workforce.recruitment_links import PROLIFIC_QUERY, NoParticipant

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = logging.getLogger(__name__)

TOKEN_SALT = "workforce.work_token"
KEY_SALT = "workforce.idempotency_key"
# A page's idempotency key, bound to the lease before it is stored.
KEY = r"^[A-Za-z0-9_-]{16,64}$"


class ForeignToken(UserError):
    """A work token that this site did not sign, or of another task."""


class UnfitAnswer(UserError):
    """An answer that does not match the page. The message is for the worker."""


BROKEN_LINK = gettext_lazy("This link does not work")
NOT_YOUR_PAGE = gettext_lazy("This page does not belong to your task. Nothing was saved. Open the study link again.")
NOT_YOURS = gettext_lazy("This task is not assigned to you")
ONE_MOMENT = gettext_lazy("One moment, please")
# HTTP status and title of the page for each error.
REFUSALS: "dict[type[UserError], tuple[int, StrOrPromise]]" = {
    NoParticipant: (400, BROKEN_LINK),
    NotAdmitted: (403, BROKEN_LINK),
    UnreadableAnswer: (400, gettext_lazy("We could not read your answer")),
    CrossSite: (403, gettext_lazy("This answer came from another site")),
    ForeignStart: (403, gettext_lazy("This request came from another site")),
    ForeignToken: (403, NOT_YOURS),
    NotHandedOut: (403, NOT_YOURS),
    AlreadySubmitted: (409, gettext_lazy("Already submitted")),
    UnfitDraft: (422, gettext_lazy("This draft does not match the page")),
    UnfitAnswer: (422, gettext_lazy("This answer does not match the page")),
    BadAddress: (400, BROKEN_LINK),
    WrongHIT: (403, gettext_lazy("This is a different task")),
    AlreadyAnswered: (409, gettext_lazy("You cannot take this task")),
    HITClosed: (410, gettext_lazy("This task is closed")),
    NotYetPublished: (503, ONE_MOMENT),
    TooMany: (429, ONE_MOMENT),
}
RETRY_SECONDS = 3
LEASE_OF_TOKEN = CachedQuery(
    lambda: Lease.objects.filter(public_id=Given("public_id"), hit=Given("hit")),
    related=["worker__identity"],
)

Take = Callable[[HttpRequest, Lease, Mapping[str, Any]], HttpResponse | Submission]


def serve(request: HttpRequest, hit: HIT, *, show: Show, take: Take) -> HttpResponse:
    """Serve a HIT's page: GET shows it to the holder of its lease, POST submits and leads to the next task.

    `show` renders the page of a lease, with the reply to a report sent from it. `take` gets the `fields_in` the request
    and returns the stored submission, or a page that asks again. An error of either (see REFUSALS) becomes a page with
    the reason, or JSON for the page's script.
    """
    try:
        if request.method == "POST":
            return _submit(request, hit, show, take)
        return _look_from_a_frame(request, hit, show) if _is_framed(hit) else _look(request, hit, show)
    except tuple(REFUSALS) as error:
        return _refuse(request, hit, error)


def _is_framed(hit: HIT) -> bool:
    """Return whether a marketplace shows the page in its own frame."""
    return hit.batch.marketplace == Batch.Marketplace.MTURK


def _look_from_a_frame(request: HttpRequest, hit: HIT, show: Show) -> HttpResponse:
    lease_or_page = frame_pages.look(request, hit)
    return show(request, lease_or_page, NO_REPORT) if isinstance(lease_or_page, Lease) else lease_or_page


def _look(request: HttpRequest, hit: HIT, show: Show) -> HttpResponse:
    """Show the page to the holder of its lease. The study link leads on from an expired or submitted one."""
    participant = participant_in(request.GET, hit.batch)
    running = running_lease(hit, participant)
    if running is not None:
        return show(request, running, NO_REPORT)
    if not has_lease(hit, participant):
        raise NotHandedOut(str(NOT_ASSIGNED))
    return redirect(join_address(hit.batch, participant))


def _submit(request: HttpRequest, hit: HIT, show: Show, take: Take) -> HttpResponse:
    fields = fields_in(request)
    if _is_framed(hit) and frame_pages.AGAIN in fields:
        return _look_from_a_frame(request, hit, show)
    if _is_framed(hit) and frame_pages.asks_to_begin(fields):
        return frame_pages.begin_or_decline(request, hit)
    lease = lease_of_token(str(fields.get("token", "")), hit)
    if is_draft(fields):
        return _save_draft(request, lease, fields)
    if lease.assignment is not None:
        lease.consent_id = consent_named(request.GET)
        check_pace(request, lease.worker.identity.external_id)
    else:
        _check_participant(request, lease)
        check_pace_of_answers(request, hit.batch)
    if is_report(fields):
        return take_report(request, lease, fields, show)
    other = newer_draft(lease, fields)
    if other is not None:
        return other
    if lease.assignment is not None:
        return _submit_from_a_frame(request, lease, fields, take)
    # Read once for the facts of the answer and the next task.
    lease.standing = standing_at_start(hit.batch, lease.worker_id)
    if lease.standing.agreed is False:
        # Who declined has no place any more. The study link asks whether they want to take part after all.
        return _lead_on(request, join_address(hit.batch, lease.worker.identity.external_id))
    try:
        outcome = take(request, lease, fields)
    except AlreadySubmitted as error:
        # For the page, which then shows what is saved.
        error.saved = error.saved and values_on_page(lease, error.saved)
        raise
    if isinstance(outcome, HttpResponse):
        return outcome
    return _lead_on(request, _next_address(request, lease))


def _lead_on(request: HttpRequest, address: str) -> HttpResponse:
    return JsonResponse({"next": address}) if request.content_type == "application/json" else SeeOther(address)


def _save_draft(request: HttpRequest, lease: Lease, fields: Mapping[str, Any]) -> HttpResponse:
    check_pace_of_drafts(request, lease)
    if lease.assignment is None:
        _check_participant(request, lease)
    return take_draft(request, lease, fields)


def _check_participant(request: HttpRequest, lease: Lease) -> None:
    """Refuse an answer whose address does not prove the ID, if the batch admits only some. Raises ForeignToken."""
    batch = lease.hit.batch
    if batch.admission != Batch.Admission.ANYONE:
        participant = participant_in(request.GET, batch)
        if participant != lease.worker.identity.external_id:
            raise ForeignToken(str(NOT_YOUR_PAGE))


def _next_address(request: HttpRequest, lease: Lease) -> str:
    """Lease the next task after a stored answer, and return its address; without one, that of the study link.

    The study link also asks for consent again if its text has changed.
    """
    batch, participant = lease.hit.batch, lease.worker.identity.external_id
    try:
        if not lease.standing.has_started:
            return join_address(batch, participant)
        following = take_lease(batch=batch, worker=lease.worker, visit=link_visit(request, batch))
    except UserError:  # closed, or too many tasks from this network: the page of the study link says so
        following = None
    except Exception:  # noqa: BLE001  # the answer is stored, and its worker must read so
        log.exception("The task after submission of lease %s could not be assigned.", lease.pk)
        following = None
    return join_address(batch, participant) if following is None else task_address(following, batch, participant)


def _submit_from_a_frame(request: HttpRequest, lease: Lease, fields: Mapping[str, Any], take: Take) -> HttpResponse:
    try:
        outcome = take(request, lease, fields)
    except AlreadySubmitted:
        if frame_pages.assignment_of(lease).is_waited_for:
            raise
        return frame_pages.arrived(request)
    return outcome if isinstance(outcome, HttpResponse) else frame_pages.answer_to_submit(request, lease, outcome)


def _refuse(request: HttpRequest, hit: HIT, error: UserError) -> HttpResponse:
    status, title = REFUSALS[type(error)]
    seconds = {NotYetPublished: RETRY_SECONDS, TooMany: getattr(error, "seconds", 0)}.get(type(error), 0)
    context = {
        "title": str(title),
        "message": error.for_page,
        "next_url": _way_on(request, hit),
        "next_text": gettext("Continue the study"),
        "retry_seconds": seconds,
    }
    if request.content_type == "application/json":
        page: HttpResponse = JsonResponse(context | {"saved": getattr(error, "saved", None)}, status=status)
    elif seconds and request.method == "POST":
        # An automatic reload would lose the answer.
        fields = [(name, value) for name, values in request.POST.lists() for value in values]
        page = render(request, "workforce/send_again.html", context | {"fields": fields}, status=status)
    else:
        page = render(request, "error.html", context, status=status)
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


def _way_on(request: HttpRequest, hit: HIT) -> str:
    if _is_framed(hit):
        return ""
    try:
        return join_address(hit.batch, participant_in(request.GET, hit.batch))
    except (NoParticipant, NotAdmitted):
        return ""


def message_page(
    request: HttpRequest, title: str, message: str, status: int, next_text: str = "", next_url: str = ""
) -> HttpResponse:
    """Return a page with one message and one link onwards."""
    context = {"title": title, "message": message, "next_text": next_text, "next_url": next_url}
    return render(request, "error.html", context, status=status)


# Context of a page of work


def page_of_lease(request: HttpRequest, lease: Lease, report: ReportOutcome) -> dict[str, object]:
    """Return the context of a lease's page: token and key, progress, time left, and the link to stop early.

    A preview has nothing to submit.
    """
    batch = lease.hit.batch
    if lease.pk is None:
        about = {"terms": frame_offers().terms_of(batch), "introduction": introduction_of(batch.dataset_id)}
        return about | {"preview": True}
    draft = draft_of(lease)
    proof = {
        "batch": batch,
        "token": work_token(lease),
        "key": idempotency_key_of(lease),
        "draft": draft.for_page() if draft else "",
        "reported": report.reported,
        "unreported": report.unreported,
        "trace": consent_of(lease).trace,
    }
    if lease.assignment is not None:
        return proof | frame_pages.page_of_assignment(request, lease)
    participant = lease.worker.identity.external_id
    n_submitted, moment = progress(batch, lease.worker_id)
    time = {"n_done": n_submitted, "finish_address": finish_address(batch, participant)}
    return proof | time | _time_left(lease, moment)


def _time_left(lease: Lease, moment: datetime) -> dict[str, int]:
    """Return how long the lease lasts, and from when on its page says so: in the last fifth of its time."""
    seconds_left = max(0, int((lease.expires_at - moment).total_seconds()))
    held = min((lease.expires_at - lease.opened_at).total_seconds(), lease.hit.batch.settings.lease_seconds)
    return {"seconds_left": seconds_left, "minutes_left": seconds_left // 60, "last_seconds": int(held / 5)}


def idempotency_key_of(lease: Lease) -> str:
    """Return the key of all pages of a lease, or of its assignment, so that a retry from any of them is stored once.

    Keyed, so that only a holder of the work token has it: a used key is refused to everybody else.
    """
    key = lease.page_key or page_keys()[0]
    return salted_hmac(KEY_SALT, _token_text(lease), secret=key, algorithm="sha256").hexdigest()[:32]


def _token_text(lease: Lease) -> str:
    assignment = lease.assignment
    return "/".join([lease.public_id, *([assignment.external_id, assignment.external_hit_id] if assignment else [])])


def has_answered(lease: Lease, context: Mapping[str, object]) -> bool:
    """Return whether the person knows the instructions from an earlier task; `context` is that of the page.

    A preview has no person.
    """
    if "n_done" in context:
        return bool(context["n_done"])
    return lease.pk is not None and n_done(lease.hit.batch, lease.worker_id) > 0


def work_token(lease: Lease) -> str:
    """Return the token that a lease's page sends with the answer. It is signed, so that nothing has to be stored."""
    # Under the key of the page's handles: its token says how to read them.
    return _signer(lease.page_key or page_keys()[0]).sign(_token_text(lease))


def _signer(key: str) -> signing.Signer:
    return signing.Signer(key=key, salt=TOKEN_SALT, fallback_keys=[])


def _read_token(token: str) -> tuple[str, str]:
    """Return what a token says, and the key that signed it. Raises BadSignature."""
    for key in page_keys():
        with suppress(signing.BadSignature):
            return _signer(key).unsign(token), key
    raise signing.BadSignature("no key of ours signed it")


def lease_of_token(token: str, hit: HIT) -> Lease:
    """Return the lease of a token on this HIT, with the token's assignment.

    Raises ForeignToken for a token that is forged, of another HIT, or of an assignment that ended long ago.
    """
    try:
        text, page_key = _read_token(token)
        lease_id, *assignment_ids = text.split("/")
        lease = LEASE_OF_TOKEN.get(public_id=lease_id, hit=hit.pk)
        lease.hit, lease.page_key = hit, page_key
        if not lease.takes_slot:
            assignment_id, external_hit_id = assignment_ids
            lease.assignment = lease.assignments.get(external_id=assignment_id, external_hit_id=external_hit_id)
            if lease.expires_at + LISTED_WITHIN < now():
                raise signing.BadSignature("too old")
        return lease
    except (signing.BadSignature, ValueError, Lease.DoesNotExist, Assignment.DoesNotExist):
        raise ForeignToken(str(NOT_YOUR_PAGE)) from None


# URLs: path and query, for the worker origin


def join_address(batch: Batch, participant: str) -> str:
    """Return the URL that leads a participant to the batch's next HIT."""
    return _address("join", batch, link_query(batch, participant))


def finish_address(batch: Batch, participant: str) -> str:
    """Return the URL at which a participant stops early."""
    return _address("finish", batch, link_query(batch, participant))


def task_address(lease: Lease, batch: Batch, participant: str) -> str:
    """Return the URL of a lease's page."""
    address = reverse(kind_named(batch.kind).page, args=[lease.hit.public_id])
    return f"{address}?{link_query(batch, participant)}"


def prolific_address(batch: Batch) -> str:
    """Return the URL to paste into Prolific as the study link: Prolific fills in the participant."""
    return _address("join", batch, PROLIFIC_QUERY)


def _address(name: str, batch: Batch, query: str) -> str:
    # With this room's own URL table, so that staff pages can use it too.
    return f"{reverse(name, args=[batch.public_id], urlconf='workforce.urls')}?{query}"
