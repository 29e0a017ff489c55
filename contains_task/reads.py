"""Queries on grids and their votes that more than one place needs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet

from catalog.models import Dataset, Image, Label, SettingsVersion
from catalog.reads import PreparedStatement, name_cells
from contains_task.models import ContainsVote, Grid, GridCell, Role
from numerics.composition import CellRole, GridProfile, Shortfall
from workforce.models import HIT, Batch, Lease, Submission
from workforce.reads import (
    hits_with_open_slots,
    image_handle,
    is_excluded,
    not_aggregated,
    pseudonym_under,
    published_state,
)

# Of a control: what somebody who looks says. The words of the votes file.
EXPECTED_ANSWERS = {True: "yes", False: "no", None: None}
# What a composed cell is in the database: its role, and what is expected of it.
ROLES = {
    CellRole.QUESTION: (Role.QUESTION, None),
    CellRole.POSITIVE: (Role.CONTROL, True),
    CellRole.NEGATIVE: (Role.CONTROL, False),
    CellRole.PADDING: (Role.PADDING, None),
}
# What a row of the votes file is made of. Nothing more: a million votes as objects, with all that hangs on them, take
# the database and this process several times as long to sort and to build.
VOTE_COLUMNS = (
    *("id", "selected", "role", "worker_id", "submission_id", "excluded", "label__index"),
    *("image__name", "image__dataset_label__index", "submission__settings__dataset__pseudonym_key"),
    *("submission__state", "submission__submitted_at", "submission__settings__version"),
)
CELLS = PreparedStatement("""
    SELECT cell.image_id, image.public_id, cell.position
    FROM contains_task_gridcell cell JOIN catalog_image image ON image.id = cell.image_id
    JOIN contains_task_grid grid ON grid.id = cell.grid_id JOIN workforce_hit hit ON hit.id = grid.hit_id
    WHERE hit.public_id = %(hit)s ORDER BY cell.position
""")


class Shown(NamedTuple):
    """What a page, and an answer to it, need of a cell. Of 48 of them objects would take longer than all else."""

    image_id: int
    public_id: str
    position: int


def profile_of(settings: SettingsVersion, *, pad: bool = True) -> GridProfile:
    return GridProfile(settings.images_per_grid, settings.positive_controls, settings.negative_controls, pad)


def has_controls(batch: Batch) -> bool:
    """Whether the batch was opened with controls: pairs can be opened as they are, whatever the settings say."""
    return GridCell.objects.filter(grid__hit__batch=batch, role=Role.CONTROL).exists()


def controls_lacking(settings: SettingsVersion, cells: Iterable[GridCell]) -> list[Shortfall]:
    """What a grid of these cells, of a batch that has controls, lacks of those that the settings want."""
    found = Counter(cell.expected for cell in cells if cell.role == Role.CONTROL)
    wanted = (
        (CellRole.POSITIVE, settings.positive_controls, found[True]),
        (CellRole.NEGATIVE, settings.negative_controls, found[False]),
    )
    return [Shortfall(role, n, n_found) for role, n, n_found in wanted if n_found < n]


def cells_by_handle(lease: Lease) -> dict[str, Shown]:
    """Return the cells of a lease's grid by what its page says for their images, in the order of the page.

    The order is this hand-out's own, and a reload keeps it. A list that was sorted by class would otherwise give the
    classes away, and tire everybody at the same cells.
    """
    # The handle depends on a key of the site's: who knows the lease's id can still not put the cells back.
    return dict(sorted((image_handle(lease, cell.public_id), cell) for cell in cells_of(lease.hit)))


def cells_of(hit: HIT) -> tuple[Shown, ...]:
    """The cells of a HIT's grid by position."""
    return _cells(hit.public_id)


# A grid stays as it was opened, and several people look at it within minutes. By the HIT's public id, which is random:
# a database that was put back may give the other ids anew. 48 cells take 10 kB.
@lru_cache(maxsize=1000)
def _cells(hit_public_id: str) -> tuple[Shown, ...]:
    return tuple(Shown(*row) for row in CELLS.rows({"hit": hit_public_id}))


