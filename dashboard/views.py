"""The researcher's pages: what there is, how far it is, and what came out."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from aggregation.reads import annotation_summary, split_counts
from catalog.models import Image
from catalog.reads import UnknownDataset, current_settings, dataset_named
from dashboard.reads import (
    FILTERS,
    Progress,
    datasets_with_batches,
    filter_counts,
    page_of_results,
    progress_of_batches,
    results_of,
)
from workforce.models import Batch


@dataclass(frozen=True)
class BatchShown:
    """A batch with its progress; `address` is empty where nobody can join."""

    batch: Batch
    progress: Progress
    address: str


@never_cache
@login_required
@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    progress = progress_of_batches()
    shown = [
        {"dataset": dataset, "batches": [_batch(batch, progress) for batch in dataset.batches.all()]}
        for dataset in datasets_with_batches()
    ]
    return render(request, "dashboard/datasets.html", {"datasets": shown})


def _batch(batch: Batch, progress: dict[int, Progress]) -> BatchShown:
    open_to_people = batch.marketplace == Batch.Marketplace.LINK and batch.closed_at is None
    path = reverse("join", args=[batch.public_id], urlconf="workforce.urls")
    # The rooms' own addresses are relative to the root of the worker origin.
    address = f"{settings.WORKER_ORIGIN}/{path.lstrip('/')}" if open_to_people else ""
    return BatchShown(batch, progress.get(batch.pk, Progress()), address)


@never_cache
@login_required
@require_safe
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
    return render(request, "dashboard/dataset.html", context)


@never_cache
@login_required
@require_safe
def image(request: HttpRequest, public_id: str) -> HttpResponse:
    found = get_object_or_404(Image.objects.select_related("dataset"), public_id=public_id)
    [result] = results_of(found.dataset, [found.pk])
    return render(request, "dashboard/image.html", {"dataset": found.dataset, "result": result})
