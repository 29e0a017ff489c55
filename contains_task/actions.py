"""Actions on CONTAINS grids: opening them, and casting votes from answers."""

import io
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from catalog.models import Image, Label
from contains_task.adaptive_rounds import EarlierGrids, compose_further, earlier_grids
from contains_task.cell_facts import cell_facts
from contains_task.models import Grid, GridCell, Role
from contains_task.reads import PageCell, cells_by_handle, cells_of, has_controls, profile_of
from contains_task.surplus_sql import SET_SURPLUS
from numerics.composition import GridProfile
from workforce.actions import hand_in, keep_from_former_workers, publish_hits
from workforce.facts.reads import NO_FACTS, AnswerFacts, facts_field, unseen_field
from workforce.models import HIT, Batch, Lease, Submission
from workforce.reads import hits_with_open_slots, made_under, page_keys, pause_field

log = logging.getLogger(__name__)

# A vote for every seen cell of a grid. A question is a repeat if a vote of this worker on its pair counts already.
# Planned every time: a plan made when there were few votes would read all votes for every cell a minute later.
CAST = """
    INSERT INTO contains_task_containsvote
        (submission_id, worker_id, image_id, label_id, selected, maybe, place, seen_ms, marks, role, counted)
    SELECT %(submission)s, %(worker)s, cell.image_id, %(label)s, cell.image_id = ANY(%(selected)s::bigint[]),
           cell.image_id = ANY(%(maybe)s::bigint[]), fact.place, fact.seen_ms, fact.marks::integer[],
           CASE WHEN repeated THEN 'repeat' ELSE cell.role END,
           cell.role = 'question' AND NOT repeated AND %(confirmed)s
    FROM contains_task_gridcell cell
    LEFT JOIN unnest(%(images)s::bigint[], %(places)s::integer[], %(seen_ms)s::integer[], %(marks)s::text[])
      AS fact (image_id, place, seen_ms, marks) ON fact.image_id = cell.image_id
    CROSS JOIN LATERAL (
        SELECT cell.role = 'question' AND EXISTS (
            SELECT FROM contains_task_containsvote earlier
            WHERE earlier.worker_id = %(worker)s AND earlier.image_id = cell.image_id
              AND earlier.label_id = %(label)s AND (earlier.counted OR earlier.surplus)
        ) AS repeated OFFSET 0  -- evaluated once for a cell, not once for each of its two uses
    ) known
    WHERE cell.grid_id = %(grid)s AND cell.image_id <> ALL(%(unseen)s::bigint[]) ORDER BY cell.position
"""
COPY_CELLS = "COPY contains_task_gridcell (grid_id, image_id, position, role, expected) FROM STDIN"
LINES_AT_ONCE = 2000
EXPECTED = {True: "t", False: "f", None: r"\N"}


class ComposedCell(NamedTuple):
    """A cell of a grid to open; `grid` is the grid's index in the list of grids."""

    grid: int
    image_id: int
    position: int
    role: Role
    expected: bool | None


class Opening(NamedTuple):
    """(image, label) pairs with the same number of slots: their indexes (P,) in the list of all, by label."""

    pairs: NDArray[np.int64]
    n_slots: int
    initial: bool = False


class Lines(io.TextIOBase):
    """A file of lines that are generated as they are read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, size: int | None = -1) -> str:
        """Return the next whole lines, possibly more than `size`; an empty string at the end."""
        return "".join(islice(self._lines, None if size is None or size < 0 else LINES_AT_ONCE))


@transaction.atomic
def open_grids(*, batch: Batch, images_by_label: Mapping[Label, Sequence[Image]]) -> list[Grid]:
    """Open as many grids for every label as its images fill at the batch's grid size.

    An adaptive batch draws initial images of every label at random. They come first, in grids of their own, with enough
    votes to learn from; other images begin with the minimum of votes.
    """
    pairs = [(image, label) for label, images in images_by_label.items() for image in images]
    rounds = openings(batch, np.array([label.pk for _, label in pairs], np.int64), np.random.default_rng())
    return [grid for opening in rounds for grid in _open_pages(batch, opening, [pairs[i] for i in opening.pairs])]


def openings(batch: Batch, label_ids: NDArray[np.int64], rng: np.random.Generator) -> list[Opening]:
    """Return the openings for pairs of these labels (P,), in order; `rng` draws the initial subsets."""
    _, first, label = np.unique(label_ids, return_index=True, return_inverse=True)
    by_label = np.argsort(first[label], kind="stable")
    if not batch.is_adaptive:
        return [Opening(by_label, batch.settings.contains_answers)]
    assert batch.initial_images is not None and batch.min_votes is not None
    initial = _drawn(label, batch.initial_images, rng)[by_label]
    rounds = [
        Opening(by_label[initial], batch.initial_votes, initial=True),
        Opening(by_label[~initial], batch.min_votes),
    ]
    return [opening for opening in rounds if opening.pairs.size]


def _drawn(label: NDArray[np.int64], n_pairs: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask (P,) of pairs drawn at random, at most `n_pairs` of each label."""
    order = np.lexsort((rng.random(label.size), label))
    rank = np.arange(label.size) - np.searchsorted(label[order], label[order])
    drawn = np.empty(label.size, np.bool_)
    drawn[order] = rank < n_pairs
    return drawn


