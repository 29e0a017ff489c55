"""The queue of disputes: items on which the reviewers of a page differ, once all of them have judged the whole page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet

from access.permissions.reads import May, permissions_in
from catalog.models import Dataset
from numerics.verdicts import DISPUTED, STATES, UNREVIEWED, VERDICTS, final_states
from review_task.blinding.reads import is_hidden
from review_task.models import ClassPage, Item, Review, VerdictValue
from workforce.models import Submission, Worker
from workforce.reads import is_excluded, known_worker
from workforce.seats.reads import ACCOUNT

PAGES_AT_ONCE = 50

# The order of the counts is that of VERDICTS. A later verdict than the decision is looked for where there is one.
TALLIES = """
    SELECT item.id, item.page_id, item.position, item.image_id, label.index,
           array[count(*) FILTER (WHERE said.verdict = 'correct'), count(*) FILTER (WHERE said.verdict = 'wrong'),
                 count(*) FILTER (WHERE said.verdict = 'unclear'), count(*) FILTER (WHERE said.verdict = 'dontknow')],
           coalesce(min(said.category) FILTER (WHERE said.verdict = 'wrong')
                    <> max(said.category) FILTER (WHERE said.verdict = 'wrong'), FALSE)
           OR coalesce(min(said.severity) FILTER (WHERE said.verdict = 'wrong')
                       <> max(said.severity) FILTER (WHERE said.verdict = 'wrong'), FALSE),
           last.verdict, last.category, last.severity,
           EXISTS (SELECT FROM review_task_comment comment WHERE comment.item_id = item.id),
           last.id IS NOT NULL AND EXISTS (
               SELECT FROM review_task_verdict later
               WHERE later.item_id = item.id AND later.created_at > last.created_at
           )
    FROM review_task_item item
    JOIN review_task_classpage page ON page.id = item.page_id AND page.review_id = %(review)s
    JOIN catalog_label label ON label.id = item.label_id
    LEFT JOIN review_task_verdict said ON said.item_id = item.id AND said.counted
    LEFT JOIN review_task_consensusverdict last ON last.item_id = item.id AND last.is_last
    WHERE %(pages)s::bigint[] IS NULL OR page.id = ANY(%(pages)s::bigint[])
    GROUP BY item.id, label.index, last.id, page.number ORDER BY page.number, item.position, item.id
