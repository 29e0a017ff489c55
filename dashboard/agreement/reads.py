"""Figures of the page Agreement: alpha by batch and class, the matrix of workers, labels taken for each other."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from aggregation.agreement.reads import contradictions_of, shared_answers_of
from aggregation.models import Alpha, Contradiction, SharedAnswers
from catalog.models import Dataset
from workforce.models import Submission
from workforce.reads import pseudonym

CLASSES_PER_PAGE = 25
CONFUSIONS_SHOWN = 25
WORKERS_SHOWN = 20
# The scale of the drawn intervals; below its beginning nothing tells how far.
LEAST_DRAWN = -0.2
# Steps of kappa that the matrix shades.
SHADES = 5


@dataclass(frozen=True)
class AlphaShown:
    """Alpha of a scope with its place on the drawn scale, in percent, and the address of its images."""

    row: Alpha
    name: str
    address: str

    @property
    def place(self) -> float | None:
        return _percent(self.row.value)

    @property
    def start(self) -> float | None:
        return _percent(self.row.low)

    @property
    def length(self) -> float:
        low, high = _percent(self.row.low), _percent(self.row.high)
        return 0.0 if low is None or high is None else high - low


def _percent(value: float | None) -> float | None:
    """Return a place on the drawn scale.

    >>> _percent(1.0), _percent(-0.5), round(_percent(0.4) or 0), _percent(None)
    (100.0, 0.0, 50, None)
    """
    return None if value is None else 100 * (max(value, LEAST_DRAWN) - LEAST_DRAWN) / (1 - LEAST_DRAWN)


def whole_study(dataset: Dataset) -> list[AlphaShown]:
    """Return alpha of the whole study and of each batch."""
    rows = Alpha.objects.filter(dataset=dataset, label=None).select_related("batch")
    return [_of_batch(dataset, row) for row in rows.order_by(F("batch").asc(nulls_first=True), "-answers")]


def _of_batch(dataset: Dataset, row: Alpha) -> AlphaShown:
    if row.batch_id is None:
        return AlphaShown(row, gettext("The whole study"), images_address(dataset, "unsure"))
    name = gettext("Batch %(number)s") % {"number": row.batch_id}
    return AlphaShown(row, name, images_address(dataset, "batch", batch=row.batch_id))


def images_address(dataset: Dataset, of: str, **values: int) -> str:
    """Return the address of the images behind a figure."""
    address = reverse("agreement-images", args=[of, dataset.name])
    return f"{address}?{urlencode(values)}" if values else address


def page_of_classes(dataset: Dataset, number: str) -> "tuple[Page[Any], list[AlphaShown]]":
    """Return a page of the classes' alphas of yes against the other answers, the lowest first, and its rows.

    Classes with too few photographs for an interval come last: by chance, the lowest of all would be among them.
    """
    rows = Alpha.objects.filter(dataset=dataset, label__isnull=False, answers=Alpha.Answers.YES)
    rows = rows.select_related("label").annotate(is_of_few=Q(low=None))
    rows = rows.order_by("is_of_few", F("value").asc(nulls_last=True), "label__index")
    page = Paginator(rows, CLASSES_PER_PAGE).get_page(number)
    labels = [(row, row.label) for row in page if row.label is not None]
    return page, [
        AlphaShown(row, label.name, images_address(dataset, "label", label=label.index)) for row, label in labels
    ]


@dataclass(frozen=True)
class Confusion:
    """Two labels that people take for each other, with the address of their images."""

    row: Contradiction
    address: str

    @property
    def percent(self) -> float:
        return 100 * self.row.expected / self.row.n_images

    @property
    def superclasses(self) -> str:
        """Return the kinds of things that the two are."""
        return " / ".join(dict.fromkeys(filter(None, (self.row.first.superclass, self.row.second.superclass))))


def confusions_shown(dataset: Dataset) -> list[Confusion]:
    rows = contradictions_of(dataset)[:CONFUSIONS_SHOWN]
    return [
        Confusion(row, images_address(dataset, "labels", first=row.first.index, second=row.second.index))
        for row in rows
    ]


@dataclass(frozen=True)
class MatrixCell:
    """The shared answers of two workers; `shade` is the step of kappa from 0, or "none" where it is not defined."""

    row: SharedAnswers
    shade: str
    address: str

    @property
    def percent(self) -> float:
        return 100 * self.row.n_same / self.row.n_both


@dataclass(frozen=True)
class Matrix:
    """The workers who share most pairs with others. Each row has a cell, or None, per worker."""

    workers: list[str]
    rows: list[tuple[str, list[MatrixCell | None]]]
    n_workers: int


def worker_matrix(dataset: Dataset) -> Matrix:
    """Return the matrix of the workers who share most pairs, in the order of what they share."""
    shared = _shared_by_worker(dataset)
    shown = [worker for worker, _ in shared.most_common(WORKERS_SHOWN)]
    names = {worker: pseudonym(dataset, worker) for worker in shown}
    cells = _cells(dataset, shared_answers_of(dataset).filter(first__in=shown, second__in=shown), names)
    rows = [(names[one], [cells.get((one, other)) for other in shown]) for one in shown]
    return Matrix([names[worker] for worker in shown], rows, len(shared))


def _shared_by_worker(dataset: Dataset) -> Counter[int]:
    """Count the pairs that each worker shares with others, those with several once for each of them."""
    shared: Counter[int] = Counter()
    for side in ("first_id", "second_id"):
        shared.update(dict(shared_answers_of(dataset).order_by().values_list(side).annotate(Sum("n_both"))))
    return shared


def _cells(
    dataset: Dataset, shared: "QuerySet[SharedAnswers]", names: dict[int, str]
) -> dict[tuple[int, int], MatrixCell]:
    cells = {}
    for row in shared:
        for one, other in ((row.first_id, row.second_id), (row.second_id, row.first_id)):
            address = reverse("agreement-workers", args=[names[one], names[other], dataset.name])
            cells[one, other] = MatrixCell(row, shade_of(row.kappa), address)
    return cells


def shade_of(kappa: float | None) -> str:
    """Return the step of kappa: 0 below chance, 1 to 5 from chance to the same answers.

    >>> [shade_of(kappa) for kappa in (None, -0.1, 0.0, 0.5, 1.0)]
    ['none', '0', '1', '3', '5']
    """
    if kappa is None:
        return "none"
    return "0" if kappa < 0 else str(min(SHADES, 1 + int(kappa * SHADES)))


def workers_by_pseudonym(dataset: Dataset) -> dict[str, int]:
    """Return the ids of the workers with submissions to the dataset, by pseudonym."""
    ids = Submission.objects.filter(hit__batch__dataset=dataset).order_by().values_list("worker_id", flat=True)
    return {pseudonym(dataset, worker): worker for worker in ids.distinct()}