def _open_pages(batch: Batch, opening: Opening, pairs: list[tuple[Image, Label]]) -> list[Grid]:
    size = batch.settings.images_per_grid
    pages = []
    for label, of_label in groupby(pairs, key=itemgetter(1)):
        images = [image for image, _ in of_label]
        pages += [(label, images[start : start + size]) for start in range(0, len(images), size)]
    hits = publish_hits(batch=batch, n_hits=len(pages), n_slots=opening.n_slots, initial=opening.initial)
    grids = Grid.objects.bulk_create([Grid(hit=hit, label=label) for hit, (label, _) in zip(hits, pages, strict=True)])
    GridCell.objects.bulk_create(
        [
            GridCell(grid=grid, image=image, position=position)
            for grid, (_, images) in zip(grids, pages, strict=True)
            for position, image in enumerate(images)
        ],
        batch_size=5000,
    )
    log.info("Opened %d grids in batch %s.", len(grids), batch.pk)
    return grids


@transaction.atomic
def open_further_grids(
    *, batch: Batch, images_by_label: Mapping[int, Sequence[int]], in_place_of_lost: bool = False
) -> None:
    """Ask one more worker about pairs of a batch, never one who was asked before.

    Labels and images are ids. Every grid has the controls of the settings, newly drawn (`compose`), if the batch was
    opened with controls; no grid is padded. A shortage of images is logged. `in_place_of_lost`: earlier answers gave no
    vote; in an adaptive batch that concerns pairs of the initial subset.
    """
    questions = {label_id: image_ids for label_id, image_ids in images_by_label.items() if image_ids}
    profile = profile_of(batch.settings, pad=False)
    if questions and not has_controls(batch):
        profile = GridProfile(cells=profile.cells, pad=False)
    initial = in_place_of_lost and batch.is_adaptive
    for label_id, image_ids in questions.items():
        earlier = earlier_grids(batch, label_id)
        pages = compose_further(batch, label_id, image_ids, earlier, profile)
        hits = publish_hits(
            batch=batch, n_hits=len(pages), n_slots=1, initial=initial, in_place_of_lost=in_place_of_lost
        )
        _keep_apart({hit: _former(earlier, page) for hit, page in zip(hits, pages, strict=True)})
        grids = Grid.objects.bulk_create([Grid(hit=hit, label_id=label_id) for hit in hits])
        for grid, page in zip(grids, pages, strict=True):
            for cell in page:
                cell.grid = grid
        GridCell.objects.bulk_create([cell for page in pages for cell in page], batch_size=5000)


def _keep_apart(formers: Mapping[HIT, set[int]]) -> None:
    """Keep each new HIT from workers of its formers (ids), and workers of the new one from formers that are open."""
    keep_from_former_workers(asked_before=formers)
    open_hits = hits_with_open_slots().in_bulk(set().union(*formers.values()))
    later = {hit: [new.pk for new in formers if hit.pk in formers[new]] for hit in open_hits.values()}
    keep_from_former_workers(asked_before=later)


def _former(earlier: EarlierGrids, page: list[GridCell]) -> set[int]:
    """Return the HITs that asked a question of this page before."""
    return set().union(*(earlier.former[cell.image_id] for cell in page if cell.role == Role.QUESTION))


@transaction.atomic
def open_composed_grids(
    *, batch: Batch, label_ids: Sequence[int], cells: Iterable[ComposedCell], n_slots: int, initial: bool = False
) -> list[Grid]:
    """Open one grid for each of the labels (a label may come several times) with the cells composed for it."""
    hits = publish_hits(batch=batch, n_hits=len(label_ids), n_slots=n_slots, initial=initial)
    grids = Grid.objects.bulk_create(
        [Grid(hit=hit, label_id=label_id) for hit, label_id in zip(hits, label_ids, strict=True)]
    )
    lines = (
        f"{grids[cell.grid].pk}\t{cell.image_id}\t{cell.position}\t{cell.role}\t{EXPECTED[cell.expected]}\n"
        for cell in cells
    )
    with connection.cursor() as cursor:
        # There are hundreds of thousands of rows: COPY takes a fraction of the time of inserts, and little memory.
        with connection.wrap_database_errors:
            cursor.copy_expert(COPY_CELLS, Lines(lines))
        cursor.execute("ANALYZE contains_task_gridcell")
    log.info("Opened %d composed grids in batch %s.", len(grids), batch.pk)
    return grids