"""

Pages = Sequence[int] | QuerySet[ClassPage]


class Counted(NamedTuple):
    """A row of TALLIES."""

    item_id: int
    page_id: int
    position: int
    image_id: int
    label: int
    counts: list[int]
    kinds_differ: bool
    settled: str | None
    category: str | None
    severity: str | None
    has_comment: bool
    has_changed: bool


class Standing(StrEnum):
    """State of an item in consensus: disputed, settled, or agreed on, by verdicts that were changed afterwards."""

    OPEN = "open"
    SETTLED = "settled"
    AGREED = "agreed"


@dataclass(frozen=True)
class Decision:
    """A verdict, and of a mistake its category and severity."""

    verdict: str
    category: str = ""
    severity: str = ""

    @property
    def is_judged(self) -> bool:
        return self.verdict != VerdictValue.UNREVIEWED


@dataclass(frozen=True)
class Tally:
    """An item with the number of reviewers for each verdict, and what is decided so far.

    `label` is the class index, `state` a name of `numerics.verdicts.STATES`; a mistake on whose category or severity
    reviewers differ is disputed too. `is_complete`: it has all verdicts that it needs. `has_changed`: a reviewer said
    something else after it was settled.
    """

    item_id: int
    page_id: int
    position: int
    image_id: int
    label: int
    counts: tuple[int, ...]
    state: str
    is_complete: bool
    settled: Decision | None
    is_discussed: bool
    has_changed: bool

    @property
    def standing(self) -> Standing | None:
        """Return what to do about the item; None where nobody differs."""
        if self.settled is not None:
            return Standing.SETTLED
        if self.state == STATES[DISPUTED]:
            return Standing.OPEN
        return Standing.AGREED if self.is_discussed and self.is_complete else None


def tallies_of(review: Review, pages: Pages | None = None) -> list[Tally]:
    """Return the tallies of all items of a review, or of these pages (ids), in the order of pages and positions."""
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, {"review": review.pk, "pages": None if pages is None else _ids(pages)})
        rows = [Counted(*row) for row in cursor.fetchall()]
    counts = np.array([row.counts for row in rows], np.int64).reshape(-1, len(VERDICTS))
    settled = np.array([STATES.index(row.settled or STATES[UNREVIEWED]) for row in rows], np.int64)
    states = final_states(counts, settled, review.n_reviewers)
    return [_tally(review, row, STATES[state]) for row, state in zip(rows, states, strict=True)]


def _ids(pages: Pages) -> list[int]:
    return list(pages.values_list("pk", flat=True) if isinstance(pages, QuerySet) else pages)


def _tally(review: Review, row: Counted, state: str) -> Tally:
    decision = None
    if row.settled not in (None, VerdictValue.UNREVIEWED):
        decision = Decision(row.settled or "", row.category or "", row.severity or "")
    elif state == VerdictValue.WRONG and row.kinds_differ:
        state = STATES[DISPUTED]
    return Tally(
        item_id=row.item_id,
        page_id=row.page_id,
        position=row.position,
        image_id=row.image_id,
        label=row.label,
        counts=tuple(row.counts),
        state=state,
        is_complete=sum(row.counts) >= review.n_reviewers,
        settled=decision,
        is_discussed=row.has_comment or row.settled is not None,
        has_changed=decision is not None and row.has_changed,
    )


def in_consensus(review: Review, tallies: Iterable[Tally]) -> list[Tally]:
    """Return the items that their reviewers may discuss: of pages of which every item has all verdicts it needs.

    Of a page that waits for a reviewer nothing is shown, as what others say of one label tells of the next. In a closed
    review nobody is waited for.
    """
    tallies = list(tallies)
    is_closed = review.batch.closed_at is not None
    waiting = {tally.page_id for tally in tallies if not tally.is_complete and not is_closed}
    return [tally for tally in tallies if tally.page_id not in waiting and tally.standing is not None]


# The people of a discussion


def reviewer_of(user: User) -> Worker | None:
    """Return the worker of an account, if it took part in anything."""
    return known_worker(ACCOUNT, str(user.pk))


def may_arbitrate(user: User, dataset: Dataset) -> bool:
    """Tell whether a person sees every discussion of a study, by pseudonym, and may settle it: its researchers."""
    return {May.REVIEW, May.SEE_WORKERS} <= permissions_in(user, dataset)


def pages_for(review: Review, user: User) -> "QuerySet[ClassPage]":
    """Return the pages whose discussions a person may see: those that they reviewed; of researchers all.

    While a blind review of the study is open, its reviewers see no discussion of another one.
    """
    dataset = review.batch.dataset
    if may_arbitrate(user, dataset):
        return review.pages.all()
    worker = reviewer_of(user)
    if worker is None or is_hidden(review) or May.REVIEW not in permissions_in(user, dataset):
        return review.pages.none()
    taken = Submission.objects.filter(worker=worker, hit__batch=review.batch_id).exclude(is_excluded("pk"))
    return review.pages.filter(hit__in=taken.values("hit"))


def queue_of(review: Review, user: User) -> list[Tally]:
    """Return the items in consensus that a person may see, in the order of pages."""
    return in_consensus(review, tallies_of(review, pages_for(review, user)))


def tally_for(item: Item, user: User) -> Tally | None:
    """Return the tally of an item, if it is in consensus and the person may see it."""
    review = item.page.review
    if not pages_for(review, user).filter(pk=item.page_id).exists():
        return None
    tallies = in_consensus(review, tallies_of(review, [item.page_id]))
    return next((tally for tally in tallies if tally.item_id == item.pk), None)


def next_dispute(review: Review, user: User, after: Item | None = None) -> Item | None:
    """Return the next open dispute after an item, in the order of pages; after the last one comes the first."""
    pages = list(pages_for(review, user).order_by("number").values_list("pk", flat=True))
    begin = pages.index(after.page_id) if after is not None and after.page_id in pages else 0
    earlier: list[int] = []
    for tally in _open_in(review, pages[begin:], pages[:begin]):
        if after is None or tally.page_id != after.page_id or tally.position > after.position:
            return _whole_item(tally.item_id)
        earlier += [tally.item_id] if tally.item_id != after.pk else []
    return _whole_item(earlier[0]) if earlier else None


def _open_in(review: Review, *runs: list[int]) -> Iterator[Tally]:
    """Yield open disputes of runs of pages, read in portions so that the first does not wait for the whole review."""
    for run in runs:
        for begin in range(0, len(run), PAGES_AT_ONCE):
            tallies = in_consensus(review, tallies_of(review, run[begin : begin + PAGES_AT_ONCE]))
            yield from (tally for tally in tallies if tally.standing == Standing.OPEN)


def _whole_item(pk: int) -> Item:
    related = ("page__review__batch__dataset", "page__label", "image__dataset_label", "label")
    return Item.objects.select_related(*related).get(pk=pk)
