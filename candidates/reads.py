"""Queries on runs, predictions and potential labels, for workers, commands, pages and files."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from numpy.typing import NDArray

from candidates.models import Portion, PotentialLabel, Run, Unpredicted
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Image, Label, Prediction, SettingsVersion
from catalog.reads import name_cells
from numerics import potential


class RunCounts(TypedDict):
    """The counts that `runs_of` adds to each run, in images."""

    n_images: int
    n_done: int
    n_unpredicted: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    CountedRun = WithAnnotations[Run, RunCounts]
else:
    CountedRun = Run


class NoPredictions(UserError):
    """An error: a classifier of the settings has no predictions for the dataset; the message has the way out."""


# Runs


def portions_to_do() -> QuerySet[Portion]:
    """Return the portions that a worker may claim, in the order of the runs; within a run the least started first."""
    return Portion.objects.filter(done_at=None, run__problem="").order_by("run_id", "beginnings", "id")


def runs_to_do() -> QuerySet[Run]:
    """Return the runs that need workers."""
    return Run.objects.filter(finished_at=None, problem="")


def runs_at_their_end() -> QuerySet[Run]:
    """Return the unfinished runs without a portion left."""
    to_do = Portion.objects.filter(run=OuterRef("pk"), done_at=None)
    return Run.objects.filter(~Exists(to_do), finished_at=None).order_by("pk")


def images_without(dataset: Dataset, classifier: Classifier) -> QuerySet[Image]:
    """Return the images that this classifier has not predicted, by id."""
    predicted = Prediction.objects.filter(image=OuterRef("pk"), classifier=classifier)
    return Image.objects.filter(~Exists(predicted), dataset=dataset).order_by("pk")


def progress_of(runs: Collection[Run]) -> tuple[int, int]:
    """Return how many images of these runs are done, and how many they have."""
    sums = Portion.objects.filter(run__in=runs).aggregate(
        done=Sum("n_images", filter=Q(done_at__isnull=False)), total=Sum("n_images")
    )
    return sums["done"] or 0, sums["total"] or 0


def runs_of(dataset: Dataset) -> QuerySet[CountedRun]:
    """Return the runs of a dataset, the latest first, with n_images, n_done and n_unpredicted."""
    # A join with these beside the portions would count each once per portion.
    unpredicted = Unpredicted.objects.filter(run=OuterRef("pk")).order_by().values("run").annotate(n=Count("id"))
    return (
        Run.objects.filter(dataset=dataset)
        .select_related("classifier")
        .annotate(
            n_images=Sum("portions__n_images", default=0),
            n_done=Sum("portions__n_images", filter=Q(portions__done_at__isnull=False), default=0),
            n_unpredicted=Coalesce(Subquery(unpredicted.values("n")), 0),
        )
        .order_by("-pk")
    )


# Predictions


def predictions_of(dataset: Dataset) -> QuerySet[Prediction]:
    return Prediction.objects.filter(image__dataset=dataset).select_related("image", "classifier").order_by("id")


def prediction_row(prediction: Prediction, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of predictions; with `labels` (by index) their names are added."""
    classifier = prediction.classifier
    row = {
        "image": prediction.image.name,
        "classifier": classifier.name,
        "network": classifier.network,
        "view": classifier.view,
        "weights": classifier.weights,
        "labels": prediction.labels,
        "scores": prediction.scores,
    }
    if labels is None:
        return row
    return row | {
        "labels_wnid": [labels[index].wnid for index in prediction.labels],
        "labels_words": [labels[index].words for index in prediction.labels],
    }


def ensemble_of(dataset: Dataset, settings: SettingsVersion) -> list[Classifier]:
    """Return the classifiers whose predictions count, by name: those of the settings, or all with predictions.

    Raises NoPredictions when a classifier of the settings has none, or when there are none at all.
    """
    predicted = Prediction.objects.filter(image__dataset=dataset, classifier=OuterRef("pk"))
    by_name = {
        classifier.name: classifier
        for classifier in Classifier.objects.filter(Exists(predicted), label_set=dataset.label_set).order_by("name")
    }
    names = settings.classifiers or list(by_name)
    idle = [name for name in names if name not in by_name]
    if idle or not names:
        message = (
            gettext("Dataset “%(dataset)s” has no predictions by: %(classifiers)s.")
            if idle
            else gettext("Dataset “%(dataset)s” has no predictions yet.")
        )
        way_out = gettext(
            "Run ./manage predict --dataset %(dataset)s, or import a file with ./manage import predictions."
        )
        raise NoPredictions(
            message % {"dataset": dataset, "classifiers": ", ".join(idle)},
            shell=way_out % {"dataset": dataset},
            page=gettext("Run the classifiers or import their predictions under Classifiers."),
        )
    return [by_name[name] for name in dict.fromkeys(names)]


def n_unpredicted(dataset: Dataset, classifiers: Collection[Classifier]) -> dict[str, int]:
    """Return, by classifier name, how many images of the dataset it has not predicted, unless it predicted all."""
    n_images = dataset.images.count()
    counts = Prediction.objects.filter(image__dataset=dataset, classifier__in=classifiers).values_list("classifier")
    n_predicted = dict(counts.annotate(n=Count("id")).order_by("classifier"))
    gaps = {classifier.name: n_images - n_predicted.get(classifier.pk, 0) for classifier in classifiers}
    return {name: n for name, n in gaps.items() if n}


def startable(classifiers: Collection[Classifier]) -> set[str]:
    """Return the names of the classifiers that ran on this site; predictions of all others came as files."""
    return set(Run.objects.filter(classifier__in=classifiers).values_list("classifier__name", flat=True))


# Potential labels


def potential_labels_of(dataset: Dataset) -> QuerySet[PotentialLabel]:
    return PotentialLabel.objects.filter(image__dataset=dataset).select_related("image", "label").order_by("id")


def potential_label_row(potential_label: PotentialLabel, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of potential labels; with `labels` (by index) their names are added."""
    row = {
        "image": potential_label.image.name,
        "label": potential_label.label.index,
        "is_dataset_label": potential_label.is_dataset_label,
        "sources": potential_label.sources,
    }
    return row if labels is None else row | name_cells("label", row["label"], labels)


def distribution(dataset: Dataset) -> NDArray[np.int64]:
    """Return how many images of the dataset have 0, 1, 2, ... potential labels; empty without images."""
    counts = dataset.images.annotate(n=Count("potential_labels")).values_list("n", flat=True)
    return potential.distribution(np.fromiter(counts.order_by("pk"), np.int64))
