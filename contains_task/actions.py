"""Opening CONTAINS grids, and turning what people tick in them into votes."""

import io
import logging
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet

from catalog.actions import StagedConflict
from catalog.models import Image, Label
from contains_task.models import ContainsVote, Grid, GridCell, Role
from contains_task.reads import cells_by_handle, cells_of, cells_to_show
from contains_task.staged import ADD_GRIDS, ADD_VOTES, FILL_ANSWERS, OTHER_ANSWER
from workforce.actions import keep_from_former_workers, publish_hits, settle_recovered, submit
from workforce.models import Batch, Lease, Submission, Worker
from workforce.reads import unread_recovered

log = logging.getLogger(__name__)

# Votes that may count, but for others of the same person on the same pair: confirmed, a question, not excluded.
# A vote of these submissions that stands the other way unsettles all that its person said on its pair.
UNSETTLED = """
    WITH vote AS NOT MATERIALIZED (
        SELECT vote.*, vote.role = 'question' AND submission.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM workforce_exclusion exclusion
            WHERE exclusion.submission_id = vote.submission_id AND exclusion.lifted_at IS NULL
        ) AS may_count
        FROM contains_task_containsvote vote JOIN workforce_submission submission ON submission.id = vote.submission_id
    ), unsettled AS (
        SELECT DISTINCT image_id, label_id, worker_id FROM vote
        WHERE submission_id = ANY(%(submissions)s) AND counted <> may_count
    )
"""
UNSETTLED_WORKERS = UNSETTLED + "SELECT DISTINCT worker_id FROM unsettled"
# Of several that may count, the first does: whatever was excluded and readmitted in between, and in which order.
WRONG = UNSETTLED + """, verdict AS (
        SELECT id, counted, may_count AND id = min(id) FILTER (WHERE may_count) OVER person AS counts
        FROM vote JOIN unsettled USING (image_id, label_id, worker_id)
        WINDOW person AS (PARTITION BY image_id, label_id, worker_id)
    )
    SELECT id, counts FROM verdict WHERE counted <> counts
"""

COUNTED_BEFORE = """
    SELECT image_id FROM contains_task_containsvote
    WHERE worker_id = %s AND label_id = %s AND image_id = ANY(%s) AND counted
"""
COPY_CELLS = "COPY contains_task_gridcell (grid_id, image_id, position, role, expected) FROM STDIN"
EXPECTED = {True: "t", False: "f", None: r"\N"}


class ComposedCell(NamedTuple):
    """A cell of a grid to be opened, `grid` being the grid's place in the list of grids."""

    grid: int
    image_id: int
    position: int
    role: Role
    expected: bool | None


class Opening(NamedTuple):
    """(image, label) pairs that are opened alike, those of a label together; `initial`: an initial subset."""

    pairs: list[tuple[Any, Any]]
    n_slots: int
    initial: bool = False


class ForeignCell(ValueError):
    """An image was ticked that is not in the grid."""


@transaction.atomic
def open_grids(*, batch: Batch, images_by_label: Mapping[Label, Sequence[Image]]) -> list[Grid]:
    """Open a grid for every label, as many as its images fill at the batch's grid size.

    An adaptive batch asks about some images of every label, drawn at random, as often as it takes to learn from
    them, in grids of their own and first; the others get the fewest answers it allows to begin with.
    """
    pairs = [(image, label) for label, images in images_by_label.items() for image in images]
    return [grid for opening in openings(batch, pairs) for grid in _open_pages(batch, opening)]


def openings(batch: Batch, pairs: Iterable[tuple[Any, Any]]) -> list[Opening]:
    """What to open for (image, label) pairs, in this order; they may be rows or ids."""
    by_label: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    for pair in pairs:
        by_label[pair[1]].append(pair)
    together = [pair for of_label in by_label.values() for pair in of_label]
    if not batch.is_adaptive:
        return [Opening(together, batch.settings.contains_answers)]
    drawn = {pair for of_label in by_label.values() for pair in _drawn(of_label, batch.initial_images)}
    found = [
        Opening([pair for pair in together if pair in drawn], batch.initial_votes, initial=True),
        Opening([pair for pair in together if pair not in drawn], batch.min_votes),
    ]
    return [opening for opening in found if opening.pairs]


def _drawn(pairs: list[tuple[Any, Any]], n_pairs: int) -> list[tuple[Any, Any]]:
    """At most so many of the pairs, drawn at random."""
    return secrets.SystemRandom().sample(pairs, min(n_pairs, len(pairs)))


