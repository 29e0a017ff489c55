"""Reported problems, with what became of the work."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from catalog.models import Dataset
from catalog.reads import now
from mturk.models import ListedAssignment, MarketplaceHIT
from workforce.frame.actions import GRACE
from workforce.models import KIND_NAMES, Report, Submission
from workforce.reads import is_excluded, pseudonym

PROVEN = (Submission.State.CONFIRMED, Submission.State.SURPLUS)


def reports_of(dataset: Dataset) -> QuerySet[Report]:
    """The latest first."""
    return Report.objects.filter(lease__batch__dataset=dataset).order_by("-id")


def kinds_of(reports: QuerySet[Report]) -> dict[str, int]:
    """How many there are, by what the kind is called on the page."""
    counts = reports.values_list("kind").annotate(n=Count("pk"))
    return {str(KIND_NAMES[kind]): n for kind, n in counts.order_by("-n", "kind")}


@dataclass(frozen=True)
class ReportShown:
    """`worker` is a pseudonym; `submission` is what was handed in under the same lease, if anything was: the proven
    one, one that waits for proof, or the latest. `pay`: what became of their pay for the HIT on a marketplace:
    submitted, approved or rejected; empty where nothing is listed for them. They may be compensated besides."""

    report: Report
    worker: str
    submission: Submission | None
    is_excluded: bool
    pay: str
    is_compensated: bool

    @property
    def could_not_hand_in(self) -> bool:
        """Nothing is paid, and nothing that was sent here can still be listed as handed in."""
        if self.pay or self.is_compensated:
            return False
        return self.submission is None or self.submission.state == Submission.State.ORPHANED

    @property
    def held_until(self) -> datetime | None:
        """When the person's time for the HIT ends; None if it is over."""
        until = self.report.lease.expires_at - GRACE
        return until if until > now() else None


def reports_shown(dataset: Dataset, reports: list[Report]) -> list[ReportShown]:
    leases = [report.lease_id for report in reports]
    pay, compensated = _pay_of(reports), _compensated(reports)
    found = Submission.objects.filter(lease__in=leases).annotate(excluded=is_excluded("pk")).order_by("pk")
    submissions = {one.lease_id: one for one in sorted(found, key=_sureness)}
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
    return 2 if submission.state in PROVEN else int(submission.state == Submission.State.PROVISIONAL)


def _pay_of(reports: list[Report]) -> dict[tuple[int, int], str]:
    """By worker and HIT (ids). Who was paid for one of several turns at it was paid."""
    hits, workers = _hits_and_workers(reports)
    listed = ListedAssignment.objects.filter(worker__in=workers, marketplace_hit__hit__in=hits)
    listed = listed.filter(marketplace_hit__compensates=None)
    statuses = list(listed.values_list("worker", "marketplace_hit__hit", "status"))
    approved_last = sorted(statuses, key=lambda one: one[2] == ListedAssignment.Status.APPROVED)
    return {(worker, hit): status for worker, hit, status in approved_last}


def _compensated(reports: list[Report]) -> set[tuple[int, int]]:
    """Worker and HIT (ids)."""
    hits, workers = _hits_and_workers(reports)
    found = MarketplaceHIT.objects.filter(hit__in=hits, compensates__in=workers)
    return set(found.values_list("compensates", "hit"))


def _hits_and_workers(reports: list[Report]) -> tuple[set[int], set[int]]:
    return {report.lease.hit_id for report in reports}, {report.lease.worker_id for report in reports}
