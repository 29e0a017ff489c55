"""Queries of adaptive batches: their confidence tables, and the pairs that these settle.

Source: Deng et al. 2009, section 3.2. A class goes in rounds. Its initial subset teaches a confidence table; the other
pairs are looked up in it when all answers of a round are in; the pairs that it does not settle are put together into
new grids for one more person each. So a round waits for its last answer, and a late grid can be small; but nobody
is asked about a settled pair, which one more answer to a whole grid would do.
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

# A class with fewer images in its initial subset uses the table of all classes: cells of its own table would rest on
# two or three images and promise certainty.
FEWEST_IMAGES_OF_A_TABLE = 20

# A HIT is busy while an answer to it is missing, or not aggregated yet.
BUSY = """
    WITH busy AS (
        SELECT hit.id FROM workforce_hit hit WHERE hit.batch_id = %(batch)s AND (
            hit.closed_at IS NULL AND EXISTS (
                SELECT FROM workforce_slot slot WHERE slot.hit_id = hit.id AND slot.state IN ('free', 'leased')
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
    SELECT grid.label_id, bool_or(hit.id IN (SELECT id FROM busy)),
           coalesce(max(frequency.n_selected), 0), coalesce(max(frequency.n_shown - frequency.n_selected), 0)
    FROM workforce_hit hit JOIN contains_task_grid grid ON grid.hit_id = hit.id
    JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
    LEFT JOIN aggregation_selectionfrequency frequency
      ON frequency.image_id = cell.image_id AND frequency.label_id = grid.label_id
    WHERE hit.batch_id = %(batch)s AND hit.initial
    GROUP BY grid.label_id, cell.image_id ORDER BY grid.label_id, cell.image_id
"""
)
# All pairs of classes whose round is over, except classes without a change.
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
    """Return the adaptive batches that these submissions answer."""
    touched = HIT.objects.filter(submissions__in=submission_ids).values("batch")
    return Batch.objects.filter(pk__in=touched, max_votes__isnull=False).select_related("settings").order_by("id")


def stopping_rule(batch: Batch) -> StoppingRule:
    # An adaptive batch has all these figures.
    assert batch.accept is not None and batch.reject is not None
    assert batch.min_votes is not None and batch.max_votes is not None
    return StoppingRule(accept=batch.accept, reject=batch.reject, min_votes=batch.min_votes, cap=batch.max_votes)


def initial_labels(batch: Batch, submission_ids: Iterable[int]) -> set[int]:
    """Return the classes (label ids) to whose initial subset these submissions belong."""
    hits = batch.hits.filter(initial=True, submissions__in=submission_ids)
    return set(hits.values_list("grid__label", flat=True))


def learnt_tables(batch: Batch, label_ids: set[int], submission_ids: list[int]) -> list[ConfidenceTable]:
    """Compute the tables that the initial subset allows: of these classes, if large enough, and of all together.

    A class waits for all answers to its subset, the table of all classes for all answers. An image without all its
    votes is left out.
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
    table = confidence_table(yes, no, max_votes=rule.cap, min_votes=batch.initial_votes)
    n_votes = expected_votes(yes / (yes + no), table.p_good, rule) if votes else np.array([rule.cap], dtype=np.float64)
    return ConfidenceTable(
        batch=batch,
        label_id=label_id,
        n_images=len(votes),
        p_good=[[None if np.isnan(cell) else float(cell) for cell in row] for row in table.p_good],
        seen=table.n_images.tolist(),
        expected_votes=float(np.mean(n_votes)),
    )


def verdicts(batch: Batch, submission_ids: list[int], *, relearnt: bool) -> Iterator[tuple[int, dict[int, str]]]:
    """Decide all pairs of the classes that have a table and whose round is over.

    `relearnt`: decide anew also the classes without a change. Yields label ids, and for each a decision by image id.
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
    """Return the images that it is too early to prune, as an adaptive batch will ask about a pair of theirs again."""
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
