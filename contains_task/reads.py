"""Queries on grids and their votes that more than one place needs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet

from catalog.models import Dataset, Image, Label, SettingsVersion
from catalog.reads import PreparedStatement, name_cells
from contains_task.models import ContainsVote, GridCell, Role
from numerics.composition import CellRole, GridProfile, Shortfall
from workforce.facts.reads import PageFacts, fact_cells
from workforce.models import HIT, Batch, Lease
from workforce.reads import (
    hits_with_open_slots,
    image_handle,
    is_excluded,
    not_aggregated,
    pseudonym_under,
    published_state,
)

# Expected answers of controls, in the words of the votes file.
EXPECTED_ANSWERS = {True: "yes", False: "no", None: None}
# Role and expected answer, in the database, of a composed cell.
ROLES = {
    CellRole.QUESTION: (Role.QUESTION, None),
    CellRole.POSITIVE: (Role.CONTROL, True),
    CellRole.NEGATIVE: (Role.CONTROL, False),
    CellRole.PADDING: (Role.PADDING, None),
}
# The columns of a row of the votes file, and no more: a million votes as objects, with related objects, take several
# times as long to sort and to build.
VOTE_COLUMNS = (
    *("id", "selected", "maybe", "surplus", "role", "worker_id", "submission_id", "excluded", "label__index"),
    *("image__name", "image__dataset_label__index", "submission__settings__dataset__pseudonym_key"),
    *("submission__state", "submission__submitted_at", "submission__settings__version"),
    *("place", "seen_ms", "marks", "page_facts"),
)
CELLS = PreparedStatement("""
    SELECT cell.image_id, image.public_id, cell.position
    FROM contains_task_gridcell cell JOIN catalog_image image ON image.id = cell.image_id
    JOIN contains_task_grid grid ON grid.id = cell.grid_id JOIN workforce_hit hit ON hit.id = grid.hit_id
    WHERE hit.public_id = %(hit)s ORDER BY cell.position
""")


class PageCell(NamedTuple):
    """A cell as its page and an answer need it. 48 model objects would take longer than the rest of the request."""

    image_id: int
    public_id: str
    position: int


def profile_of(settings: SettingsVersion, *, pad: bool = True) -> GridProfile:
    return GridProfile(settings.images_per_grid, settings.positive_controls, settings.negative_controls, pad)


def has_controls(batch: Batch) -> bool:
    """Return whether the batch was opened with controls: pairs can be opened without, whatever the settings are."""
    return GridCell.objects.filter(grid__hit__batch=batch, role=Role.CONTROL).exists()


def controls_lacking(settings: SettingsVersion, cells: Iterable[GridCell]) -> list[Shortfall]:
    """Return the controls that a grid of these cells lacks under the settings; its batch must have controls."""
    counts = Counter(cell.expected for cell in cells if cell.role == Role.CONTROL)
    controls = (
        (CellRole.POSITIVE, settings.positive_controls, counts[True]),
        (CellRole.NEGATIVE, settings.negative_controls, counts[False]),
    )
    return [Shortfall(role, n, n_there) for role, n, n_there in controls if n_there < n]


def cells_by_handle(lease: Lease) -> dict[str, PageCell]:
    """Return the cells of a lease's grid by the handles of their images, in the order of the page.

    Every lease has its own order, and a reload keeps it. Otherwise a list sorted by class would reveal the classes, and
    all workers would tire at the same cells.
    """
    # Handles depend on a secret key: the lease's id alone does not restore the order of the cells.
    return dict(sorted((image_handle(lease, cell.public_id), cell) for cell in cells_of(lease.hit)))


def cells_of(hit: HIT) -> tuple[PageCell, ...]:
    """Return the cells of a HIT's grid by position."""
    return _cells(hit.public_id)


