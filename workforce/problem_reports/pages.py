"""Telling of a problem from a page of work: whatever is ticked stays, and the page can be handed in all the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from workforce.models import Lease
from workforce.problem_reports.actions import report_problem

# The name of the button that sends a report instead of the answer, on the same form.
REPORT = "report"
NOTHING = "Choose what went wrong, or say it in your words; nothing was sent yet."
THANKS = "Thank you: the people who ask are told of it. You can go on, and hand in all the same."


@dataclass(frozen=True)
class ReportOutcome:
    """What a page says of a report that was sent from it: a thank you, or what the report lacks."""

    reported: str = ""
    unreported: str = ""


NO_REPORT = ReportOutcome()
# What renders the page of a lease.
Show = Callable[[HttpRequest, Lease, ReportOutcome], HttpResponse]


def is_report(sent: Mapping[str, Any]) -> bool:
    return bool(sent.get(REPORT))


def take_report(request: HttpRequest, lease: Lease, sent: Mapping[str, Any], show: Show) -> HttpResponse:
    """Keep the report, and show the page again as it was. To a page's script: what to say in its place."""
    kind, words = str(sent.get("report_kind", "")), str(sent.get("report_words", ""))
    if not kind and not words.strip():
        if request.content_type == "application/json":
            return JsonResponse({"message": NOTHING})
        return show(request, lease, ReportOutcome(unreported=NOTHING))
    report_problem(lease=lease, kind=kind, words=words)
    if request.content_type == "application/json":
        return JsonResponse({"reported": THANKS})
    return show(request, lease, ReportOutcome(reported=THANKS))
