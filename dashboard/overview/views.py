"""The overview pages: datasets with the progress of their batches, and results."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from aggregation.reads import annotation_summary, split_counts
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from dashboard.overview.reads import (
    FILTERS,
    Progress,
    datasets_with_batches,
    filter_counts,
    hits_of_batches,
    page_of_results,
    progress_of_batches,
    results_of,
)
from dashboard.pages import dataset_or_404, staff_page
from workforce.models import Batch
from workforce.pages import join_address, prolific_address


@dataclass(frozen=True)
class BatchShown:
    """A batch with its progress, and its addresses, which are empty where nobody can join.

    Prolific's participants get `prolific_url`, other participants `participant_url`, and the reader of the page
    `reader_url`.
    """

    batch: Batch
    n_hits: int
    progress: Progress
    prolific_url: str = ""
    participant_url: str = ""
    reader_url: str = ""

    @property
    def is_published(self) -> bool:
        """Tell whether the marketplace assigns its work."""
        return self.batch.marketplace == Batch.Marketplace.MTURK and self.batch.closed_at is None


@dataclass(frozen=True)
class DatasetShown:
    """A dataset with its batches: open on links, open on the marketplace (`published`), and closed or replayed."""

    dataset: Dataset
    open: list[BatchShown]
    published: list[BatchShown]
    past: list[BatchShown]


@staff_page("GET")
def datasets(request: HttpRequest) -> HttpResponse:
    progress, n_hits = progress_of_batches(), hits_of_batches()
    rows = []
    for dataset in datasets_with_batches():
        batches = [
            batch_shown(batch, n_hits.get(batch.pk, 0), progress.get(batch.pk, Progress()), request.user.get_username())
            for batch in dataset.batches.all()
        ]
        open_batches = [item for item in batches if item.reader_url]
        published = [item for item in batches if item.is_published]
        past = [item for item in batches if not item.reader_url and not item.is_published]
        rows.append(DatasetShown(dataset, open_batches, published, past))
    return render(request, "dashboard/overview/datasets.html", {"datasets": rows})


def batch_shown(batch: Batch, n_hits: int, progress: Progress, reader: str) -> BatchShown:
    """Return a batch with its addresses. `reader` is the name under which the reader of the page may work on it."""
    if batch.marketplace != Batch.Marketplace.LINK or batch.closed_at is not None:
        return BatchShown(batch, n_hits, progress)
    addresses = prolific_address(batch), join_address(batch, "NAME"), join_address(batch, reader)
    return BatchShown(batch, n_hits, progress, *(f"{settings.WORKER_ORIGIN}{address}" for address in addresses))


@staff_page("GET")
def results(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    filter_name = request.GET.get("show", "all")
    if filter_name not in FILTERS:
        raise Http404
    page, images = page_of_results(dataset, filter_name, request.GET.get("page", "1"))
    counts = filter_counts(dataset)
    filters = [(key, title, counts[key], f"?{urlencode({'show': key})}") for key, (title, _) in FILTERS.items()]
    context = {
        "dataset": dataset,
        "settings": current_settings(dataset),
        "summary": annotation_summary(dataset),
        "splits": split_counts(dataset),
        "counts": counts,
        "filters": filters,
        "filter_name": filter_name,
        "page": page,
        "images": images,
    }
    return render(request, "dashboard/overview/dataset.html", context)


@staff_page("GET")
def image(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(Image.objects.select_related("dataset"), public_id=public_id)
    [result] = results_of(row.dataset, [row.pk])
    return render(request, "dashboard/overview/image.html", {"dataset": row.dataset, "result": result})
