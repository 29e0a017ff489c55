"""Starts of classifiers over the images of a dataset."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from django.db import transaction
from django.utils.translation import gettext
from kombu.exceptions import OperationalError

from candidates.actions import ensure_classifier, open_run
from candidates.classifiers.interface import Classifier as Network
from candidates.ensemble.reads import installed, named
from candidates.models import Run
from candidates.reads import portions_to_do
from candidates.tasks import predict_portion
from catalog.errors import UserError
from catalog.models import Dataset, LabelSet
from catalog.reads import current_settings

# Further workers are woken one by one, by the beat.
MOST_HINTS = 32


def requested_classifiers(dataset: Dataset, names: Iterable[str]) -> list[str]:
    """Return these names; without any, those of the dataset's settings, or else all installed networks."""
    requested = list(dict.fromkeys(names)) or current_settings(dataset).classifiers or installed()
    if not requested:
        raise UserError(
            gettext("No network is installed."),
            shell=gettext("Name a classifier, such as --classifier onnx:/models/mine.onnx."),
            page=gettext("Name a classifier, such as onnx:FILE in the models folder."),
        )
    return requested


def open_runs(*, dataset: Dataset, names: Iterable[str]) -> dict[str, Run | None]:
    """Open a run for each classifier, None where every image has its prediction; all or, on an error, none.

    Raises ClassifierError, OtherWeights, or UserError when a classifier's classes are not the dataset's.
    """
    networks = [_Description.of(named(_absolute(name))) for name in names]
    with transaction.atomic():
        return {network.name: _open(dataset, network) for network in networks}


@dataclass(frozen=True)
class _Description:
    """The facts of a network that a run needs. The network itself takes a hundred megabytes or more, and is freed."""

    name: str
    network: str
    view: str
    weights: str
    input_size: int
    n_classes: int

    @classmethod
    def of(cls, network: Network) -> Self:
        return cls(**{field.name: getattr(network, field.name) for field in fields(cls)})


def hint() -> None:
    """Wake the workers; the beat wakes those that the hint does not reach, as when the broker does not answer."""
    with suppress(OperationalError):
        for _ in range(min(MOST_HINTS, portions_to_do().count())):
            predict_portion.delay()


def _absolute(name: str) -> str:
    """Return the name with an absolute path: workers have another working directory."""
    family, _, path = name.partition(":")
    return f"onnx:{Path(path).absolute()}" if family == "onnx" and path else name


def _open(dataset: Dataset, network: _Description) -> Run | None:
    _check_classes(dataset.label_set, network.name, network.n_classes)
    classifier = ensure_classifier(
        label_set=dataset.label_set,
        name=network.name,
        network=network.network,
        view=network.view,
        weights=network.weights,
        input_size=network.input_size,
    )
    return open_run(dataset=dataset, classifier=classifier, n_classes=network.n_classes)


def _check_classes(label_set: LabelSet, name: str, n_classes: int) -> None:
    indexes = set(label_set.labels.values_list("index", flat=True))
    if indexes != set(range(n_classes)):
        message = gettext(
            "%(name)s gives scores for %(n_classes)s classes, but the label set %(label_set)s has %(n_labels)s: choose "
            "a classifier trained on these classes."
        )
        values = {"name": name, "n_classes": f"{n_classes:,}", "label_set": label_set, "n_labels": f"{len(indexes):,}"}
        raise UserError(message % values)
