"""The grid page: which of these photographs contain an X?"""

import secrets
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contains_task.actions import ForeignCell, record_votes
from contains_task.forms import GridAnswer
from contains_task.reads import cells_to_show
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
    ForeignCell: (422, "This answer does not fit the page"),
}


# No cookie goes with these pages, so there is nothing a forged request could ride on; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def grid(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch"), public_id=hit_id, grid__isnull=False)
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
    shown = lease.hit.grid
    own = {
        "label": shown.label,
        "also_called": shown.label.words.partition(",")[2].strip(),
        "cells": cells_to_show(shown),
        "key": secrets.token_urlsafe(16),
    }
    return render(request, "contains_task/grid.html", page_of_lease(lease) | own)


def _take(request: HttpRequest, hit: HIT) -> HttpResponse:
    sent = sent_fields(request)
    lease = lease_of_token(str(sent.get("token", "")), hit.public_id)
    answer = _answer(lease, sent)
    key = f"{lease.public_id}.{answer['key']}"
    record_votes(lease=lease, selected=answer["selected"], idempotency_key=key)
    address = join_address(lease.hit.batch, lease.worker.identity.external_id)
    if request.content_type == "application/json":
        return JsonResponse({"next": address})
    return HttpResponse(status=303, headers={"Location": address})


def _answer(lease: Lease, sent: Mapping) -> dict:
    form = GridAnswer(sent, shown=[cell.image.public_id for cell in cells_to_show(lease.hit.grid)])
    if not form.is_valid():
        raise ForeignCell(form.problem())
    return form.cleaned_data


def _refuse(request: HttpRequest, hit: HIT, error: Exception) -> HttpResponse:
    status, title = REFUSALS[type(error)]
    context = {"title": title, "message": str(error), "next_url": "", "next_text": "Go on with the study"}
    if not isinstance(error, NoParticipant) and (participant := request.GET.get("worker")):
        context["next_url"] = join_address(hit.batch, participant)
    if request.content_type == "application/json":
        return JsonResponse(context, status=status)
    return render(request, "error.html", context, status=status)
