"""Starting classifiers over the images of a dataset."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from django.db import transaction
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

# More workers than this are woken one by one, by the beat.
MOST_HINTS = 32


def wanted_classifiers(dataset: Dataset, names: Iterable[str]) -> list[str]:
    """These; if there are none those of the dataset's settings, or else all networks that are installed."""
    wanted = list(dict.fromkeys(names)) or current_settings(dataset).classifiers or installed()
    if not wanted:
        raise UserError(
            "No network is installed.",
            shell="Name a classifier, such as --classifier onnx:/models/mine.onnx.",
            page="Name a classifier, such as onnx:FILE in the models folder.",
        )
    return wanted


def open_runs(*, dataset: Dataset, names: Iterable[str]) -> dict[str, Run | None]:
    """A run for each classifier, None where every image is predicted already; all or, on an error, none.

    Raises ClassifierError, OtherWeights, or UserError when a classifier's classes are not the dataset's.
    """
    found = [_Found.of(named(_absolute(name))) for name in names]
    with transaction.atomic():
        return {one.name: _open(dataset, one) for one in found}


@dataclass(frozen=True)
class _Found:
    """What a run must know of a network. The network itself takes a hundred megabytes or more, and is let go."""

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
    """Wake the workers; those that hear nothing, as when the broker is away, are woken by the beat."""
    with suppress(OperationalError):
        for _ in range(min(MOST_HINTS, portions_to_do().count())):
            predict_portion.delay()


def _absolute(name: str) -> str:
    """Workers have another working directory."""
    family, _, path = name.partition(":")
    return f"onnx:{Path(path).absolute()}" if family == "onnx" and path else name


def _open(dataset: Dataset, network: _Found) -> Run | None:
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
        raise UserError(
            f"{name} gives scores for {n_classes:,} classes, but the label set {label_set} has {len(indexes):,}: "
            f"choose a classifier that was trained on these classes."
        )
