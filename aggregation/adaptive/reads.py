"""Asking as often as the votes make necessary: what an adaptive batch has learnt, and which pairs that settles.

Source: Deng et al. 2009, section 3.2. A class goes in rounds. Its initial subset teaches a confidence table; the other
pairs are looked up in it when all answers of a round are in; those that it does not settle are put together into new
grids for one more person each. So a round waits for its last answer, and a late grid can be small; but nobody
is asked about a pair that is settled, which one more answer to a whole grid would do.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from aggregation.models import ConfidenceTable, StoppedPair
from contains_task.models import GridCell
from numerics.confidence import StoppingRule, confidence_table, decide, expected_votes
from workforce.models import HIT, Batch

# A class with fewer images in its initial subset uses the table of all classes: its own would hold cells that rest on
# two or three images and promise certainty.
FEWEST_IMAGES_OF_A_TABLE = 20

# A HIT is busy while an answer to it is wanted, or is not taken in yet.
BUSY = """
    WITH busy AS (
        SELECT hit.id FROM workforce_hit hit WHERE hit.batch_id = %(batch)s AND (
            hit.closed_at IS NULL AND EXISTS (
                SELECT FROM workforce_slot slot WHERE slot.hit_id = hit.id AND slot.state <> 'filled'
            ) OR EXISTS (
                SELECT FROM workforce_submission submission WHERE submission.hit_id = hit.id
                  AND submission.aggregated_at IS NULL AND submission.id <> ALL(%(submissions)s)
            )
        )
    )
"""
INITIAL_PAIRS = (
    BUSY
    + """
    SELECT grid.label_id, hit.id IN (SELECT id FROM busy),
           coalesce(frequency.n_selected, 0), coalesce(frequency.n_shown - frequency.n_selected, 0)
    FROM workforce_hit hit JOIN contains_task_grid grid ON grid.hit_id = hit.id
    JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
    LEFT JOIN aggregation_selectionfrequency frequency
      ON frequency.image_id = cell.image_id AND frequency.label_id = grid.label_id
    WHERE hit.batch_id = %(batch)s AND hit.initial ORDER BY grid.label_id, cell.image_id
"""
)
# All pairs of classes whose round is over, but for classes in which nothing changed.
PAIRS_OF_A_ROUND = (
    BUSY
    + """, pair AS (
        SELECT grid.label_id, cell.image_id, hit.id AS hit_id, stopped.id IS NOT NULL AS is_stopped
        FROM workforce_hit hit JOIN contains_task_grid grid ON grid.hit_id = hit.id
        JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
        LEFT JOIN aggregation_stoppedpair stopped ON stopped.batch_id = hit.batch_id
         AND stopped.label_id = grid.label_id AND stopped.image_id = cell.image_id
        WHERE hit.batch_id = %(batch)s AND NOT hit.initial
    ), ready AS (
        SELECT label_id FROM pair GROUP BY label_id
        HAVING NOT bool_or(hit_id IN (SELECT id FROM busy)) AND (
            %(relearnt)s OR NOT bool_and(is_stopped) OR bool_or(hit_id IN (
                SELECT hit_id FROM workforce_submission WHERE id = ANY(%(submissions)s)
            ))
        )
    )
    SELECT DISTINCT pair.label_id, pair.image_id, coalesce(frequency.n_selected, 0),
           coalesce(frequency.n_shown - frequency.n_selected, 0)
    FROM pair JOIN ready USING (label_id)
    LEFT JOIN aggregation_selectionfrequency frequency
      ON frequency.image_id = pair.image_id AND frequency.label_id = pair.label_id
    ORDER BY pair.label_id, pair.image_id
