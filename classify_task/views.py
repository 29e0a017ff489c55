"""The form page: one label for each object in the photograph, and the main one."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from classify_task.actions import InvalidAnswer, record_vote
from classify_task.forms import FormAnswer
from classify_task.reads import choices_shown
from workforce.models import HIT, Lease, Submission
from workforce.pages import (
    NO_REPORT,
    AnswerFacts,
    ReportOutcome,
    facts_in,
    has_answered,
    key_to_store,
    page_of_lease,
    paused_seconds_in,
    serve,
)
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
    return _page(request, lease, _answer_in(lease, request.POST), report=report)


def _take(request: HttpRequest, lease: Lease, fields: Mapping[str, Any]) -> HttpResponse | Submission:
    answer = _answer_in(lease, fields)
    # The form was sent before its script ran, which would have said what was seen.
    if fields.get("scripts") == "awaited":
        return _page(request, lease, answer, is_early=True)
    facts = facts_in(request, lease, fields, [_handle(lease)], lease.hit.form.labels)
    try:
        return _record(lease, answer, facts, paused_seconds_in(fields))
    except InvalidAnswer as error:
        return _ask_again(request, lease, answer, error)


def _answer_in(lease: Lease, fields: Mapping[str, Any]) -> FormAnswer:
    return FormAnswer(fields, labels=lease.hit.form.labels, handle=_handle(lease))


def _handle(lease: Lease) -> str:
    return image_handle(lease, lease.hit.form.image.public_id)


def _record(lease: Lease, answer: FormAnswer, facts: AnswerFacts, paused: int) -> Submission:
    if not answer.is_valid():
        raise answer.problem()
    fields = answer.cleaned_data
    return record_vote(
        lease=lease,
        selected=sorted(fields["selected"]),
        main=fields["main"],
        unseen=bool(facts.unseen),
        facts=facts,
        idempotency_key=key_to_store(lease, fields["key"]),
        paused_seconds=paused,
    )


def _ask_again(request: HttpRequest, lease: Lease, answer: FormAnswer, problem: InvalidAnswer) -> HttpResponse:
    """Show the page again, with the selection and the problem."""
    if request.content_type == "application/json":
        reply = {"title": gettext("Your answer is incomplete"), "message": problem.for_page, "group": problem.group}
        return JsonResponse(reply, status=422)
    return _page(request, lease, answer, problem)


def _page(
    request: HttpRequest,
    lease: Lease,
    answer: FormAnswer,
    problem: InvalidAnswer | None = None,
    report: ReportOutcome = NO_REPORT,
    *,
    is_early: bool = False,
) -> HttpResponse:
    task = {
        "image": lease.hit.form.image,
        "lease": lease,
        "handle": _handle(lease),
        "choices": choices_shown(lease, answer.selection(), answer.marked_main()),
        "unloaded": answer.says_unloaded(),
        "problem": problem.for_page if problem else "",
        "group": problem.group if problem else "",
        "is_early": is_early,
        "is_without_scripts": is_early or request.POST.get("scripts") == "none",
    }
    context = page_of_lease(request, lease, report) | task
    context["is_used_to_it"] = has_answered(lease, context)
    return render(request, "classify_task/form.html", context, status=422 if problem or is_early else 200)
