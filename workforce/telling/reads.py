"""Queries on what people were told, and on what they told of."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from catalog.models import Dataset
from workforce.models import Batch, Introduction, Report, Submission
from workforce.reads import is_excluded, pseudonym

PROVEN = (Submission.State.CONFIRMED, Submission.State.SURPLUS)


def introduction_of(dataset_id: int) -> Introduction | None:
    return Introduction.objects.filter(dataset=dataset_id).first()


def contact_of(batch: Batch) -> str:
    """Where people may write about a batch; empty if nobody said."""
    found = introduction_of(batch.dataset_id)
    return found.contact if found else ""


def reports_of(dataset: Dataset) -> QuerySet[Report]:
    """The latest first."""
    return Report.objects.filter(lease__batch__dataset=dataset).order_by("-id")


def kinds_of(reports: QuerySet[Report]) -> dict[str, int]:
    """How many there are, by what the kind is called on the page."""
    counts = reports.values_list("kind").annotate(n=Count("pk"))
    return {Report.Kind(kind).label: n for kind, n in counts.order_by("-n", "kind")}


@dataclass(frozen=True)
class ReportShown:
    """`worker` is a pseudonym; `submission` is what was handed in under the same lease, if anything was: the proven
    one, or the latest."""

    report: Report
    worker: str
    submission: Submission | None
    is_excluded: bool


def reports_shown(dataset: Dataset, reports: list[Report]) -> list[ReportShown]:
    leases = [report.lease_id for report in reports]
    found = Submission.objects.filter(lease__in=leases).annotate(excluded=is_excluded("pk")).order_by("pk")
    submissions = {one.lease_id: one for one in sorted(found, key=lambda one: one.state in PROVEN)}
    return [
        ReportShown(
            report,
            pseudonym(dataset, report.lease.worker_id),
            submission := submissions.get(report.lease_id),
            bool(submission and submission.excluded),
        )
        for report in reports
    ]
