"""What the pages about asking are made of, put together for their templates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet

from aggregation.models import ConfidenceTable
from catalog.models import Dataset
from catalog.reads import current_settings
from contains_task.models import Grid, GridCell, Role
from contains_task.reads import controls_lacking, has_controls
from dashboard.overview.reads import Progress, hits_of_batches, progress_of_batches
from dashboard.overview.views import BatchShown, batch_shown
from dashboard.setup.forms import PROFILES
from dashboard.setup.plot import distribution_plot
from dashboard.setup.reads import (
    classifiers_of,
    latest_runs,
    page_of_grids,
    page_of_potential_labels,
    potential_summary,
    would_open,
)
from jobs.models import Job
from jobs.reads import latest_job
from numerics.composition import Shortfall
from studies.adaptive.reads import FIGURE_7, adaptive_batches, probabilities_of, summary_of, tables_of
from studies.settings.reads import doubts_about
from workforce.models import Batch

CLASSES_PER_PAGE = 25
# Tsipras et al. 2020, section 3.1: ten classifiers and the dataset's label.
PAPERS_MEAN = 14
ROLES = {
    (Role.QUESTION, None): ("question", "question", ""),
    (Role.CONTROL, True): ("positive control", "positive", "good"),
    (Role.CONTROL, False): ("negative control", "negative", "bad"),
    (Role.CONTROL, None): ("control", "positive", "good"),
    (Role.PADDING, None): ("padding", "padding", "warn"),
    (Role.REPEAT, None): ("repeat", "padding", "warn"),
}


def classifiers_context(dataset: Dataset) -> dict[str, Any]:
    runs = latest_runs(dataset)
    return {
        "dataset": dataset,
        "n_images": dataset.images.count(),
        "classifiers": classifiers_of(dataset, current_settings(dataset)),
        "runs": [shown for shown in runs if shown.run.finished_at is None],
        "ended": [shown for shown in runs if shown.run.finished_at is not None],
    }


def potential_labels_context(dataset: Dataset, number: str) -> dict[str, Any]:
    settings = current_settings(dataset)
    summary = potential_summary(dataset, settings)
    page, names, images = page_of_potential_labels(dataset, number)
    return {
        "dataset": dataset,
        "settings": settings,
        "summary": summary,
        "plot": distribution_plot(summary.counts, summary.mean) if summary.n_labels else None,
        "papers_mean": PAPERS_MEAN,
        "page": page,
        "columns": [(_letters(at), name) for at, name in enumerate(names)],
        "images": images,
    }


def _letters(number: int) -> str:
    """
    >>> [_letters(number) for number in (0, 25, 26, 701)]
    ['A', 'Z', 'AA', 'ZZ']
    """
    rest, last = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)


# Grids


def opening_shown(dataset: Dataset) -> dict[str, Any]:
    """The figures a batch would be opened with, and how much work that would be; while grids are opened, none."""
    settings = current_settings(dataset)
    job = latest_job(dataset, Job.Kind.OPEN_CONTAINS)
    under_way = job is not None and job.job.finished_at is None
    n_pairs, would = (0, []) if under_way else would_open(dataset, settings)
    words = {key: words for key, words, _ in PROFILES}
    return {
        "settings": settings,
        "job": job,
        "n_new_pairs": n_pairs,
        "would_open": [(words[one.profile], one) for one in would],
        "doubts": doubts_about(settings),
    }


def batches_shown(dataset: Dataset, reader: str) -> dict[str, list[BatchShown]]:
    """The batches with people's work that are open, and those that are over."""
    batches = dataset.batches.select_related("settings", "dataset").order_by("-id")
    progress, n_hits = progress_of_batches(batch__dataset=dataset), hits_of_batches(batch__dataset=dataset)
    shown = [
        batch_shown(batch, n_hits.get(batch.pk, 0), progress.get(batch.pk, Progress()), reader) for batch in batches
    ]
    return {"open": [item for item in shown if item.own], "over": [item for item in shown if not item.own]}


@dataclass(frozen=True)
class CellShown:
    """A cell as the researcher sees it: its role in words, its class of style, and the tag's."""

    cell: GridCell
    words: str
    kind: str
    tag: str


@dataclass(frozen=True)
class GridShown:
    grid: Grid
    cells: list[CellShown]
    counts: list[tuple[str, int]]
    lacks: list[Shortfall]


@dataclass(frozen=True)
class Preview:
    batch: Batch
    others: list[Batch]
    page: "Page[Any]"
    grids: list[GridShown]

    @property
    def query(self) -> str:
        return f"batch={self.batch.pk}&"


def preview_shown(dataset: Dataset, query: Mapping[str, str]) -> Preview | None:
    """A few grids of the batch that `query` names, or of the latest one; None while there is no grid."""
    batches = _with_grids(dataset)
    chosen = next((batch for batch in batches if str(batch.pk) == query.get("batch")), batches[0] if batches else None)
    if chosen is None:
        return None
    controlled = has_controls(chosen)
    page, grids = page_of_grids(chosen, query.get("page", "1"))
    return Preview(chosen, batches, page, [_grid_shown(grid, chosen, controlled) for grid in grids])


def _with_grids(dataset: Dataset) -> list[Batch]:
    grids = Grid.objects.filter(hit__batch=OuterRef("pk"))
    found = Batch.objects.filter(Exists(grids), dataset=dataset, marketplace=Batch.Marketplace.LINK)
    return list(found.select_related("settings").order_by("-id"))


def _grid_shown(grid: Grid, batch: Batch, controlled: bool) -> GridShown:
    cells = [CellShown(cell, *ROLES[Role(cell.role), cell.expected]) for cell in grid.cells.all()]
    words = list(dict.fromkeys(words for words, _, _ in ROLES.values()))
    counts = [(word, sum(cell.words == word for cell in cells)) for word in words]
    lacks = controls_lacking(batch.settings, grid.cells.all()) if controlled else []
    return GridShown(grid, cells, [(word, n) for word, n in counts if n], lacks)


# Confidence


@dataclass(frozen=True)
class ConfidenceRow:
    table: ConfidenceTable
    probabilities: list[float | None]
    # Of the bar: the votes a class takes, of the most that any pair gets.
    percent: float


@dataclass(frozen=True)
class BatchConfidence:
    batch: Batch
    summary: str
    key: str
    page: "Page[Any]"
    rows: list[ConfidenceRow]


def confidence_shown(dataset: Dataset, query: Mapping[str, str]) -> dict[str, Any]:
    """What each adaptive batch has learnt, the hardest classes first; the latest batch first."""
    batches = [_confidence(batch, query) for batch in adaptive_batches(dataset).reverse()]
    return {"batches": batches, "heads": [f"{yes} yes, {no} no" for yes, no in FIGURE_7]}


def _confidence(batch: Batch, query: Mapping[str, str]) -> BatchConfidence:
    key = f"classes{batch.pk}"
    tables: QuerySet[ConfidenceTable] = tables_of(batch)
    page = Paginator(tables, CLASSES_PER_PAGE).get_page(query.get(key, "1"))
    assert batch.max_votes is not None, "only adaptive batches have tables"
    rows = [
        ConfidenceRow(table, probabilities_of(table), 100 * min(1.0, table.expected_votes / batch.max_votes))
        for table in page
    ]
    return BatchConfidence(batch, summary_of(batch), key, page, rows)
