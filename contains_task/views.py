"""The grid page: which of these photographs contain an X?"""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contains_task.actions import record_votes
from contains_task.forms import GridAnswer
from contains_task.reads import cells_to_show
from workforce.models import HIT, Lease
from workforce.pages import UnfitAnswer, page_of_lease, serve


# No cookie goes with these pages, so there is nothing a forged request could ride on; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def grid(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch"), public_id=hit_id, grid__isnull=False)
    return serve(request, hit, show=_show, take=_take)


def _show(request: HttpRequest, lease: Lease) -> HttpResponse:
    shown = lease.hit.grid
    own = {
        "label": shown.label,
        "also_called": shown.label.words.partition(",")[2].strip(),
        "cells": cells_to_show(lease),
    }
    return render(request, "contains_task/grid.html", page_of_lease(lease) | own)


def _take(request: HttpRequest, lease: Lease, sent: Mapping) -> None:
    answer = GridAnswer(sent, shown=[cell.image.public_id for cell in cells_to_show(lease)])
    if not answer.is_valid():
        raise UnfitAnswer(answer.problem())
    ticked = answer.cleaned_data
    record_votes(lease=lease, selected=ticked["selected"], idempotency_key=f"{lease.public_id}.{ticked['key']}")
