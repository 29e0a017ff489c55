"""A batch's study link: it offers the next HIT, and in the end the completion code."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from catalog.errors import UserError
from catalog.reads import CachedQuery, Given, now
from workforce.actions import BatchClosed
from workforce.consents.actions import OtherText, begin, decline
from workforce.consents.pages import agreement_in, declined_page, declines, start_page
from workforce.consents.reads import standing_at_start
from workforce.drafts.reads import draft_of
from workforce.forms import fields_of_start
from workforce.frame.reads import frame_offers
from workforce.introductions.reads import introduction_of
from workforce.limits import TooMany, check_pace_of_starts, link_visit
from workforce.links.reads import NetworkFull, participant_in
from workforce.models import Batch, Lease, Worker
from workforce.pages import ONE_MOMENT, REFUSALS, SeeOther, finish_address, join_address, message_page, task_address
from workforce.reads import has_work, has_work_for, known_worker, lease_in_hand, n_done, share_is_done
from workforce.recruitment_links import platform_session

BATCH = CachedQuery(
    lambda: Batch.objects.filter(
        # Replayed batches hold work from elsewhere: nobody joins them.
        public_id=Given("public_id"),
        marketplace=Batch.Marketplace.LINK,
    ),
    related=["settings"],
)

SECONDS_IF_FULL = 60


# These pages use no cookies, so a forged request gains nothing. Without the exemption a POST would get an error about
# cookies, and on pages that allow GET alone no 405.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Show a participant what there is to do, and change nothing.

    A POST leases the next HIT (Start, Continue) or returns what they hold (Decline).
    """
    batch = _batch(batch_id)
    try:
        participant = participant_in(request.GET, batch)
        if request.method == "POST":
            return _begin(request, batch, participant)
    except tuple(REFUSALS) as error:
        return _refuse(request, error)
    except NetworkFull as error:
        return _later(request, error, SECONDS_IF_FULL)
    worker = known_worker(batch.marketplace, participant)
    return _newcomer(request, batch) if worker is None else _returned(request, batch, worker, participant)


def _begin(request: HttpRequest, batch: Batch, participant: str) -> HttpResponse:
    fields = fields_of_start(request)
    check_pace_of_starts(request, batch)
    if declines(fields):
        return _decline(request, batch, participant)
    visit = link_visit(request, batch)
    try:
        session = platform_session(request.GET)
        lease = begin(
            batch=batch, participant=participant, visit=visit, agreement=agreement_in(fields), session=session
        )
    except BatchClosed:
        lease = None
    except OtherText:
        return _ask_again(request, batch, participant)
    return SeeOther(join_address(batch, participant) if lease is None else task_address(lease, batch, participant))


def _decline(request: HttpRequest, batch: Batch, participant: str) -> HttpResponse:
    worker = known_worker(batch.marketplace, participant)
    if worker is not None:
        decline(batch=batch, worker=worker)
    n_submitted = 0 if worker is None else n_done(batch, worker.pk)
    is_paid = n_submitted >= (batch.hits_per_worker or 1)
    further = {"n_done": n_submitted, "is_paid": is_paid}
    return declined_page(request, batch, back=join_address(batch, participant), **further)


def _ask_again(request: HttpRequest, batch: Batch, participant: str) -> HttpResponse:
    """Show the consent text that holds now to a person whose page showed another one, or none."""
    worker = known_worker(batch.marketplace, participant)
    n_submitted = 0 if worker is None else n_done(batch, worker.pk)
    return start_page(request, batch, changed=True, n_done=n_submitted)


def _newcomer(request: HttpRequest, batch: Batch) -> HttpResponse:
    if batch.closed_at is not None:
        return message_page(request, gettext("This study is closed"), str(CLOSED), 410)
    if not has_work(batch):
        return _without_work(request, batch)
    return start_page(request, batch)