def answered_cells(grid: Grid, submission: Submission | None) -> list[tuple[GridCell, bool | None]]:
    """The grid's cells by position, each with whether this submission ticked it; None where it says nothing of it."""
    votes = dict(ContainsVote.objects.filter(submission=submission).values_list("image_id", "selected"))
    cells = grid.cells.select_related("image").order_by("position")
    return [(cell, votes.get(cell.image_id)) for cell in cells]


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    """Return what the template of an answer shows: the grid's label, and its cells with what was ticked."""
    grid = Grid.objects.filter(hit=hit_id).select_related("label").first()
    if grid is None:
        return {}
    cells = [{"image": cell.image, "is_ticked": ticked} for cell, ticked in answered_cells(grid, submission)]
    return {"label": grid.label, "cells": cells, "n_ticked": sum(bool(cell["is_ticked"]) for cell in cells)}


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(pk__in=GridCell.objects.filter(grid__hit=hit_id).values("image"))


def images_asked(submission_ids: Iterable[int]) -> set[int]:
    """The images that these submissions answer a question on; controls and padding prove the person only."""
    asked = GridCell.objects.filter(role="question", grid__hit__submissions__in=submission_ids)
    return set(asked.values_list("image_id", flat=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Those of the images too early to prune: a pair of theirs has an open slot, or an answer not yet aggregated."""
    cells = GridCell.objects.filter(image__in=image_ids, role="question").order_by().values_list("image_id", flat=True)
    unanswered = cells.filter(grid__hit__in=hits_with_open_slots())
    uncounted = cells.filter(grid__hit__in=not_aggregated().values("hit"))
    # One statement, thus one moment: an answer that comes in meanwhile is seen as the one or as the other.
    return set(unanswered.union(uncounted))


def pairs_asked(dataset: Dataset) -> dict[tuple[int, int], int]:
    """(image, label) ids to the latest batch in which people are, or were, asked; replayed answers were given
    elsewhere."""
    cells = GridCell.objects.filter(image__dataset=dataset, role="question")
    cells = cells.exclude(grid__hit__batch__marketplace=Batch.Marketplace.REPLAY)
    rows = cells.order_by("grid__hit__batch").values_list("image_id", "grid__label_id", "grid__hit__batch")
    return {(image_id, label_id): batch_id for image_id, label_id, batch_id in rows.iterator(chunk_size=10_000)}


def grid_cells_of(dataset: Dataset) -> QuerySet[GridCell]:
    """All cells of the grids that people are, or were, given for the dataset, with what `grid_cell_row` needs."""
    cells = GridCell.objects.filter(grid__hit__batch__dataset=dataset)
    given = cells.exclude(grid__hit__batch__marketplace=Batch.Marketplace.REPLAY)
    return given.select_related("grid__hit__batch__settings", "grid__label", "image__dataset")


def grid_cell_row(cell: GridCell, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the file of grids, from a cell of `grid_cells_of`; with `labels` (by index) their names are added."""
    row: dict[str, Any] = {
        "grid": cell.grid.hit.public_id,
        "batch": cell.grid.hit.batch_id,
        "settings_version": cell.grid.hit.batch.settings.version,
        "label": cell.grid.label.index,
        "position": cell.position,
        "image": cell.image.name,
        "image_dataset": cell.image.dataset.name,
        "role": cell.role,
        "expected": EXPECTED_ANSWERS[cell.expected],
    }
    return row if labels is None else row | name_cells("label", row["label"], labels)


def votes_of(dataset: Dataset) -> QuerySet[ContainsVote, Any]:
    """All votes of the dataset's study, in a stable order: tuples of VOTE_COLUMNS, for `contains_vote_row`.

    Control images may be of another dataset; what people make of them belongs to the study that showed them.
    """
    votes = ContainsVote.objects.filter(submission__settings__dataset=dataset)
    return votes.annotate(excluded=is_excluded()).order_by("id").values_list(*VOTE_COLUMNS, named=True)


def contains_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the votes file, from a vote of `votes_of`; with `labels` (by index) their names are added."""
    worker = pseudonym_under(vote.submission__settings__dataset__pseudonym_key, vote.worker_id)
    row = {
        "image": vote.image__name,
        "label": vote.label__index,
        "rater": worker,
        "answer": "yes" if vote.selected else "no",
        "worker": worker,
        "role": vote.role,
        "state": published_state(vote.submission__state, vote.excluded),
        "submitted_at": vote.submission__submitted_at,
        "settings_version": vote.submission__settings__version,
        "dataset_label": vote.image__dataset_label__index,
        "submission": vote.submission_id,
    }
    if labels is None:
        return row
    return row | name_cells("label", row["label"], labels) | name_cells("dataset_label", row["dataset_label"], labels)
