"""The grid page: select every photograph that shows an object of a class."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from catalog.examples.reads import examples_of
from catalog.reads import CachedQuery, Given
from catalog.references.reads import references_of_label
from contains_task.actions import record_votes
from contains_task.forms import IF_NONE, NOTHING_SELECTED, GridAnswer
from contains_task.reads import cells_by_handle
from workforce.models import HIT, Batch, Lease, Submission
from workforce.pages import (
    NO_REPORT,
    ReportOutcome,
    UnfitAnswer,
    facts_in,
    has_answered,
    key_to_store,
    page_of_lease,
    paused_seconds_in,
    serve,
)

HIT_OF_PAGE = CachedQuery(
    lambda: HIT.objects.filter(public_id=Given("public_id"), grid__isnull=False),
    related=["batch__settings", "grid__label"],
)


# These pages use no cookies, so a forged request gains nothing; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def grid(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = HIT_OF_PAGE.first(public_id=hit_id)
    if hit is None:
        raise Http404(f"no grid {hit_id}")
    return serve(request, hit, show=_show, take=_take)


def _show(
    request: HttpRequest,
    lease: Lease,
    report: ReportOutcome,
    *,
    ask_none: bool = False,
    is_early: bool = False,
) -> HttpResponse:
    task = _question(lease) | {
        "lease": lease,
        "handles": cells_by_handle(lease),
        # After a problem report or a question the page keeps the selection.
        "selected": frozenset(request.POST.getlist("selected")),
        "maybe": frozenset(request.POST.getlist("maybe")),
        "unloaded": frozenset(request.POST.getlist("unloaded")),
        "is_three_way": _offers_maybe(lease),
        "ask_none": ask_none,
        "is_early": is_early,
        "is_without_scripts": is_early or request.POST.get("scripts") == "none",
    }
    context = page_of_lease(request, lease, report) | task
    context["is_used_to_it"] = has_answered(lease, context)
    return render(request, "contains_task/grid.html", context, status=422 if ask_none or is_early else 200)


def _question(lease: Lease) -> dict[str, object]:
    """Return the question of a grid's page, and what explains it."""
    label, batch = lease.hit.grid.label, lease.hit.batch
    return {
        "label": label,
        "also_called": label.words.partition(",")[2].strip(),
        "references": references_of_label(batch.dataset_id, label),
        "examples": examples_of(batch.settings, label),
    }


def _offers_maybe(lease: Lease) -> bool:
    return lease.hit.batch.answers == Batch.Answers.THREE


def _take(request: HttpRequest, lease: Lease, fields: Mapping[str, Any]) -> HttpResponse | Submission:
    cells = cells_by_handle(lease)
    answer = GridAnswer(fields, handles=cells, with_maybe=_offers_maybe(lease))
    if not answer.is_valid():
        raise UnfitAnswer(answer.problem())
    # The form was sent before its script ran, which would have said what was seen.
    if fields.get("scripts") == "awaited":
        return _show(request, lease, NO_REPORT, is_early=True)
    if answer.is_unconfirmed():
        return _ask_for_none(request, lease)
    facts = facts_in(request, lease, fields, cells)
    return record_votes(
        lease=lease,
        cells=cells,
        selected=answer.cleaned_data["selected"],
        maybe=answer.cleaned_data["maybe"],
        unseen=facts.unseen,
        facts=facts,
        idempotency_key=key_to_store(lease, answer.cleaned_data["key"]),
        paused_seconds=paused_seconds_in(fields),
    )


def _ask_for_none(request: HttpRequest, lease: Lease) -> HttpResponse:
    """Ask whether no photograph matches: nothing is stored, since Submit may have been pressed by accident."""
    if request.content_type == "application/json":
        return JsonResponse({"ask": "none", "title": str(NOTHING_SELECTED), "message": str(IF_NONE)}, status=422)
    return _show(request, lease, NO_REPORT, ask_none=True)
