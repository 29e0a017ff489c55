"""What is known of runs, predictions and potential labels, for workers, commands, pages and files."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from numpy.typing import NDArray

from candidates.models import Portion, PotentialLabel, Run, Unpredicted
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Image, Label, Prediction, SettingsVersion
from catalog.reads import name_cells
from numerics import potential


class RunCounts(TypedDict):
    """What `runs_of` counts of each run, in images."""

    n_images: int
    n_done: int
    n_unpredicted: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    CountedRun = WithAnnotations[Run, RunCounts]
else:
    CountedRun = Run


class NoPredictions(UserError):
    """A classifier that the settings name has predicted nothing here; the message says what to do."""


# Runs


def portions_to_do() -> QuerySet[Portion]:
    """What a worker may claim, in the order of the runs; of a run first what was begun least often."""
    return Portion.objects.filter(done_at=None, run__problem="").order_by("run_id", "beginnings", "id")


def runs_to_do() -> QuerySet[Run]:
    """The runs that workers are wanted for."""
    return Run.objects.filter(finished_at=None, problem="")


def runs_at_their_end() -> QuerySet[Run]:
    """The runs of which nothing is left to do, and nobody has said so yet."""
    to_do = Portion.objects.filter(run=OuterRef("pk"), done_at=None)
    return Run.objects.filter(~Exists(to_do), finished_at=None).order_by("pk")


def images_without(dataset: Dataset, classifier: Classifier) -> QuerySet[Image]:
    """The images that this classifier has not predicted, by id."""
    predicted = Prediction.objects.filter(image=OuterRef("pk"), classifier=classifier)
    return Image.objects.filter(~Exists(predicted), dataset=dataset).order_by("pk")


def progress_of(runs: Collection[Run]) -> tuple[int, int]:
    """How many images of these runs are behind us, and how many there are."""
    found = Portion.objects.filter(run__in=runs).aggregate(
        done=Sum("n_images", filter=Q(done_at__isnull=False)), total=Sum("n_images")
    )
    return found["done"] or 0, found["total"] or 0


def runs_of(dataset: Dataset) -> QuerySet[CountedRun]:
    """The runs of a dataset, the latest first, with n_images, n_done and n_unpredicted."""
    # Beside the portions, a join with these would count each as often as there are portions.
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
    """A row of the file of predictions; with `labels` (by index) their names are added."""
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
    """The classifiers whose predictions count, by name: those of the settings, or all that predicted.

    Raises NoPredictions when the settings name some that have predicted nothing here, or there is none at all.
    """
    predicted = Prediction.objects.filter(image__dataset=dataset, classifier=OuterRef("pk"))
    found = {
        one.name: one
        for one in Classifier.objects.filter(Exists(predicted), label_set=dataset.label_set).order_by("name")
    }
    names = settings.classifiers or list(found)
    missing = [name for name in names if name not in found]
    if missing or not names:
        raise NoPredictions(
            f"Dataset {dataset} has no predictions of {', '.join(missing) or 'any classifier'}.",
            shell=f"./manage predict --dataset {dataset} makes them, ./manage import predictions takes a file of them.",
            page="The page Classifiers makes them, or takes a file of them.",
        )
    return [found[name] for name in dict.fromkeys(names)]


def n_unpredicted(dataset: Dataset, classifiers: Collection[Classifier]) -> dict[str, int]:
    """For each classifier's name, how many images of the dataset it has not predicted, where there are any."""
    n_images = dataset.images.count()
    counts = Prediction.objects.filter(image__dataset=dataset, classifier__in=classifiers).values_list("classifier")
    found = dict(counts.annotate(n=Count("id")).order_by("classifier"))
    missing = {one.name: n_images - found.get(one.pk, 0) for one in classifiers}
    return {name: n for name, n in missing.items() if n}


def startable(classifiers: Collection[Classifier]) -> set[str]:
    """The names of those that were once run on this site; the others' predictions came as files."""
    return set(Run.objects.filter(classifier__in=classifiers).values_list("classifier__name", flat=True))


# Potential labels


def potential_labels_of(dataset: Dataset) -> QuerySet[PotentialLabel]:
    return PotentialLabel.objects.filter(image__dataset=dataset).select_related("image", "label").order_by("id")


def potential_label_row(found: PotentialLabel, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """A row of the file of potential labels; with `labels` (by index) their names are added."""
    row = {
        "image": found.image.name,
        "label": found.label.index,
        "is_dataset_label": found.is_dataset_label,
        "sources": found.sources,
    }
    return row if labels is None else row | name_cells("label", row["label"], labels)


def distribution(dataset: Dataset) -> NDArray[np.int64]:
    """How many images of the dataset have 0, 1, 2, ... potential labels; empty without images."""
    counts = dataset.images.annotate(n=Count("potential_labels")).values_list("n", flat=True)
    return potential.distribution(np.fromiter(counts.order_by("pk"), np.int64))