def _open_pages(batch: Batch, opening: Opening) -> list[Grid]:
    size = batch.settings.images_per_grid
    pages = []
    for label, pairs in groupby(opening.pairs, key=itemgetter(1)):
        images = [image for image, _ in pairs]
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
def open_further_grids(*, batch: Batch, images_by_label: Mapping[int, Sequence[int]]) -> None:
    """Ask one more person about pairs of an adaptive batch: who was asked before is asked none of them again.

    Labels and images are ids. The control cells are those of the label's earlier grids, so that the new ones look
    like them; an image that is asked about is no control of its own grid.
    """
    for label_id, image_ids in images_by_label.items():
        earlier = GridCell.objects.filter(grid__hit__batch=batch, grid__label=label_id)
        former: dict[int, set[int]] = defaultdict(set)
        for image_id, hit_id in earlier.filter(role=Role.QUESTION).values_list("image_id", "grid__hit"):
            former[image_id].add(hit_id)
        controls = _controls_of_a_grid(earlier)
        size = batch.settings.images_per_grid - len(controls)
        pages = [image_ids[start : start + size] for start in range(0, len(image_ids), size)]
        hits = publish_hits(batch=batch, n_hits=len(pages), n_slots=1)
        keep_from_former_workers(
            asked_before={
                hit: set.union(*(former[image_id] for image_id in page)) for hit, page in zip(hits, pages, strict=True)
            }
        )
        for hit, page in zip(hits, pages, strict=True):
            _fill_grid(Grid.objects.create(hit=hit, label_id=label_id), page, controls)


def _fill_grid(grid: Grid, questions: Sequence[int], controls: Sequence[tuple[int, bool]]) -> None:
    cells = [GridCell(image_id=image_id) for image_id in questions]
    cells += [
        GridCell(image_id=image_id, role=Role.CONTROL, expected=expected)
        for image_id, expected in controls
        if image_id not in questions
    ]
    for position, cell in enumerate(cells):
        cell.grid, cell.position = grid, position
    GridCell.objects.bulk_create(cells)


def _controls_of_a_grid(cells: QuerySet[GridCell]) -> list[tuple[int, bool]]:
    """Image ids and expected answers of the control cells of the first grid among these cells that has any."""
    found = list(cells.filter(role=Role.CONTROL).order_by("grid", "position").values_list("grid", "image", "expected"))
    return [(image, expected) for grid, image, expected in found if grid == found[0][0]]


@transaction.atomic
def open_composed_grids(
    *, batch: Batch, label_ids: Sequence[int], cells: Iterable[ComposedCell], n_slots: int, initial: bool = False
) -> list[Grid]:
    """Open one grid for each of the labels (a label may come several times) with the cells composed for it."""
    hits = publish_hits(batch=batch, n_hits=len(label_ids), n_slots=n_slots, initial=initial)
    grids = Grid.objects.bulk_create(
        [Grid(hit=hit, label_id=label_id) for hit, label_id in zip(hits, label_ids, strict=True)]
    )
    lines = "".join(
        f"{grids[cell.grid].pk}\t{cell.image_id}\t{cell.position}\t{cell.role}\t{EXPECTED[cell.expected]}\n"
        for cell in cells
    )
    with connection.cursor() as cursor:
        # Hundreds of thousands of rows: COPY takes a fraction of the time of inserts.
        with connection.wrap_database_errors:
            cursor.copy_expert(COPY_CELLS, io.StringIO(lines))
        cursor.execute("ANALYZE contains_task_gridcell")
    log.info("Opened %d composed grids in batch %s.", len(grids), batch.pk)
    return grids


@transaction.atomic
def record_votes(*, lease: Lease, selected: Collection[str], idempotency_key: str) -> Submission:
    """Store what a person ticked (public ids of images): the raw submission, and a vote for every cell shown.

    The raw answer keeps the order in which the cells were shown, too.
    Raises ForeignCell, naming the id, if one of them is not in the grid; then nothing is stored.
    """
    shown = [cell.image.public_id for cell in cells_to_show(lease)]
    foreign = sorted(set(selected).difference(shown))
    if foreign:
        raise ForeignCell(f"{foreign[0]!r} is not an image of this grid. Nothing was stored; reload and try again.")
    answer = {"shown": shown, "selected": sorted(set(selected))}
    submission, is_new = submit(lease=lease, answer=answer, idempotency_key=idempotency_key)
    if is_new:
        _cast(submission)
    else:
        cast_votes(submission=submission)
    return submission


@transaction.atomic
def cast_votes(*, submission: Submission) -> None:
    """Turn a stored submission into votes, selected and not selected: the denominator is data. Twice adds nothing."""
    if not submission.contains_votes.exists():
        _cast(submission)


