"""Contexts of the set-up pages' templates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from aggregation.models import ConfidenceTable
from catalog.models import Dataset, NegativesFrom
from catalog.reads import current_settings
from contains_task.models import Grid, GridCell, Role
from contains_task.reads import controls_lacking, has_controls
from dashboard.overview.reads import Progress, hits_of_batches, progress_of_batches
from dashboard.overview.views import BatchShown, batch_shown
from dashboard.pages import permissions
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
from dashboard.setup.settings_form import NEGATIVES_TITLES
from jobs.models import Job
from jobs.reads import latest_job
from numerics.composition import Shortfall
from studies.adaptive.reads import FIGURE_7, adaptive_batches, probabilities_of, summary_of, tables_of
from studies.settings.reads import doubts_about
from workforce.models import Batch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CLASSES_PER_PAGE = 25
# Tsipras et al. 2020, section 3.1: ten classifiers and the dataset's label.
PAPERS_MEAN = 14
# By role and expected answer: title, class of style, class of the tag.
ROLES = {
    (Role.QUESTION, None): (gettext_lazy("question"), "question", ""),
    (Role.CONTROL, True): (gettext_lazy("positive control"), "positive", "good"),
    (Role.CONTROL, False): (gettext_lazy("negative control"), "negative", "bad"),
    (Role.CONTROL, None): (gettext_lazy("control"), "positive", "good"),
    (Role.PADDING, None): (gettext_lazy("padding"), "padding", "warn"),
    (Role.REPEAT, None): (gettext_lazy("repeat"), "padding", "warn"),
}


def classifiers_context(dataset: Dataset) -> dict[str, Any]:
    """Return the context of the page Classifiers, without its forms."""
    runs = latest_runs(dataset)
    return {
        "dataset": dataset,
        "n_images": dataset.images.count(),
        "classifiers": classifiers_of(dataset, current_settings(dataset)),
        "runs": [item for item in runs if item.run.finished_at is None],
        "ended": [item for item in runs if item.run.finished_at is not None],
    }


def potential_labels_context(dataset: Dataset, number: str) -> dict[str, Any]:
    """Return the context of the page Potential labels."""
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
        "columns": [(_letters(column), name) for column, name in enumerate(names)],
        "images": images,
    }


def _letters(number: int) -> str:
    """Return a column's letters, as spreadsheets have them.

    >>> [_letters(number) for number in (0, 25, 26, 701)]
    ['A', 'Z', 'AA', 'ZZ']
    """
    quotient, last = divmod(number, 26)
    return (_letters(quotient - 1) if quotient else "") + chr(ord("A") + last)


# Grids


def opening_context(dataset: Dataset) -> dict[str, Any]:
    """Return the settings of the next batch and the work of opening it; while grids are being opened, no work."""
    settings = current_settings(dataset)
    job = latest_job(dataset, Job.Kind.OPEN_CONTAINS)
    in_progress = job is not None and job.job.finished_at is None
    n_pairs, estimates = (0, []) if in_progress else would_open(dataset, settings)
    titles = {key: title for key, title, _ in PROFILES}
    return {
        "settings": settings,
        "negatives_title": NEGATIVES_TITLES[NegativesFrom(settings.negatives_from)],
        "job": job,
        "n_new_pairs": n_pairs,
        "would_open": [(titles[estimate.profile], estimate) for estimate in estimates],
        "doubts": doubts_about(settings),
    }


def batches_context(dataset: Dataset, request: HttpRequest) -> dict[str, list[BatchShown]]:
    """Return the batches of workers that are open on links, and the others (`past`: closed, published or replayed)."""
    batches = dataset.batches.exclude(marketplace=Batch.Marketplace.ACCOUNTS)
    batches = batches.select_related("settings", "dataset").order_by("-id")
    progress, n_hits = progress_of_batches(batch__dataset=dataset), hits_of_batches(batch__dataset=dataset)
    items = [
        batch_shown(batch, n_hits.get(batch.pk, 0), progress.get(batch.pk, Progress()), request, permissions(request))
        for batch in batches
    ]
    return {
        "open": [item for item in items if item.is_open],
        "past": [item for item in items if not item.is_open],
    }


@dataclass(frozen=True)
class CellShown:
    """A cell as the researcher sees it: its role in words, its class of style, and that of its tag."""

    cell: GridCell
    words: "StrOrPromise"
    kind: str
    tag: str


@dataclass(frozen=True)
class GridShown:
    """A grid with its cells, the number of cells of each role, and the controls it lacks."""

    grid: Grid
    cells: list[CellShown]
    counts: list[tuple["StrOrPromise", int]]
    shortfalls: list[Shortfall]


@dataclass(frozen=True)
class Preview:
    """One page of a batch's grids, with the batches to choose from."""

    batch: Batch
    batches: list[Batch]
    page: "Page[Any]"
    grids: list[GridShown]

    @property
    def query(self) -> str:
        return f"batch={self.batch.pk}&"


def preview_of(dataset: Dataset, query: Mapping[str, str]) -> Preview | None:
    """Return a few grids of the batch that `query` names, or else of the latest batch; None while there is no grid."""
    batches = _with_grids(dataset)
    batch = next((batch for batch in batches if str(batch.pk) == query.get("batch")), batches[0] if batches else None)
    if batch is None:
        return None
    controlled = has_controls(batch)
    page, grids = page_of_grids(batch, query.get("page", "1"))
    return Preview(batch, batches, page, [_grid_shown(grid, batch, controlled) for grid in grids])


def _with_grids(dataset: Dataset) -> list[Batch]:
    grids = Grid.objects.filter(hit__batch=OuterRef("pk"))
    batches = Batch.objects.filter(Exists(grids), dataset=dataset, marketplace=Batch.Marketplace.LINK)
    return list(batches.select_related("settings").order_by("-id"))


def _grid_shown(grid: Grid, batch: Batch, controlled: bool) -> GridShown:
    cells = [CellShown(cell, *ROLES[Role(cell.role), cell.expected]) for cell in grid.cells.all()]
    counts = [(title, sum(cell.words is title for cell in cells)) for title, _, _ in ROLES.values()]
    shortfalls = controls_lacking(batch.settings, grid.cells.all()) if controlled else []
    return GridShown(grid, cells, [(title, n) for title, n in counts if n], shortfalls)


# Confidence


@dataclass(frozen=True)
class ConfidenceRow:
    """A class with its probabilities after the votes of FIGURE_7."""

    table: ConfidenceTable
    probabilities: list[float | None]
    # Length of the bar: expected votes relative to the maximum of a pair.
    percent: float


@dataclass(frozen=True)
class BatchConfidence:
    """One page of a batch's classes. `key` is the parameter of the page number."""

    batch: Batch
    summary: str
    key: str
    page: "Page[Any]"
    rows: list[ConfidenceRow]


def confidence_context(dataset: Dataset, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the estimates of each adaptive batch, the latest batch and the hardest classes first."""
    batches = [_confidence(batch, query) for batch in adaptive_batches(dataset).reverse()]
    return {
        "batches": batches,
        "heads": [gettext("%(yes)s yes, %(no)s no") % {"yes": yes, "no": no} for yes, no in FIGURE_7],
    }


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
