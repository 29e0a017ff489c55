"""A batch's one address: it hands out the next HIT, and at the end the completion code."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from workforce.actions import BatchClosed, identify_worker, take_lease
from workforce.models import Batch, Lease, Worker
from workforce.reads import NoParticipant, external_id, join_address, known_worker, n_done

# The pages of the task rooms, by the kind of batch: they stand a floor above and are known here by name only.
TASK_PAGES = {Batch.Kind.CONTAINS: "contains-grid", Batch.Kind.CLASSIFY: "classify-form"}


@never_cache
@require_GET
def join(request: HttpRequest, batch_id: str) -> HttpResponse:
    """The next HIT for whoever comes; for who has done all there is, the completion page."""
    batch = _batch(batch_id)
    try:
        participant = external_id(request.GET)
        worker = identify_worker(marketplace=batch.marketplace, external_id=participant)
        lease = take_lease(batch=batch, worker=worker)
    except NoParticipant as error:
        return _nobody(request, error)
    except BatchClosed as error:
        return _end(request, batch, worker, participant, title="This study is closed", message=str(error), status=410)
    if lease is not None:
        return redirect(_task_page(batch, lease, participant))
    return _end(request, batch, worker, participant, title="No work for you at the moment", message=NO_WORK, status=200)


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
    if done and done >= (batch.hits_per_worker or 1):
        return _completed(request, batch, done)
    wanted = batch.hits_per_worker or 1
    message = f"You have handed in {done} of {wanted}; the completion code comes after that."
    return _message(request, "Not done yet", message, 200, "Go on with the work", join_address(batch, participant))


def _batch(batch_id: str) -> Batch:
    # Replayed batches hold other people's work from elsewhere: nobody joins them.
    return get_object_or_404(Batch, public_id=batch_id, marketplace=Batch.Marketplace.LINK)


def _task_page(batch: Batch, lease: Lease, participant: str) -> str:
    address = reverse(TASK_PAGES[Batch.Kind(batch.kind)], args=[lease.hit.public_id])
    return f"{address}?{urlencode({'worker': participant})}"


def _end(
    request: HttpRequest, batch: Batch, worker: Worker, participant: str, *, title: str, message: str, status: int
) -> HttpResponse:
    done = n_done(batch, worker.pk)
    if done:
        return _completed(request, batch, done)
    again = ("Look again", join_address(batch, participant)) if status == 200 else ("", "")
    return _message(request, title, message, status, *again)


def _completed(request: HttpRequest, batch: Batch, done: int) -> HttpResponse:
    # A page that leads on instead of a redirect: browsers hold redirects after a form to the form's own origin.
    return render(request, "workforce/completed.html", {"batch": batch, "n_done": done})


def _nobody(request: HttpRequest, error: NoParticipant) -> HttpResponse:
    return _message(request, "Who are you?", str(error), 400)


def _message(
    request: HttpRequest, title: str, message: str, status: int, next_text: str = "", next_url: str = ""
) -> HttpResponse:
    context = {"title": title, "message": message, "next_text": next_text, "next_url": next_url}
    return render(request, "error.html", context, status=status)


NO_WORK = (
    "Every piece of work of this study is with somebody or done. Pieces that people return become free again: "
    "look again in a while, or send your place back to the site that brought you here."
)
