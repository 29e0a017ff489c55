"""Queries for payments, rejections and hourly wages."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median, quantiles

from django.db.models import Count, Max, Min, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Concat

from catalog.models import Dataset
from catalog.reads import now
from mturk.models import Call, LedgerEntry, ListedAssignment, Rejection, Terms
from workforce.models import Batch, Submission
from workforce.reads import pause_of

# The largest share of submissions that may be rejected in a batch.
MOST_REJECTED_PERCENT = 2
FEWEST_FOR_QUARTILE = 2
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Wage:
    """Dollars per hour over `n` assignments: their median and lower quartile."""

    n: int
    median: Decimal
    p25: Decimal


@dataclass(frozen=True)
class ToLookAt:
    """Approvals that wait for review, with the times of the `first` and the `last` automatic one.

    `newest`: the last listed assignment (id).
    """

    n: int
    first: datetime
    last: datetime
    newest: int


def n_rejected(terms: Terms) -> int:
    """Return the number of standing rejections of the batch."""
    return Rejection.objects.filter(listed__marketplace_hit__terms=terms, overridden_at=None).count()


def n_more_rejections(terms: Terms) -> int:
    """Return how many more may be rejected: in total 2 % of the submissions so far, rounded down."""
    handed_in = ListedAssignment.objects.filter(marketplace_hit__terms=terms).count()
    return handed_in * MOST_REJECTED_PERCENT // 100 - n_rejected(terms)


def reviewed_workers(terms: Terms) -> list[int]:
    """Return the workers (ids) with approved or rejected work on the batch."""
    reviewed = ListedAssignment.objects.filter(marketplace_hit__terms=terms).exclude(status="submitted")
    return sorted(set(reviewed.values_list("worker_id", flat=True)))


def waiting_approvals(listed: QuerySet[ListedAssignment]) -> QuerySet[Call]:
    """Return the approvals of these assignments that wait for review: due later, and not begun yet."""
    purpose = Concat(Value("approve:"), Cast("pk", TextField()), output_field=TextField())
    purposes = listed.filter(status=ListedAssignment.Status.SUBMITTED).order_by().values_list(purpose)
    return Call.objects.filter(purpose__in=purposes, state=Call.State.WAITING, attempts=0, next_try__gt=now())


def to_look_at(terms: Terms) -> ToLookAt | None:
    listed = ListedAssignment.objects.filter(marketplace_hit__terms=terms)
    totals = waiting_approvals(listed).aggregate(n=Count("pk"), first=Min("next_try"), last=Max("next_try"))
    return ToLookAt(**totals, newest=listed.aggregate(newest=Max("pk"))["newest"]) if totals["n"] else None


def sums_of(batch: Batch) -> dict[str, Decimal]:
    """Return the sums of the ledger of a batch by kind, and their `total`."""
    rows = LedgerEntry.objects.filter(batch=batch).order_by().values_list("kind").annotate(Sum("amount"))
    sums = {kind.value: Decimal(0) for kind in LedgerEntry.Kind} | dict(rows)
    return sums | {"total": sum(sums.values(), Decimal(0))}


def wage_of(batch: Batch) -> Wage | None:
    """Return the hourly wage: reward and bonuses of the paid assignments by the active time on their pages."""
    paid = ListedAssignment.objects.filter(
        marketplace_hit__terms__batch=batch, status="approved", submission__lease__isnull=False
    ).select_related("submission__lease", "submission__assignment")
    earned = dict(
        LedgerEntry.objects.filter(batch=batch, kind__in=["reward", "bonus"])
        .order_by()
        .values_list("listed")
        .annotate(Sum("amount"))
    )
    seconds = active_seconds_of(paid)
    return hourly((earned.get(pk, Decimal(0)), seconds[pk]) for pk in seconds)


def paid_by_worker(dataset: Dataset, batch: Batch | None = None) -> dict[int, Decimal]:
    """Return the rewards and bonuses that workers (ids) of a dataset, or of a batch of it, got; without fees."""
    booked = LedgerEntry.objects.filter(batch__dataset=dataset, kind__in=["reward", "bonus"])
    booked = booked if batch is None else booked.filter(batch=batch)
    return dict(booked.order_by().values_list("listed__worker").annotate(sum=Sum("amount")))


def active_seconds_of(listed: Iterable[ListedAssignment]) -> dict[int, float]:
    """Return the active seconds per assignment (id): from opening its page to submission, at most the time it was held.

    Pauses that the page reported are left out. If a worker opened several pages at once, only the time since the
    previous submission counts: the worker does one at a time.
    """
    listed = list(listed)
    ends: dict[int, list[datetime]] = defaultdict(list)
    # Anybody who knows a worker's id can send answers in that name: only listed ones are evidence of the time.
    proven = Submission.objects.filter(state__in=[Submission.State.CONFIRMED, Submission.State.SURPLUS])
    handed_in = proven.filter(worker__in={assignment.worker_id for assignment in listed}).order_by("submitted_at")
    for worker, end in handed_in.values_list("worker_id", "submitted_at"):
        ends[worker].append(end)
    return {assignment.pk: _active_seconds(assignment, ends[assignment.worker_id]) for assignment in listed}


def _active_seconds(listed: ListedAssignment, ends: list[datetime]) -> float:
    submission = listed.submission
    opened = submission and (submission.assignment or submission.lease)
    assert submission and opened, "what was listed as proven came from a page that was opened"
    end, begin = submission.submitted_at, opened.opened_at
    previous_end = max(begin, ends[bisect_left(ends, end) - 1] if ends and ends[0] < end else begin)
    held_seconds = (listed.submitted_at - listed.accepted_at).total_seconds()
    # A pause may have been the work on the previous page: only one of the two is left out.
    durations = [(end - previous_end).total_seconds(), (end - begin).total_seconds() - pause_of(submission.answer)]
    return max(1.0, min([*durations, held_seconds] if held_seconds > 0 else durations))


def hourly(earned: Iterable[tuple[Decimal, float]]) -> Wage | None:
    """Return the wage over (dollars, seconds) of assignments; None without any.

    >>> wage = hourly([(Decimal("0.10"), 36), (Decimal("0.10"), 72), (Decimal("0.10"), 18)])
    >>> wage.n, str(wage.median), str(wage.p25)
    (3, '10.00', '7.50')
    """
    wages = sorted(float(amount) / seconds * SECONDS_PER_HOUR for amount, seconds in earned)
    if not wages:
        return None
    low = quantiles(wages, n=4, method="inclusive")[0] if len(wages) >= FEWEST_FOR_QUARTILE else wages[0]
    return Wage(len(wages), _cents(median(wages)), _cents(low))


def _cents(dollars: float) -> Decimal:
    return Decimal(dollars).quantize(Decimal("0.01"))