# A grid never changes, and several workers open it within minutes. By the HIT's public id, which is random: a restored
# database may use the other ids again. 48 cells take 10 kB.
@lru_cache(maxsize=1000)
def _cells(hit_public_id: str) -> tuple[PageCell, ...]:
    return tuple(PageCell(*row) for row in CELLS.rows({"hit": hit_public_id}))


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(pk__in=GridCell.objects.filter(grid__hit=hit_id).values("image"))


def images_asked(submission_ids: Iterable[int]) -> set[int]:
    """Return the images of questions that these submissions answer; controls and padding only test the worker."""
    cells = GridCell.objects.filter(role="question", grid__hit__submissions__in=submission_ids)
    return set(cells.values_list("image_id", flat=True))


def images_waiting(image_ids: Iterable[int]) -> set[int]:
    """Return the images that are not ready to prune: with an open slot, or an answer not yet aggregated."""
    cells = GridCell.objects.filter(image__in=image_ids, role="question").order_by().values_list("image_id", flat=True)
    unanswered = cells.filter(grid__hit__in=hits_with_open_slots())
    uncounted = cells.filter(grid__hit__in=not_aggregated().values("hit"))
    # In one statement, so that an answer that arrives meanwhile is in one of the two.
    return set(unanswered.union(uncounted))


def pairs_asked(dataset: Dataset) -> dict[tuple[int, int], int]:
    """Return the latest batch that asks, or asked, each (image, label) pair of ids, without replayed batches."""
    cells = GridCell.objects.filter(image__dataset=dataset, role="question")
    cells = cells.exclude(grid__hit__batch__marketplace=Batch.Marketplace.REPLAY)
    rows = cells.order_by("grid__hit__batch").values_list("image_id", "grid__label_id", "grid__hit__batch")
    return {(image_id, label_id): batch_id for image_id, label_id, batch_id in rows.iterator(chunk_size=10_000)}


def grid_cells_of(dataset: Dataset) -> QuerySet[GridCell]:
    """Return all cells of the dataset's grids for workers, without replayed ones, as `grid_cell_row` needs them."""
    cells = GridCell.objects.filter(grid__hit__batch__dataset=dataset)
    cells = cells.exclude(grid__hit__batch__marketplace=Batch.Marketplace.REPLAY)
    return cells.select_related("grid__hit__batch__settings", "grid__label", "image__dataset")


def grid_cell_row(cell: GridCell, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of grids, for a cell of `grid_cells_of`; with `labels` (by index) add their names."""
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
    """Return all votes of the dataset's study, in a stable order: tuples of VOTE_COLUMNS, for `contains_vote_row`.

    Control images may be of another dataset; votes on them belong to the study that showed them.
    """
    votes = ContainsVote.objects.filter(submission__settings__dataset=dataset)
    votes = votes.annotate(excluded=is_excluded(), page_facts=PageFacts("submission__answer"))
    return votes.order_by("id").values_list(*VOTE_COLUMNS, named=True)


def contains_vote_row(vote: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the votes file, for a vote of `votes_of`; with `labels` (by index) add their names."""
    worker = pseudonym_under(vote.submission__settings__dataset__pseudonym_key, vote.worker_id)
    row = {
        "image": vote.image__name,
        "label": vote.label__index,
        "rater": worker,
        "answer": "maybe" if vote.maybe else "yes" if vote.selected else "no",
        "worker": worker,
        "role": vote.role,
        "state": published_state(vote.submission__state, vote.excluded, vote.surplus),
        "submitted_at": vote.submission__submitted_at,
        "settings_version": vote.submission__settings__version,
        "dataset_label": vote.image__dataset_label__index,
        "submission": vote.submission_id,
        "place": vote.place,
        "seen_ms": vote.seen_ms,
        "marks": vote.marks,
        **fact_cells(vote.page_facts),
    }
    if labels is None:
        return row
    return row | name_cells("label", row["label"], labels) | name_cells("dataset_label", row["dataset_label"], labels)
