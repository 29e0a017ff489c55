"""Queries on what people were told, and on what they told of."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from catalog.models import Dataset
from workforce.models import Batch, Introduction, ListedAssignment, MarketplaceHIT, Report, Submission
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
    one, or the latest. `pay`: what became of their pay for the HIT on a marketplace: submitted, approved, rejected or
    compensated; empty where nothing is listed for them."""

    report: Report
    worker: str
    submission: Submission | None
    is_excluded: bool
    pay: str

    @property
    def could_not_hand_in(self) -> bool:
        """Nothing is paid, and nothing that was sent here can still be listed as handed in."""
        return not self.pay and (self.submission is None or self.submission.state == Submission.State.ORPHANED)


def reports_shown(dataset: Dataset, reports: list[Report]) -> list[ReportShown]:
    leases = [report.lease_id for report in reports]
    pay = _pay_of(reports)
    found = Submission.objects.filter(lease__in=leases).annotate(excluded=is_excluded("pk")).order_by("pk")
    submissions = {one.lease_id: one for one in sorted(found, key=lambda one: one.state in PROVEN)}
    return [
        ReportShown(
            report,
            pseudonym(dataset, report.lease.worker_id),
            submission := submissions.get(report.lease_id),
            bool(submission and submission.excluded),
            pay.get((report.lease.worker_id, report.lease.hit_id), ""),
        )
        for report in reports
    ]


def _pay_of(reports: list[Report]) -> dict[tuple[int, int], str]:
    """By worker and HIT (ids). Who was paid for one of several turns at it was paid."""
    of_these = {"hit__in": {report.lease.hit_id for report in reports}}
    workers = {report.lease.worker_id for report in reports}
    compensated = MarketplaceHIT.objects.filter(**of_these, compensates__in=workers)
    pay = dict.fromkeys(compensated.values_list("compensates", "hit"), "compensated")
    listed = ListedAssignment.objects.filter(worker__in=workers, marketplace_hit__hit__in=of_these["hit__in"])
    statuses = list(listed.values_list("worker", "marketplace_hit__hit", "status"))
    for worker, hit, status in sorted(statuses, key=lambda one: one[2] == ListedAssignment.Status.APPROVED):
        pay[worker, hit] = status
    return pay
