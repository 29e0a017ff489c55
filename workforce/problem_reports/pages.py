"""Problem reports from a page of work: the selection is kept, and the page can still be submitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy

from workforce.models import Lease
from workforce.problem_reports.actions import report_problem

# Name of the button that sends a report instead of the answer, on the same form.
REPORT = "report"
NOTHING = gettext_lazy("Nothing was sent yet. Choose what went wrong, or describe it.")
THANKS = gettext_lazy("Thank you, we told the researchers. You can still submit.")


@dataclass(frozen=True)
class ReportOutcome:
    """A page's reply to a report: `reported` thanks for it, `unreported` asks for what is missing."""

    reported: str = ""
    unreported: str = ""


NO_REPORT = ReportOutcome()
# Renders the page of a lease.
Show = Callable[[HttpRequest, Lease, ReportOutcome], HttpResponse]


def is_report(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get(REPORT))


def take_report(request: HttpRequest, lease: Lease, fields: Mapping[str, Any], show: Show) -> HttpResponse:
    """Store the report, and show the page again as it was. A page's script gets the message alone."""
    kind, words = str(fields.get("report_kind", "")), str(fields.get("report_words", ""))
    if not kind and not words.strip():
        if request.content_type == "application/json":
            return JsonResponse({"message": str(NOTHING)})
        return show(request, lease, ReportOutcome(unreported=str(NOTHING)))
    report_problem(lease=lease, kind=kind, words=words)
    if request.content_type == "application/json":
        return JsonResponse({"reported": str(THANKS)})
    return show(request, lease, ReportOutcome(reported=str(THANKS)))
