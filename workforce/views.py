"""A batch's study link: it leads to the next HIT, and in the end to the completion code."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe

from catalog.reads import CachedQuery, Given
from workforce.actions import BatchClosed, identify_worker, take_lease
from workforce.frame.reads import frame_offers
from workforce.introductions.reads import introduction_of
from workforce.kinds import kind_named
from workforce.models import Batch, Lease, Worker
from workforce.pages import BROKEN_LINK, join_address, message_page
from workforce.reads import has_work_for, known_worker, lease_in_hand, n_done, share_is_done
from workforce.recruitment_links import NoParticipant, external_id

BATCH = CachedQuery(
    lambda: Batch.objects.filter(
        # Replayed batches hold work from elsewhere: nobody joins them.
        public_id=Given("public_id"),
        marketplace=Batch.Marketplace.LINK,
    ),
    related=["settings"],
)


# Both pages allow GET alone. Without the exemption a POST would get an error about cookies instead of 405.
@csrf_exempt
@never_cache
@require_GET
def join(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Lead a participant to the next HIT, or to the completion page after the last one."""
    batch = _batch(batch_id)
    try:
        participant = external_id(request.GET)
        if batch.closed_at is not None:
            return _closed(request, batch, participant)
        worker = identify_worker(marketplace=batch.marketplace, external_id=participant)
        lease = take_lease(batch=batch, worker=worker)
    except NoParticipant as error:
        return _nobody(request, error)
    except BatchClosed:  # just now
        return _closed(request, batch, participant)
    if lease is not None:
        return redirect(_task_page(batch, lease, participant))
    if n_done(batch, worker.pk):
        return _completed(request, batch, worker, participant)
    message = ALL_TAKEN if batch.hits.exists() else NO_WORK
    title, retry = gettext("No tasks available right now"), gettext("Try again")
    return message_page(request, title, str(message), 200, retry, join_address(batch, participant))


@csrf_exempt
@never_cache
@require_GET
def finish(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Show the completion page to a participant who stops early. Changes nothing: an open lease expires by itself."""
    batch = _batch(batch_id)
    try:
        participant = external_id(request.GET)
    except NoParticipant as error:
        return _nobody(request, error)
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
    live = Batch.objects.exclude(marketplace=Batch.Marketplace.REPLAY)
    batch = get_object_or_404(live, public_id=batch_id)
    context = {"terms": frame_offers().terms_of(batch), "introduction": introduction_of(batch.dataset_id)}
    return render(request, "workforce/about_batch.html", context)


def _batch(batch_id: str) -> Batch:
    batch = BATCH.first(public_id=batch_id)
    if batch is None:
        raise Http404(f"no batch {batch_id}")
    return batch


def _task_page(batch: Batch, lease: Lease, participant: str) -> str:
    address = reverse(kind_named(batch.kind).page, args=[lease.hit.public_id])
    return f"{address}?{urlencode({'worker': participant})}"


def _closed(request: HttpRequest, batch: Batch, participant: str) -> HttpResponse:
    """Lead the holder of an open lease to their task; add no workers to a closed batch."""
    worker = known_worker(batch.marketplace, participant)
    if worker is not None:
        lease = None if share_is_done(batch, worker) else lease_in_hand(batch, worker)
        if lease is not None:
            return redirect(_task_page(batch, lease, participant))
        if n_done(batch, worker.pk):
            return _completed(request, batch, worker, participant)
    return message_page(request, gettext("This study is closed"), str(CLOSED), 410)


def _completed(request: HttpRequest, batch: Batch, worker: Worker, participant: str) -> HttpResponse:
    # A page instead of a redirect: after a form browsers allow redirects to the form's own origin alone.
    more = join_address(batch, participant) if has_work_for(batch, worker) else ""
    context = {"batch": batch, "n_done": n_done(batch, worker.pk), "more_address": more}
    return render(request, "workforce/completed.html", context)


def _nobody(request: HttpRequest, error: NoParticipant) -> HttpResponse:
    return message_page(request, str(BROKEN_LINK), error.for_page, 400)


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
