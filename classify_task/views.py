"""The form page: one label for each object in the photograph, and the main one."""

import random
from collections.abc import Mapping, Set
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from classify_task.actions import InvalidAnswer, record_vote
from classify_task.forms import FormAnswer
from classify_task.reads import labels_to_offer
from workforce.models import HIT, Lease, Submission
from workforce.pages import NO_REPORT, AnswerFacts, ReportOutcome, facts_in, page_of_lease, paused_seconds_in, serve
from workforce.reads import image_handle


# As for grids: without cookies nothing can be forged; the work token is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, hit_id: str) -> HttpResponse:
    hit = get_object_or_404(HIT.objects.select_related("batch__settings"), public_id=hit_id, form__isnull=False)
    return serve(request, hit, show=_show, take=_take)


def _show(request: HttpRequest, lease: Lease, report: ReportOutcome) -> HttpResponse:
    """Render the page, after a problem report with the selection of before."""
    selected = frozenset(request.POST.getlist("selected"))
    return _page(request, lease, selected, request.POST.get("main", ""), report=report)


def _take(request: HttpRequest, lease: Lease, fields: Mapping[str, Any]) -> HttpResponse | Submission:
    answer = FormAnswer(fields, labels=lease.hit.form.labels)
    handle = image_handle(lease, lease.hit.form.image.public_id)
    facts = facts_in(request, lease, fields, [handle], lease.hit.form.labels)
    try:
        return _record(lease, answer, facts, paused_seconds_in(fields))
    except InvalidAnswer as error:
        return _ask_again(request, lease, answer, error.for_page)


def _record(lease: Lease, answer: FormAnswer, facts: AnswerFacts, paused: int) -> Submission:
    if not answer.is_valid():
        raise InvalidAnswer(answer.problem())
    fields = answer.cleaned_data
    return record_vote(
        lease=lease,
        selected=sorted(fields["selected"]),
        main=fields["main"],
        shown=_in_order_of(lease, lease.hit.form.labels),
        unseen=bool(facts.unseen),
        facts=facts,
        idempotency_key=f"{lease.public_id}.{fields['key']}",
        paused_seconds=paused,
    )


def _ask_again(request: HttpRequest, lease: Lease, answer: FormAnswer, problem: str) -> HttpResponse:
    """Show the page again, with the selection and the problem."""
    if request.content_type == "application/json":
        return JsonResponse({"title": gettext("Your answer is incomplete"), "message": problem}, status=422)
    return _page(request, lease, answer.selection(), answer.marked_main(), problem)


def _page(
    request: HttpRequest,
    lease: Lease,
    selected: Set[str],
    main: str,
    problem: str = "",
    report: ReportOutcome = NO_REPORT,
) -> HttpResponse:
    choices = [
        {"label": label, "is_selected": str(label.index) in selected, "is_main": str(label.index) == main}
        for label in _in_order_of(lease, labels_to_offer(lease.hit.form))
    ]
    image = lease.hit.form.image
    task = {
        "image": image,
        "lease": lease,
        "handle": image_handle(lease, image.public_id),
        "choices": choices,
        "problem": problem,
    }
    context = page_of_lease(request, lease, report) | task
    return render(request, "classify_task/form.html", context, status=422 if problem else 200)


def _in_order_of(lease: Lease, labels: list[Any]) -> list[Any]:
    """Shuffle labels by lease, so that no position favours the dataset label or any other. A reload keeps the order."""
    return random.Random(lease.public_id).sample(labels, len(labels))
