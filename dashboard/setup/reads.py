"""Reads of the set-up pages: classifiers and their runs, potential labels, batches and their grids."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Prefetch, Q

from candidates.actions import STOPPED_BY
from candidates.models import PotentialLabel, Run
from candidates.reads import (
    CountedRun,
    NoPredictions,
    distribution,
    ensemble_of,
    n_unpredicted,
    potential_labels_of,
    runs_of,
    startable,
)
from catalog.models import Classifier, Dataset, Image, Prediction, SettingsVersion
from contains_task.models import Grid, GridCell, Role
from numerics.composition import PROFILES
from studies.composed_grids.actions import OWN
from workforce.models import Batch

IMAGES_PER_PAGE = 24
RUNS_SHOWN = 20
REASONS_SHOWN = 20
GRIDS_PER_PAGE = 3


# Classifiers


@dataclass(frozen=True)
class ClassifierShown:
    """A classifier with its progress. `counts`: its predictions become potential labels."""

    classifier: Classifier
    n_predicted: int
    counts: bool


@dataclass(frozen=True)
class RunShown:
    """A run of a classifier. `reasons` lists the first images that it could not predict."""

    run: CountedRun
    reasons: list[Any]

    @property
    def stopped(self) -> bool:
        """Tell whether a person stopped the run, rather than an error."""
        return self.run.problem.startswith(STOPPED_BY)

    @property
    def percent(self) -> float:
        return 100 * self.run.n_done / self.run.n_images if self.run.n_images else 0.0


def classifiers_of(dataset: Dataset, settings: SettingsVersion) -> list[ClassifierShown]:
    """Return the classifiers with predictions or runs of the dataset, by name."""
    counts = Prediction.objects.filter(image__dataset=dataset).values_list("classifier").annotate(n=Count("id"))
    n_predicted = dict(counts.order_by())
    runs = Run.objects.filter(dataset=dataset, classifier=OuterRef("pk"))
    classifiers = Classifier.objects.filter(Q(pk__in=n_predicted) | Exists(runs), label_set=dataset.label_set_id)
    return [
        ClassifierShown(row, n_predicted.get(row.pk, 0), not settings.classifiers or row.name in settings.classifiers)
        for row in classifiers.order_by("name")
    ]


def latest_runs(dataset: Dataset) -> list[RunShown]:
    """Return the latest runs over the dataset, the newest first."""
    runs = list(runs_of(dataset)[:RUNS_SHOWN])
    return [RunShown(run, _reasons(run) if run.n_unpredicted else []) for run in runs]


def _reasons(run: Run) -> list[Any]:
    return list(run.unpredicted.select_related("image").order_by("id")[:REASONS_SHOWN])


# Potential labels


@dataclass(frozen=True)
class PotentialSummary:
    """A summary of the potential labels of a dataset.

    Attributes:
        counts: number of images with 0, 1, 2, ... potential labels.
        missing: (name, number of images not predicted, whether a run can be started) of each incomplete classifier.
        problem: reason why there is no ensemble, or empty.
    """

    counts: list[int]
    n_labels: int
    mean: float
    ensemble: list[Classifier]
    missing: list[tuple[str, int, bool]]
    problem: str = ""


def potential_summary(dataset: Dataset, settings: SettingsVersion) -> PotentialSummary:
    """Return the summary under these settings."""
    counts = distribution(dataset)
    n_labels = int((counts * np.arange(counts.size)).sum())
    figures = counts.tolist(), n_labels, n_labels / max(1, int(counts.sum()))
    try:
        ensemble = ensemble_of(dataset, settings)
    except NoPredictions as error:
        return PotentialSummary(*figures, [], [], error.for_page)
    can_start = startable(ensemble)
    missing = [(name, n, name in can_start) for name, n in n_unpredicted(dataset, ensemble).items()]
    return PotentialSummary(*figures, ensemble, missing)


@dataclass(frozen=True)
class LabelShown:
    """A potential label with its rank by each classifier of the page, None where the classifier does not name it."""

    potential_label: PotentialLabel
    ranks: list[int | None]


@dataclass(frozen=True)
class ImageShown:
    """An image with its potential labels."""

    image: Image
    labels: list[LabelShown]


def page_of_potential_labels(dataset: Dataset, number: str) -> "tuple[Page[Image], list[str], list[ImageShown]]":
    """Return one page of a dataset's images in the order of import, with the classifiers that name their labels.

    A number without a page gives the nearest page.
    """
    page = Paginator(dataset.images.order_by("id"), IMAGES_PER_PAGE).get_page(number)
    labels: dict[int, list[PotentialLabel]] = defaultdict(list)
    for row in potential_labels_of(dataset).filter(image__in=[image.pk for image in page]):
        labels[row.image_id].append(row)
    names = sorted({source["classifier"] for rows in labels.values() for row in rows for source in row.sources})
    return page, names, [ImageShown(image, _labels_shown(labels[image.pk], names)) for image in page]


def _labels_shown(rows: list[PotentialLabel], names: list[str]) -> list[LabelShown]:
    ranks = [{source["classifier"]: source["rank"] for source in row.sources} for row in rows]
    shown = [LabelShown(row, [rank.get(name) for name in names]) for row, rank in zip(rows, ranks, strict=True)]
    return sorted(shown, key=_surest_first)


def _surest_first(shown: LabelShown) -> tuple[Any, ...]:
    ranks = sorted(rank for rank in shown.ranks if rank)
    return not shown.potential_label.is_dataset_label, -len(ranks), ranks, shown.potential_label.label.index


# Grids


@dataclass(frozen=True)
class WouldOpen:
    """The work of opening all remaining potential labels under the control images of a profile."""

    profile: str
    n_grids: int
    n_answers: int


def would_open(dataset: Dataset, settings: SettingsVersion) -> tuple[int, list[WouldOpen]]:
    """Return the number of potential labels without a grid, and the work of opening them under each profile."""
    cells = GridCell.objects.filter(
        image=OuterRef("image"),
        grid__label=OuterRef("label"),
        role=Role.QUESTION,
        grid__hit__batch__marketplace=Batch.Marketplace.LINK,
    )
    new = PotentialLabel.objects.filter(~Exists(cells), image__dataset=dataset).exclude(image__original="")
    n_of_labels = list(new.values_list("label").annotate(n=Count("id")).values_list("n", flat=True).order_by())
    n_controls = {name: profile.n_positive + profile.n_negative for name, profile in PROFILES.items()}
    n_controls[OWN] = settings.positive_controls + settings.negative_controls
    estimates = []
    for name, n in n_controls.items():
        room = settings.images_per_grid - n
        if room > 0:
            n_grids = sum(-(-n_pairs // room) for n_pairs in n_of_labels)
            estimates.append(WouldOpen(name, n_grids, n_grids * settings.contains_answers))
    return sum(n_of_labels), estimates


def page_of_grids(batch: Batch, number: str) -> "tuple[Page[Grid], list[Grid]]":
    """Return a few grids of a batch, with their cells, in the order in which they are assigned."""
    cells = GridCell.objects.select_related("image__dataset").order_by("position")
    grids = Grid.objects.filter(hit__batch=batch).select_related("label", "hit").order_by("hit_id")
    page = Paginator(grids.prefetch_related(Prefetch("cells", cells)), GRIDS_PER_PAGE).get_page(number)
    return page, list(page.object_list)
