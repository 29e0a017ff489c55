"""The researcher's pages: what there is, how far it is, and what came out."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from aggregation.reads import annotation_summary, split_counts
from catalog.models import Dataset, Image
from catalog.reads import UnknownDataset, current_settings, dataset_named
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
from dashboard.pages import staff_page
from workforce.models import Batch
from workforce.pages import join_address, prolific_address


@dataclass(frozen=True)
class BatchShown:
    """A batch with its progress. The addresses are for whom Prolific sends, for a researcher's own people, and for
    the reader of the page; empty where nobody can join."""

    batch: Batch
    n_hits: int
    progress: Progress
    prolific: str = ""
    people: str = ""
    own: str = ""

    @property
    def is_published(self) -> bool:
        """Whether the marketplace hands it out."""
        return self.batch.marketplace == Batch.Marketplace.MTURK and self.batch.closed_at is None


@dataclass(frozen=True)
class DatasetShown:
    """`published` are open as well, on the marketplace; what is over hands out no more, or never did."""

    dataset: Dataset
    open: list[BatchShown]
    published: list[BatchShown]
    over: list[BatchShown]


@staff_page("GET")
def datasets(request: HttpRequest) -> HttpResponse:
    progress, n_hits = progress_of_batches(), hits_of_batches()
    shown = []
    for dataset in datasets_with_batches():
        batches = [
            batch_shown(batch, n_hits.get(batch.pk, 0), progress.get(batch.pk, Progress()), request.user.get_username())
            for batch in dataset.batches.all()
        ]
        takes_people = [item for item in batches if item.own]
        published = [item for item in batches if item.is_published]
        over = [item for item in batches if not item.own and not item.is_published]
        shown.append(DatasetShown(dataset, takes_people, published, over))
    return render(request, "dashboard/overview/datasets.html", {"datasets": shown})


def batch_shown(batch: Batch, n_hits: int, progress: Progress, reader: str) -> BatchShown:
    """`reader` is the name under which who reads the page may work on the batch."""
    if batch.marketplace != Batch.Marketplace.LINK or batch.closed_at is not None:
        return BatchShown(batch, n_hits, progress)
    addresses = prolific_address(batch), join_address(batch, "NAME"), join_address(batch, reader)
    return BatchShown(batch, n_hits, progress, *(f"{settings.WORKER_ORIGIN}{address}" for address in addresses))


@staff_page("GET")
def dataset(request: HttpRequest, name: str) -> HttpResponse:
    try:
        found = dataset_named(name)
    except UnknownDataset:
        raise Http404 from None
    chosen = request.GET.get("show", "all")
    if chosen not in FILTERS:
        raise Http404
    page, results = page_of_results(found, chosen, request.GET.get("page", "1"))
    counts = filter_counts(found)
    filters = [(key, words, counts[key], f"?{urlencode({'show': key})}") for key, (words, _) in FILTERS.items()]
    context = {
        "dataset": found,
        "settings": current_settings(found),
        "summary": annotation_summary(found),
        "splits": split_counts(found),
        "counts": counts,
        "filters": filters,
        "chosen": chosen,
        "page": page,
        "results": results,
    }
    return render(request, "dashboard/overview/dataset.html", context)


@staff_page("GET")
def image(request: HttpRequest, public_id: str) -> HttpResponse:
    found = get_object_or_404(Image.objects.select_related("dataset"), public_id=public_id)
    [result] = results_of(found.dataset, [found.pk])
    return render(request, "dashboard/overview/image.html", {"dataset": found.dataset, "result": result})
