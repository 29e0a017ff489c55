"""Progress of a review, a forecast of its end, and the states of its items."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import Count, Q, QuerySet

from catalog.reads import now
from numerics.forecast import rate_of_work
from numerics.verdicts import final_states
from review_task.models import ClassPage, Item, Review, Verdict, VerdictValue
from workforce.reads import pseudonym

# The forecast looks at the latest verdicts, and needs some of them.
RECENT = timedelta(days=7)
FEWEST_VERDICTS = 20
# A date beyond it would say nothing, and may be none.
LONGEST_FORECAST = timedelta(days=3650)
STATES = """
    SELECT item.id, item.image_id, item.label_id, item.n_models,
           count(*) FILTER (WHERE verdict.verdict = 'correct'), count(*) FILTER (WHERE verdict.verdict = 'wrong'),
           count(*) FILTER (WHERE verdict.verdict = 'unclear'), count(*) FILTER (WHERE verdict.verdict = 'dontknow'),
           CASE settled.verdict WHEN 'correct' THEN 0 WHEN 'wrong' THEN 1 WHEN 'unclear' THEN 2 ELSE 4 END
    FROM review_task_item item
    JOIN review_task_classpage page ON page.id = item.page_id AND page.review_id = %(review)s
    LEFT JOIN review_task_verdict verdict ON verdict.item_id = item.id AND verdict.counted
    LEFT JOIN review_task_consensusverdict settled ON settled.item_id = item.id AND settled.is_last
    GROUP BY item.id, settled.verdict ORDER BY item.id
"""


class ReviewerProgress(NamedTuple):
    """The work of a reviewer, under a pseudonym, since researchers read it."""

    worker: str
    n_verdicts: int
    n_pages: int


@dataclass(frozen=True)
class Progress:
    """Progress of a review. A verdict is wanted of each of its reviewers on each item."""

    n_images: int
    n_items: int
    n_wanted: int
    n_verdicts: int
    n_pages: int
    n_complete_pages: int
    reviewers: tuple[ReviewerProgress, ...] = ()

    @property
    def n_remaining(self) -> int:
        return max(0, self.n_wanted - self.n_verdicts)

    @property
    def percent(self) -> float:
        return min(100.0, 100 * self.n_verdicts / self.n_wanted) if self.n_wanted else 0.0


@dataclass(frozen=True)
class Forecast:
    """A reviewer's verdicts per hour of work, the verdicts that remain, and when the last one comes at this pace.

    `rate` and `finished_at` are None with fewer than 20 verdicts in the last week; `finished_at` too if none remains.
    """

    rate: float | None
    remaining: int
    finished_at: datetime | None

    @property
    def hours(self) -> float | None:
        """Return the hours of work of one person that remain."""
        return self.remaining / self.rate if self.rate else None


class StatesTable(NamedTuple):
    """Items of a review as arrays of N: `counts` (N, 4) in the order correct, wrong, unclear, dontknow.

    `settled` is the verdict of the consensus, or UNREVIEWED, and `state` the final one: numbers of numerics.verdicts.
    """

    item_id: np.ndarray
    image_id: np.ndarray
    label_id: np.ndarray
    n_models: np.ndarray
    counts: np.ndarray
    settled: np.ndarray
    state: np.ndarray


def states_of(review: Review) -> StatesTable:
    """Return the counted verdicts on each item of a review, and what the consensus settled, by item id."""
    with connection.cursor() as cursor:
        cursor.execute(STATES, {"review": review.pk})
        table = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 9)
    counts, settled = table[:, 4:8], table[:, 8]
    state = final_states(counts, settled, review.n_reviewers)
    return StatesTable(table[:, 0], table[:, 1], table[:, 2], table[:, 3], counts, settled, state)


def progress(review: Review) -> Progress:
    """Return the progress of a review."""
    items = Item.objects.filter(page__review=review).aggregate(n=Count("pk"), n_images=Count("image", distinct=True))
    given = _given(review).order_by().values_list("worker")
    rows = given.annotate(n=Count("pk"), n_pages=Count("submission", distinct=True))
    reviewers = tuple(
        ReviewerProgress(pseudonym(review.batch.dataset, worker), n, n_pages) for worker, n, n_pages in rows
    )
    return Progress(
        n_images=items["n_images"],
        n_items=items["n"],
        n_wanted=items["n"] * review.n_reviewers,
        n_verdicts=sum(row.n_verdicts for row in reviewers),
        n_pages=ClassPage.objects.filter(review=review).count(),
        n_complete_pages=len(complete_pages(review)),
        reviewers=tuple(sorted(reviewers)),
    )


def complete_pages(review: Review) -> set[int]:
    """Return the pages (ids) whose items all have a verdict of every wanted reviewer."""
    n_items = dict(Item.objects.filter(page__review=review).order_by().values_list("page").annotate(n=Count("pk")))
    given = _given(review).order_by().values_list("submission__hit__class_page").annotate(n=Count("pk"))
    return {page for page, n in given if n >= n_items[page] * review.n_reviewers}


def _given(review: Review) -> QuerySet[Verdict]:
    return Verdict.objects.filter(
        ~Q(verdict=VerdictValue.UNREVIEWED), counted=True, submission__hit__batch=review.batch_id
    )


def forecast(review: Review, state: Progress | None = None) -> Forecast:
    """Return when a review ends at the pace of its latest verdicts. `state` is its progress, if it is at hand."""
    remaining = (state or progress(review)).n_remaining
    moment = now()
    recent = _given(review).filter(created_at__gt=moment - RECENT).order_by()
    rows = list(recent.values_list("created_at", "worker"))
    if len(rows) < FEWEST_VERDICTS:
        return Forecast(None, remaining, None)
    times = np.array([time.timestamp() for time, _ in rows])
    rate = rate_of_work(times, np.array([worker for _, worker in rows]))
    if not remaining:
        return Forecast(rate or None, remaining, None)
    elapsed = moment.timestamp() - times.min()
    seconds = min(remaining * elapsed / len(rows), LONGEST_FORECAST.total_seconds())
    return Forecast(rate or None, remaining, moment + timedelta(seconds=seconds))
