"""The overview pages: datasets with the progress of their batches, and results."""

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from access.models import Role
from access.permissions.reads import (
    OF_A_STUDY,
    PERMISSIONS,
    May,
    is_administrator,
    role_in,
    roles_by_study,
    studies_with,
)
from aggregation.reads import annotation_summary, split_counts
from catalog.models import Dataset, Image
from catalog.pages import picture_response
from catalog.reads import current_settings
from dashboard.agreement.images import cards_of
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
from dashboard.pages import dataset_or_404, permissions, staff_file, staff_page
from dashboard.subjects import study_of_image
from jobs.reads import simulations_under_way
from review_task.models import Review
from review_task.reads import open_reviews
from studies.demo.actions import is_demo
from workforce.models import Batch
from workforce.pages import join_address, prolific_address
from workforce.simulated.reads import Simulated, simulated_answers

SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True)
class BatchShown:
    """A batch with its progress, and its addresses, which are empty where nobody can join, or the reader runs none.

    Prolific's participants get `prolific_url`, other participants `participant_url`, and the reader of the page
    `reader_url`. `may` are the reader's permissions in the study.
    """

    batch: Batch
    n_hits: int
    progress: Progress
    may: frozenset[May]
    prolific_url: str = ""
    participant_url: str = ""
    reader_url: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether people can join it on links."""
        return self.batch.marketplace == Batch.Marketplace.LINK and self.batch.closed_at is None

    @property
    def is_published(self) -> bool:
        """Tell whether the marketplace assigns its work."""
        return self.batch.marketplace == Batch.Marketplace.MTURK and self.batch.closed_at is None

    @property
    def is_for_members(self) -> bool:
        """Tell whether members of the study work on it, signed in: nobody can join it."""
        return self.batch.marketplace == Batch.Marketplace.ACCOUNTS


@dataclass(frozen=True)
class DatasetShown:
    """A dataset with its batches: open on links, on the marketplace (`published`), to members, and closed or replayed.

    `reviews` are the open ones in which the reader may take part.
    `role` is the reader's role, None for site administrators, and `may` the reader's permissions in the study.
    """

    dataset: Dataset
    role: Role | None
    may: frozenset[May]
    open: list[BatchShown]
    published: list[BatchShown]
    of_members: list[BatchShown]
    past: list[BatchShown]
    reviews: list[Review] = field(default_factory=list)
    simulated: Simulated = Simulated(0, 0)
    # Whether simulated people are at work now.
    is_living: bool = False

    @property
    def may_simulate(self) -> bool:
        """Tell whether the reader may let simulated people fill it: the demo study, once it is open."""
        return May.OPEN_BATCHES in self.may and bool(self.open) and not self.simulated and is_demo(self.dataset)


@staff_page("GET", may=May.LIST_STUDIES)
def datasets(request: HttpRequest) -> HttpResponse:
    progress, n_hits, roles = progress_of_batches(), hits_of_batches(), roles_by_study(request.user)
    simulated, living = simulated_answers(), simulations_under_way()
    of_administrators = OF_A_STUDY if is_administrator(request.user) else frozenset()
    rows = []
    for dataset in datasets_with_batches(studies_with(request.user, May.SEE_STUDY)):
        role = roles.get(dataset.pk)
        may = PERMISSIONS[role] if role else of_administrators
        batches = dataset.batches.all() if May.SEE_RESULTS in may else []
        items = [
            batch_shown(batch, n_hits.get(batch.pk, 0), progress.get(batch.pk, Progress()), request, may)
            for batch in batches
        ]
        people = simulated.get(dataset.pk, Simulated(0, 0))
        rows.append(
            DatasetShown(dataset, role, may, **by_state(items), simulated=people, is_living=dataset.pk in living)
        )
    return render(request, "dashboard/overview/datasets.html", {"datasets": with_reviews(rows)})


def with_reviews(rows: list[DatasetShown]) -> list[DatasetShown]:
    """Return datasets with the open reviews in which the reader may take part."""
    reviews = open_reviews(row.dataset.pk for row in rows if May.REVIEW in row.may)
    return [replace(row, reviews=reviews.get(row.dataset.pk, [])) for row in rows]


def by_state(items: list[BatchShown]) -> dict[str, Any]:
    """Return the batches that are open on links, on the marketplace, and to members of the study, and the others."""
    states = {
        "open": [item for item in items if item.is_open],
        "published": [item for item in items if item.is_published],
        "of_members": [item for item in items if item.is_for_members and item.batch.closed_at is None],
    }
    elsewhere = [item.batch.pk for state in states.values() for item in state]
    return states | {"past": [item for item in items if item.batch.pk not in elsewhere]}


def batch_shown(batch: Batch, n_hits: int, progress: Progress, request: HttpRequest, may: frozenset[May]) -> BatchShown:
    """Return a batch with its addresses, where the reader of the page has them to give away, or may work on it."""
    item = BatchShown(batch, n_hits, progress, may)
    if not item.is_open or May.OPEN_BATCHES not in may:
        return item
    reader = request.user.get_username()
    addresses = prolific_address(batch), join_address(batch, "NAME"), join_address(batch, reader)
    return BatchShown(batch, n_hits, progress, may, *(f"{settings.WORKER_ORIGIN}{address}" for address in addresses))


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def results(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    if May.SEE_RESULTS not in permissions(request):
        role = role_in(request.user, dataset)
        reviews = open_reviews([dataset.pk])[dataset.pk] if May.REVIEW in permissions(request) else []
        front = {"dataset": dataset, "role": role and role.label, "reviews": reviews}
        return render(request, "dashboard/overview/front.html", front)
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


@staff_page("GET", may=May.SEE_RESULTS, of=study_of_image)
def image(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(Image.objects.select_related("dataset"), public_id=public_id)
    [result] = results_of(row.dataset, [row.pk])
    context = {"dataset": row.dataset, "result": result, "cards": cards_of([row.pk], None)}
    return render(request, "dashboard/overview/image.html", context)


@staff_file(may=May.SEE_RESULTS, of=study_of_image)
def photograph(request: HttpRequest, public_id: str) -> FileResponse:
    """Return a picture to people with a role that sees results; workers get it at an address of their lease."""
    row = get_object_or_404(Image.objects.only("display"), public_id=public_id)
    return picture_response(row.display, SECONDS_OF_A_DAY)