def _cast(submission: Submission) -> None:
    grid = submission.hit.grid
    selected = set(submission.answer["selected"])
    cells = cells_of(grid)
    counted_before = _counted_before(submission.worker_id, grid.label_id, cells)
    ContainsVote.objects.bulk_create([_vote(submission, grid, cell, selected, counted_before) for cell in cells])


def take_in_recovered() -> int:
    """Read the answers to grids that came through a marketplace alone; returns how many there were."""
    waiting = list(unread_recovered(Batch.Kind.CONTAINS))
    for submission in waiting:
        _record_recovered(submission=submission)
    return len(waiting)


@transaction.atomic
def _record_recovered(*, submission: Submission) -> Submission:
    """Turn a recovered answer into votes, if its values are handles of the grid's images. Twice adds nothing."""
    settled = settle_recovered(submission=submission, answer=_recovered_answer(submission))
    if "selected" in settled.answer:
        cast_votes(submission=settled)
    return settled


def _recovered_answer(submission: Submission) -> dict | None:
    copy = submission.answer["copy"]
    # The page may have been another lease's than the one on record: a restored database does not know it.
    page = Lease(hit=submission.hit, public_id=copy["lease"])
    image_of = {handle: cell.image.public_id for handle, cell in cells_by_handle(page).items()}
    ticked = copy["selected"]
    if not image_of.keys() >= set(ticked):
        return None
    return {"shown": list(image_of.values()), "selected": sorted(image_of[handle] for handle in ticked)}


def _counted_before(worker_id: int, label_id: int, cells: list[GridCell]) -> set[int]:
    """The images on which this person has been counted for this label already."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED_BEFORE, [worker_id, label_id, [cell.image_id for cell in cells]])
        return {image_id for (image_id,) in cursor.fetchall()}


def _vote(
    submission: Submission, grid: Grid, cell: GridCell, selected: set[str], counted_before: set[int]
) -> ContainsVote:
    repeated = cell.role == Role.QUESTION and cell.image_id in counted_before
    role = Role.REPEAT if repeated else cell.role
    return ContainsVote(
        submission=submission,
        worker_id=submission.worker_id,
        image_id=cell.image_id,
        label_id=grid.label_id,
        selected=cell.image.public_id in selected,
        role=role,
        counted=role == Role.QUESTION and submission.state == Submission.State.CONFIRMED,
    )


@transaction.atomic
def settle_votes(*, submission_ids: list[int]) -> None:
    """Bring `counted` in line with the state, roles and exclusions of these submissions. Twice changes nothing."""
    workers = [worker for (worker,) in _rows(UNSETTLED_WORKERS, submission_ids)]
    if not workers:
        return
    # The person first, as in a submission: no answer of theirs comes in while it is decided which one counts.
    list(Worker.objects.select_for_update().filter(pk__in=workers).order_by("pk"))
    wrong = dict(_rows(WRONG, submission_ids))
    # First those that lose, then those that win: at no moment do two of a person's votes count on one pair.
    ContainsVote.objects.filter(pk__in=[pk for pk, counts in wrong.items() if not counts]).update(counted=False)
    ContainsVote.objects.filter(pk__in=[pk for pk, counts in wrong.items() if counts]).update(counted=True)


def _rows(query: str, submission_ids: list[int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"submissions": submission_ids})
        return cursor.fetchall()


# Answers given elsewhere; contains_task.staged tells the columns of the staging table


@transaction.atomic
def check_staged_answers(*, staged: str) -> None:
    """Raise StagedConflict if a row whose answer is stored already says something else."""
    with connection.cursor() as cursor:
        cursor.execute(OTHER_ANSWER.format(staged=staged))
        if other := cursor.fetchone():
            line, image = other
            raise StagedConflict(line, f"this person's answer on {image} is stored already, and it is another one.")


@transaction.atomic
def fill_staged_answers(*, staged: str) -> None:
    """Write the raw answers, in the shape of live ones, for the submissions to come."""
    with connection.cursor() as cursor:
        cursor.execute(FILL_ANSWERS.format(staged=staged))


@transaction.atomic
def load_staged_votes(*, staged: str) -> int:
    """Open grids of one cell for staged answers that are submitted, and cast their votes; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(ADD_GRIDS.format(staged=staged))
        cursor.execute(ADD_VOTES.format(staged=staged))
        n_votes = cursor.rowcount
        cursor.execute("ANALYZE contains_task_grid, contains_task_gridcell, contains_task_containsvote")
    return n_votes
