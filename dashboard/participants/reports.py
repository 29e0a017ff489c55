"""Reads of reported problems, with the state of the work and its payment."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from catalog.models import Dataset
from catalog.reads import now
from mturk.models import ListedAssignment, MarketplaceHIT
from workforce.frame.actions import GRACE
from workforce.models import KIND_NAMES, Report, Submission
from workforce.reads import is_excluded, pseudonym

VERIFIED = (Submission.State.CONFIRMED, Submission.State.SURPLUS)


def reports_of(dataset: Dataset) -> QuerySet[Report]:
    """Return the reports on a dataset, the latest first."""
    return Report.objects.filter(lease__batch__dataset=dataset).order_by("-id")


def kinds_of(reports: QuerySet[Report]) -> dict[str, int]:
    """Return the number of reports by the title of their kind, the most frequent first."""
    counts = reports.values_list("kind").annotate(n=Count("pk"))
    return {str(KIND_NAMES[kind]): n for kind, n in counts.order_by("-n", "kind")}


@dataclass(frozen=True)
class ReportShown:
    """A report with the state of the work.

    Attributes:
        worker: pseudonym.
        submission: the one under the same lease: a verified one, else a provisional one, else the latest.
        pay: status of the worker's assignment of the HIT on a marketplace (submitted, approved or rejected), or empty.
        is_compensated: the worker got a compensation HIT, whatever `pay` is.
    """

    report: Report
    worker: str
    submission: Submission | None
    is_excluded: bool
    pay: str
    is_compensated: bool

    @property
    def could_not_submit(self) -> bool:
        """Tell whether nothing is paid, and no submission can still be listed on the marketplace."""
        if self.pay or self.is_compensated:
            return False
        return self.submission is None or self.submission.state == Submission.State.ORPHANED

    @property
    def lease_ends_at(self) -> datetime | None:
        """Return the end of the worker's time for the HIT, or None if it has passed."""
        end = self.report.lease.expires_at - GRACE
        return end if end > now() else None


def reports_shown(dataset: Dataset, reports: list[Report]) -> list[ReportShown]:
    """Return the reports with the state of the work, in the same order."""
    leases = [report.lease_id for report in reports]
    pay, compensated = _pay_of(reports), _compensated(reports)
    rows = Submission.objects.filter(lease__in=leases).annotate(excluded=is_excluded("pk")).order_by("pk")
    submissions = {submission.lease_id: submission for submission in sorted(rows, key=_sureness)}
    return [
        ReportShown(
            report,
            pseudonym(dataset, report.lease.worker_id),
            submission := submissions.get(report.lease_id),
            bool(submission and submission.excluded),
            pay.get((report.lease.worker_id, report.lease.hit_id), ""),
            (report.lease.worker_id, report.lease.hit_id) in compensated,
        )
        for report in reports
    ]


def _sureness(submission: Submission) -> int:
    return 2 if submission.state in VERIFIED else int(submission.state == Submission.State.PROVISIONAL)


def _pay_of(reports: list[Report]) -> dict[tuple[int, int], str]:
    """Return the status of payment by (worker, HIT) ids. One approved assignment of several is enough."""
    hits, workers = _hits_and_workers(reports)
    listed = ListedAssignment.objects.filter(worker__in=workers, marketplace_hit__hit__in=hits)
    listed = listed.filter(marketplace_hit__compensates=None)
    statuses = list(listed.values_list("worker", "marketplace_hit__hit", "status"))
    approved_last = sorted(statuses, key=lambda row: row[2] == ListedAssignment.Status.APPROVED)
    return {(worker, hit): status for worker, hit, status in approved_last}


def _compensated(reports: list[Report]) -> set[tuple[int, int]]:
    """Return the (worker, HIT) ids that a compensation was decided for."""
    hits, workers = _hits_and_workers(reports)
    compensations = MarketplaceHIT.objects.filter(hit__in=hits, compensates__in=workers)
    return set(compensations.values_list("compensates", "hit"))


def _hits_and_workers(reports: list[Report]) -> tuple[set[int], set[int]]:
    return {report.lease.hit_id for report in reports}, {report.lease.worker_id for report in reports}