def _returned(request: HttpRequest, batch: Batch, worker: Worker, participant: str) -> HttpResponse:
    """Lead the holder of a lease to their task, also in a closed batch; offer to continue an expired one."""
    lease = None if share_is_done(batch, worker) else lease_in_hand(batch, worker)
    if lease is not None and lease.state == Lease.State.ACTIVE and lease.expires_at > now():
        return redirect(task_address(lease, batch, participant))
    n_submitted = n_done(batch, worker.pk)
    if lease is not None or (n_submitted and has_work_for(batch, worker)):
        context = {"n_done": n_submitted, "finish_address": finish_address(batch, participant)}
        if not standing_at_start(batch, worker.pk).has_started:
            return start_page(request, batch, **context)
        context |= {"batch": batch, "is_expired": lease is not None}
        context["has_draft"] = lease is not None and draft_of(lease) is not None
        return render(request, "workforce/continue.html", context)
    if n_submitted:
        return _completed(request, batch, worker, participant)
    if has_work_for(batch, worker) or batch.closed_at is not None:
        return _newcomer(request, batch)
    return _without_work(request, batch)


def _without_work(request: HttpRequest, batch: Batch) -> HttpResponse:
    message = ALL_TAKEN if batch.hits.exists() else NO_WORK
    return message_page(
        request,
        gettext("No tasks available right now"),
        str(message),
        200,
        gettext("Try again"),
        request.get_full_path(),
    )


@csrf_exempt
@never_cache
@require_GET
def finish(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Show the completion page to a participant who stops early. Changes nothing: an open lease expires by itself."""
    batch = _batch(batch_id)
    try:
        participant = participant_in(request.GET, batch)
    except tuple(REFUSALS) as error:
        return _refuse(request, error)
    worker = known_worker(batch.marketplace, participant)
    n_submitted = 0 if worker is None else n_done(batch, worker.pk)
    if worker is not None and n_submitted >= (batch.hits_per_worker or 1):
        return _completed(request, batch, worker, participant)
    title, resume = gettext("Not done yet"), gettext("Continue with the tasks")
    message = _progress_message(batch, n_submitted)
    return message_page(request, title, message, 200, resume, join_address(batch, participant))


def _progress_message(batch: Batch, n_submitted: int) -> str:
    if not n_submitted:
        message = gettext("You have not submitted anything yet.")
    else:
        total = batch.hits_per_worker or 1
        message = ngettext(
            "You have submitted %(n)s of %(total)s task.", "You have submitted %(n)s of %(total)s tasks.", total
        ) % {"n": n_submitted, "total": total}
    code = gettext("You get the completion code after the last task.") if batch.completion_code else ""
    return " ".join(filter(None, [message, code]))


@csrf_exempt
@never_cache
@require_safe
def about(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Show the study's introduction and terms, the same for everybody with the link."""
    live = Batch.objects.filter(marketplace__in=[Batch.Marketplace.LINK, Batch.Marketplace.MTURK])
    batch = get_object_or_404(live, public_id=batch_id)
    context = {"terms": frame_offers().terms_of(batch), "introduction": introduction_of(batch.dataset_id)}
    return render(request, "workforce/about_batch.html", context)


def _batch(batch_id: str) -> Batch:
    batch = BATCH.first(public_id=batch_id)
    if batch is None:
        raise Http404(f"no batch {batch_id}")
    return batch


def _completed(request: HttpRequest, batch: Batch, worker: Worker, participant: str) -> HttpResponse:
    # A page instead of a redirect: after a form browsers allow redirects to the form's own origin alone.
    more = join_address(batch, participant) if has_work_for(batch, worker) else ""
    context = {"batch": batch, "n_done": n_done(batch, worker.pk), "more_address": more}
    return render(request, "workforce/completed.html", context)


def _refuse(request: HttpRequest, error: UserError) -> HttpResponse:
    if isinstance(error, TooMany):
        return _later(request, error, error.seconds)
    status, title = REFUSALS[type(error)]
    return message_page(request, str(title), error.for_page, status)


def _later(request: HttpRequest, error: UserError, seconds: int) -> HttpResponse:
    """Ask to press the button again in a while: an automatic reload would lease nothing."""
    context = {"title": str(ONE_MOMENT), "message": error.for_page}
    page = render(request, "workforce/try_again.html", context, status=429)
    page.headers["Retry-After"] = str(seconds)
    return page


NO_WORK = gettext_lazy(
    "This study has no tasks right now. Try again later, or return the study on the site that sent you here."
)
ALL_TAKEN = gettext_lazy(
    "Every task of this study is taken or done. A task that somebody returns becomes "
    "available again. Try again later, or return the study on the site that sent you here."
)
CLOSED = gettext_lazy(
    "This study no longer accepts answers. Thank you for your interest. If another site sent "
    "you here, return the study there. Otherwise, you can close this page."
)
