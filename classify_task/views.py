"""The form page: which labels does this photograph show, one per object, and which is the main one?"""

import random
import secrets

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from catalog.models import Label
from classify_task.actions import InvalidAnswer, record_vote
from classify_task.forms import FormAnswer
from classify_task.reads import labels_to_offer
from workforce.actions import AlreadySubmitted, NotHandedOut, resume_lease
from workforce.models import HIT, Lease
from workforce.reads import (
    CrossSite,
    ForeignToken,
    NoParticipant,
    UnreadableAnswer,
    external_id,
    join_address,
    known_worker,
    lease_of_token,
    page_of_lease,
    sent_fields,
)

REFUSALS: dict[type[Exception], tuple[int, str]] = {
    NoParticipant: (400, "Who are you?"),
    UnreadableAnswer: (400, "This answer cannot be read"),
    CrossSite: (403, "Not from this page"),
    ForeignToken: (403, "This is not your piece of work"),
    NotHandedOut: (403, "This is not your piece of work"),
    AlreadySubmitted: (409, "Already recorded"),
}


# As for grids: no cookie, so nothing to forge with; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch"), public_id=hit_id, form__isnull=False)
    try:
        return _take(request, hit) if request.method == "POST" else _show(request, hit)
    except tuple(REFUSALS) as error:
        return _refuse(request, hit, error)


def _show(request: HttpRequest, hit: HIT) -> HttpResponse:
    participant = external_id(request.GET)
    worker = known_worker(hit.batch.marketplace, participant)
    if worker is None:
        raise NotHandedOut("This piece of work was not given to you. Open the study's own address to get yours.")
    lease = resume_lease(hit_public_id=hit.public_id, worker=worker)
    if lease.state == Lease.State.SUBMITTED:
        return redirect(join_address(hit.batch, participant))
    return _page(request, lease)


def _take(request: HttpRequest, hit: HIT) -> HttpResponse:
    sent = sent_fields(request)
    lease = lease_of_token(str(sent.get("token", "")), hit.public_id)
    answer = FormAnswer(sent, labels=lease.hit.form.labels)
    try:
        _record(lease, answer)
    except InvalidAnswer as error:
        return _ask_again(request, lease, answer, str(error))
    address = join_address(lease.hit.batch, lease.worker.identity.external_id)
    if request.content_type == "application/json":
        return JsonResponse({"next": address})
    return HttpResponse(status=303, headers={"Location": address})


def _record(lease: Lease, answer: FormAnswer) -> None:
    if not answer.is_valid():
        raise InvalidAnswer(answer.problem())
    chosen = answer.cleaned_data
    key = f"{lease.public_id}.{chosen['key']}"
    record_vote(lease=lease, selected=sorted(chosen["selected"]), main=chosen["main"], idempotency_key=key)


def _ask_again(request: HttpRequest, lease: Lease, answer: FormAnswer, problem: str) -> HttpResponse:
    """The page once more with what was chosen and what is wrong with it."""
    if request.content_type == "application/json":
        return JsonResponse({"title": "Not complete yet", "message": problem}, status=422)
    return _page(request, lease, answer.ticked(), answer.marked_main(), problem)


def _page(
    request: HttpRequest, lease: Lease, ticked: frozenset | set = frozenset(), main: str = "", problem: str = ""
) -> HttpResponse:
    choices = [
        {"label": label, "ticked": str(label.index) in ticked, "main": str(label.index) == main}
        for label in _in_order_of(lease, labels_to_offer(lease.hit.form))
    ]
    own = {"image": lease.hit.form.image, "choices": choices, "problem": problem, "key": secrets.token_urlsafe(16)}
    context = page_of_lease(lease) | own
    return render(request, "classify_task/form.html", context, status=422 if problem else 200)


def _in_order_of(lease: Lease, labels: list[Label]) -> list[Label]:
    """Shuffled per lease: the dataset's label has no place of its own, nor does a place favour a label. A reload
    keeps the order."""
    return random.Random(lease.public_id).sample(labels, len(labels))


def _refuse(request: HttpRequest, hit: HIT, error: Exception) -> HttpResponse:
    status, title = REFUSALS[type(error)]
    context = {"title": title, "message": str(error), "next_url": "", "next_text": "Go on with the study"}
    if not isinstance(error, NoParticipant) and (participant := request.GET.get("worker")):
        context["next_url"] = join_address(hit.batch, participant)
    if request.content_type == "application/json":
        return JsonResponse(context, status=status)
    return render(request, "error.html", context, status=status)