@transaction.atomic
def record_votes(
    *,
    lease: Lease,
    cells: Mapping[str, PageCell],
    selected: Collection[str],
    maybe: Collection[str] = (),
    unseen: Collection[str] = (),
    facts: AnswerFacts = NO_FACTS,
    idempotency_key: str,
    paused_seconds: int = 0,
) -> Submission:
    """Store a worker's selection: the raw submission, and a vote for every cell of the page that was seen.

    `cells` are those of the lease's page, from `cells_by_handle`; `selected`, `maybe` and `unseen` are keys of it. A
    cell that is both selected and maybe is maybe; in a batch of two answers none is. An unseen cell gets no vote,
    whatever its answer. The raw answer also keeps the order of the cells, the facts and the pause of the page. Raises
    KeyError for a handle that is not on the page; then nothing is stored.
    """
    maybe = maybe if lease.hit.batch.answers == Batch.Answers.THREE else ()
    answer = _answer(cells, selected, maybe, unseen) | facts_field(facts) | pause_field(paused_seconds)
    submission, is_new = hand_in(lease=lease, answer=answer, idempotency_key=idempotency_key)
    if is_new:
        _cast(submission, cells.values())
    elif submission.pk is not None:
        _cast_once(submission, cells.values())
    return submission


def _answer(
    cells: Mapping[str, PageCell], selected: Collection[str], maybe: Collection[str] = (), unseen: Collection[str] = ()
) -> dict[str, list[str]]:
    undecided = {cells[handle].public_id for handle in maybe}
    images = {cells[handle].public_id for handle in selected} - undecided
    answer = {"shown": [cell.public_id for cell in cells.values()], "selected": sorted(images)}
    return (
        answer
        | ({"maybe": sorted(undecided)} if undecided else {})
        | unseen_field({cells[handle].public_id for handle in unseen})
    )


@transaction.atomic
def cast_votes(*, submission: Submission) -> None:
    """Cast votes for the seen cells of a stored submission, selected or not: the denominator is data. Idempotent."""
    _cast_once(submission, cells_of(submission.hit))


def _cast_once(submission: Submission, cells: Collection[PageCell]) -> None:
    if not submission.contains_votes.exists():
        _cast(submission, cells)


def _cast(submission: Submission, cells: Collection[PageCell]) -> None:
    grid = submission.hit.grid
    values: dict[str, Any] = {
        "grid": grid.pk,
        "label": grid.label_id,
        "submission": submission.pk,
        "worker": submission.worker_id,
        "confirmed": submission.state == Submission.State.CONFIRMED,
    }
    values |= {name: _images(cells, submission.answer.get(name, ())) for name in ("selected", "maybe", "unseen")}
    with connection.cursor() as cursor:
        cursor.execute(CAST, values | cell_facts(submission.answer, {cell.public_id: cell.image_id for cell in cells}))


def _images(cells: Iterable[PageCell], public_ids: Iterable[str]) -> list[int]:
    named = set(public_ids)
    return [cell.image_id for cell in cells if cell.public_id in named]


@transaction.atomic
def set_surplus_aside(*, submission_ids: list[int]) -> None:
    """Of the pairs that these submissions touch, count the first votes, as many as are wanted. Idempotent."""
    with connection.cursor() as cursor:
        cursor.execute(SET_SURPLUS, {"submissions": submission_ids})


def recovered_answer(submission: Submission) -> dict[str, Any] | None:
    """Return what the page would have stored, or None if the copy names other images than the grid's.

    What it calls unseen beside them is ignored. A grid without a third answer has no page that sends one.
    """
    copy = submission.answer["copy"]
    selected, maybe, unseen = (set(copy.get(name, ())) for name in ("selected", "maybe", "unseen"))
    if maybe and submission.hit.batch.answers != Batch.Answers.THREE:
        return None
    # The page may belong to another lease than the stored one: a restored database may lack it.
    lease = Lease(hit=submission.hit, public_id=copy["lease"])
    pages = [cells_by_handle(made_under(lease, key)) for key in page_keys()]
    fitting = [cells for cells in pages if cells.keys() >= selected | maybe]
    cells = max(fitting, key=lambda cells: len(cells.keys() & unseen), default=None)
    return None if cells is None else _answer(cells, selected, maybe, cells.keys() & unseen)
