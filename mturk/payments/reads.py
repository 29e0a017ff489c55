"""What was paid, what is rejected, and what people earned by the hour."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median, quantiles

from django.db.models import Count, Max, Min, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Concat

from catalog.reads import now
from mturk.models import Call, LedgerEntry, ListedAssignment, Rejection, Terms
from workforce.models import Batch, Submission
from workforce.reads import pause_of

# The most of what was handed in that may be rejected in a batch.
MOST_REJECTED_PERCENT = 2
FEWEST_FOR_QUARTILE = 2
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Wage:
    """Dollars an hour over so many assignments: what half of them earned at least, and three quarters."""

    n: int
    median: Decimal
    p25: Decimal


@dataclass(frozen=True)
class ToLookAt:
    """Approvals that wait for somebody to look: the `first` and the `last` go by themselves then. `newest` assignment
    (id) that was listed."""

    n: int
    first: datetime
    last: datetime
    newest: int


def n_rejected(terms: Terms) -> int:
    """Rejections of the batch that stand."""
    return Rejection.objects.filter(listed__marketplace_hit__terms=terms, overridden_at=None).count()


def n_more_rejections(terms: Terms) -> int:
    """How many more may be rejected: all in all 2 % of what was handed in so far, rounded down."""
    handed_in = ListedAssignment.objects.filter(marketplace_hit__terms=terms).count()
    return handed_in * MOST_REJECTED_PERCENT // 100 - n_rejected(terms)


def reviewed_workers(terms: Terms) -> list[int]:
    """Those (ids) of whom something of the batch was approved or rejected."""
    reviewed = ListedAssignment.objects.filter(marketplace_hit__terms=terms).exclude(status="submitted")
    return sorted(set(reviewed.values_list("worker_id", flat=True)))


def waiting_approvals(listed: QuerySet[ListedAssignment]) -> QuerySet[Call]:
    """The approvals of these assignments that wait for somebody to look: due later, and not begun yet."""
    purpose = Concat(Value("approve:"), Cast("pk", TextField()), output_field=TextField())
    purposes = listed.filter(status=ListedAssignment.Status.SUBMITTED).order_by().values_list(purpose)
    return Call.objects.filter(purpose__in=purposes, state=Call.State.WAITING, attempts=0, next_try__gt=now())


def to_look_at(terms: Terms) -> ToLookAt | None:
    listed = ListedAssignment.objects.filter(marketplace_hit__terms=terms)
    totals = waiting_approvals(listed).aggregate(n=Count("pk"), first=Min("next_try"), last=Max("next_try"))
    return ToLookAt(**totals, newest=listed.aggregate(newest=Max("pk"))["newest"]) if totals["n"] else None


def sums_of(batch: Batch) -> dict[str, Decimal]:
    """The ledger of a batch, by kind, and their `total`."""
    rows = LedgerEntry.objects.filter(batch=batch).order_by().values_list("kind").annotate(Sum("amount"))
    sums = {kind.value: Decimal(0) for kind in LedgerEntry.Kind} | dict(rows)
    return sums | {"total": sum(sums.values(), Decimal(0))}


def wage_of(batch: Batch) -> Wage | None:
    """What an hour of active work earned: reward and bonuses of the paid assignments by the time on their pages."""
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


def active_seconds_of(listed: Iterable[ListedAssignment]) -> dict[int, float]:
    """Per assignment (id): from the first look at its page to handing in, and no longer than it was held.

    Without the pauses that the page told of. Of several pages that somebody opened before, only the time since they
    handed in the one before: they work on one at a time.
    """
    listed = list(listed)
    ends: dict[int, list[datetime]] = defaultdict(list)
    # Whoever knows a worker's id can send answers in that name: only what the marketplace listed tells of their time.
    proven = Submission.objects.filter(state__in=[Submission.State.CONFIRMED, Submission.State.SURPLUS])
    handed_in = proven.filter(worker__in={assignment.worker_id for assignment in listed}).order_by("submitted_at")
    for worker, end in handed_in.values_list("worker_id", "submitted_at"):
        ends[worker].append(end)
    return {assignment.pk: _active_seconds(assignment, ends[assignment.worker_id]) for assignment in listed}


def _active_seconds(listed: ListedAssignment, ends: list[datetime]) -> float:
    submission = listed.submission
    opened = submission and (submission.assignment or submission.lease)
    assert submission and opened, "what was listed as proven came from a page that was opened"
    end, begin = submission.submitted_at, opened.created_at
    previous_end = max(begin, ends[bisect_left(ends, end) - 1] if ends and ends[0] < end else begin)
    held_seconds = (listed.submitted_at - listed.accepted_at).total_seconds()
    # A pause may have been the work on the page before: the one or the other is left out, not both.
    durations = [(end - previous_end).total_seconds(), (end - begin).total_seconds() - pause_of(submission.answer)]
    return max(1.0, min([*durations, held_seconds] if held_seconds > 0 else durations))


def hourly(earned: Iterable[tuple[Decimal, float]]) -> Wage | None:
    """
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