"""
)


def batches_of(submission_ids: Iterable[int]) -> QuerySet[Batch]:
    """The adaptive batches that these submissions answer."""
    touched = HIT.objects.filter(submissions__in=submission_ids).values("batch")
    return Batch.objects.filter(pk__in=touched, max_votes__isnull=False).select_related("settings").order_by("id")


def stopping_rule(batch: Batch) -> StoppingRule:
    # Of an adaptive batch all figures are set.
    assert batch.accept is not None and batch.reject is not None
    assert batch.min_votes is not None and batch.max_votes is not None
    return StoppingRule(accept=batch.accept, reject=batch.reject, min_votes=batch.min_votes, cap=batch.max_votes)


def lost_answers(batch: Batch, submission_ids: Iterable[int]) -> Iterator[tuple[HIT, int]]:
    """HITs of the initial subset that these submissions answer and that exclusions left without enough answers.

    With the number of further answers to ask for; free slots are such already.
    """
    for hit in batch.hits.filter(initial=True, closed_at=None, submissions__in=submission_ids).distinct():
        excluded = hit.submissions.filter(
            state="confirmed", exclusions__isnull=False, exclusions__lifted_at=None
        ).count()
        missing = batch.initial_votes - (hit.slots.count() - excluded)
        if missing > 0:
            yield hit, missing


def initial_labels(batch: Batch, submission_ids: Iterable[int]) -> set[int]:
    """The classes (label ids) to whose initial subset these submissions belong."""
    hits = batch.hits.filter(initial=True, submissions__in=submission_ids)
    return set(hits.values_list("grid__label", flat=True))


def learnt_tables(batch: Batch, label_ids: set[int], submission_ids: list[int]) -> list[ConfidenceTable]:
    """The tables that the initial subset allows: of these classes, if they have enough images, and of all together.

    Of a class when all answers to its subset are in, of all when all are. An image without all its votes is left out.
    """
    counts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    busy: set[int] = set()
    for label_id, is_busy, *votes in _rows(INITIAL_PAIRS, batch, submission_ids):
        busy |= {label_id} if is_busy else set()
        if sum(votes) >= batch.initial_votes:
            counts[label_id].append(tuple(votes))
    tables = [
        _table(batch, label_id, votes)
        for label_id, votes in counts.items()
        if label_id in label_ids - busy and len(votes) >= FEWEST_IMAGES_OF_A_TABLE
    ]
    return tables if busy else [*tables, _table(batch, None, [pair for votes in counts.values() for pair in votes])]


def _table(batch: Batch, label_id: int | None, votes: list[tuple[int, int]]) -> ConfidenceTable:
    yes, no = np.array(votes, dtype=np.int64).reshape(-1, 2).T
    rule = stopping_rule(batch)
    learnt = confidence_table(yes, no, max_votes=rule.cap, min_votes=batch.initial_votes)
    took = expected_votes(yes / (yes + no), learnt.p_good, rule) if votes else np.array([rule.cap], dtype=np.float64)
    return ConfidenceTable(
        batch=batch,
        label_id=label_id,
        n_images=len(votes),
        p_good=[[None if np.isnan(cell) else float(cell) for cell in row] for row in learnt.p_good],
        seen=learnt.n_images.tolist(),
        expected_votes=float(np.mean(took)),
    )


def verdicts(batch: Batch, submission_ids: list[int], *, relearnt: bool) -> Iterator[tuple[int, dict[int, str]]]:
    """Decide all pairs of the classes whose round is over and that have a table; `relearnt`: all that can be anew.

    Yields label ids, and for each a decision by image id.
    """
    tables = {table.label_id: table.p_good for table in batch.confidence_tables.all()}
    rule = stopping_rule(batch)
    rows = _rows(PAIRS_OF_A_ROUND, batch, submission_ids, relearnt=relearnt)
    for label_id, pairs in groupby(rows, key=lambda row: row[0]):
        table = tables.get(label_id) or tables.get(None)
        if table is None:
            continue
        images, yes, no = np.array([row[1:] for row in pairs], dtype=np.int64).T
        decisions = decide(yes, no, np.array(table, dtype=np.float64), rule)
        yield label_id, dict(zip(images.tolist(), decisions.tolist(), strict=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images of which an adaptive batch will ask about a pair again: too early to prune them."""
    stopped = StoppedPair.objects.filter(
        batch=OuterRef("grid__hit__batch"), label=OuterRef("grid__label"), image=OuterRef("image")
    )
    pairs = GridCell.objects.filter(
        image__in=image_ids,
        role="question",
        grid__hit__initial=False,
        grid__hit__closed_at=None,
        grid__hit__batch__max_votes__isnull=False,
    )
    return set(pairs.exclude(Exists(stopped)).values_list("image_id", flat=True))


def _rows(query: str, batch: Batch, submission_ids: list[int], **values: bool) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"batch": batch.pk, "submissions": submission_ids, **values})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
