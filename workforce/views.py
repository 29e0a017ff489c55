"""A batch's one address: it hands out the next HIT, and at the end the completion code."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe

from catalog.reads import CachedQuery, Given
from workforce.actions import BatchClosed, identify_worker, take_lease
from workforce.frame.reads import frame_offers
from workforce.introductions.reads import introduction_of
from workforce.kinds import kind_named
from workforce.models import Batch, Lease, Worker
from workforce.pages import join_address, message_page
from workforce.reads import has_work_for, known_worker, lease_in_hand, n_done, share_is_done
from workforce.recruitment_links import NoParticipant, external_id

BATCH = CachedQuery(
    lambda: Batch.objects.filter(
        # Replayed batches hold other people's work from elsewhere: nobody joins them.
        public_id=Given("public_id"),
        marketplace=Batch.Marketplace.LINK,
    ),
    related=["settings"],
)


# Both pages are only read: without the exemption a POST would be asked for a cookie instead of told so.
@csrf_exempt
@never_cache
@require_GET
def join(request: HttpRequest, batch_id: str) -> HttpResponse:
    """The next HIT for whoever comes; for who has done all there is, the completion page."""
    batch = _batch(batch_id)
    try:
        participant = external_id(request.GET)
        if batch.closed_at is not None:
            return _closed(request, batch, participant)
        worker = identify_worker(marketplace=batch.marketplace, external_id=participant)
        lease = take_lease(batch=batch, worker=worker)
    except NoParticipant as error:
        return _nobody(request, error)
    except BatchClosed:  # in this very moment
        return _closed(request, batch, participant)
    if lease is not None:
        return redirect(_task_page(batch, lease, participant))
    if n_done(batch, worker.pk):
        return _completed(request, batch, worker, participant)
    again = join_address(batch, participant)
    words = ALL_TAKEN if batch.hits.exists() else NO_WORK
    return message_page(request, "No work for you at the moment", words, 200, "Look again", again)


@csrf_exempt
@never_cache
@require_GET
def finish(request: HttpRequest, batch_id: str) -> HttpResponse:
    """For who wants to stop before the work runs out. Changes nothing: what they hold runs out by itself."""
    batch = _batch(batch_id)
    try:
        participant = external_id(request.GET)
    except NoParticipant as error:
        return _nobody(request, error)
    worker = known_worker(batch.marketplace, participant)
    done = 0 if worker is None else n_done(batch, worker.pk)
    if worker is not None and done >= (batch.hits_per_worker or 1):
        return _completed(request, batch, worker, participant)
    message = f"You have handed in {done} of {batch.hits_per_worker}." if done else "You have handed in nothing yet."
    if batch.completion_code:
        message += " The completion code comes after that."
    return message_page(request, "Not done yet", message, 200, "Go on with the work", join_address(batch, participant))


@csrf_exempt
@never_cache
@require_safe
def about(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Who asks, for what, and on which terms; the same for everybody who has the address."""
    live = Batch.objects.exclude(marketplace=Batch.Marketplace.REPLAY)
    batch = get_object_or_404(live, public_id=batch_id)
    context = {"terms": frame_offers().terms_of(batch), "introduction": introduction_of(batch.dataset_id)}
    return render(request, "workforce/about_batch.html", context)


def _batch(batch_id: str) -> Batch:
    found = BATCH.first(public_id=batch_id)
    if found is None:
        raise Http404(f"no batch {batch_id}")
    return found


def _task_page(batch: Batch, lease: Lease, participant: str) -> str:
    address = reverse(kind_named(batch.kind).page, args=[lease.hit.public_id])
    return f"{address}?{urlencode({'worker': participant})}"


def _closed(request: HttpRequest, batch: Batch, participant: str) -> HttpResponse:
    """Nobody becomes known here any more; who holds something may still hand it in."""
    worker = known_worker(batch.marketplace, participant)
    if worker is not None:
        lease = None if share_is_done(batch, worker) else lease_in_hand(batch, worker)
        if lease is not None:
            return redirect(_task_page(batch, lease, participant))
        if n_done(batch, worker.pk):
            return _completed(request, batch, worker, participant)
    return message_page(request, "This study is closed", CLOSED, 410)


def _completed(request: HttpRequest, batch: Batch, worker: Worker, participant: str) -> HttpResponse:
    # A page that leads on instead of a redirect: browsers hold redirects after a form to the form's own origin.
    more = join_address(batch, participant) if has_work_for(batch, worker) else ""
    context = {"batch": batch, "n_done": n_done(batch, worker.pk), "more_address": more}
    return render(request, "workforce/completed.html", context)


def _nobody(request: HttpRequest, error: NoParticipant) -> HttpResponse:
    return message_page(request, "Who are you?", error.for_page, 400)


NO_WORK = (
    "There is no work in this study at the moment. Look again in a while, or give your place back on the site that "
    "brought you here."
)
ALL_TAKEN = (
    "Every piece of work of this study is with somebody or done. Pieces that people return become free again: "
    "look again in a while, or give your place back on the site that brought you here."
)
CLOSED = (
    "It takes no more answers. Thank you for your interest. If another site brought you here, give your place back "
    "there; otherwise you can close this page."
)
