"""What commands and pages ask for about classifiers: runs over a dataset, and predictions from and to files."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from django.db import transaction
from kombu.exceptions import OperationalError
from numpy.typing import NDArray

from annotation_site.csv_cells import unguarded
from annotation_site.tables import InputFile
from candidates.actions import ensure_classifier, open_run, store_predictions
from candidates.classifiers import predictions_file
from candidates.classifiers.interface import Classifier as Network
from candidates.ensemble import installed, named
from candidates.models import Run
from candidates.reads import portions_to_do
from candidates.tasks import predict_portion
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, LabelSet, Prediction
from catalog.reads import current_settings

NAMES_SHOWN = 5
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


# Files


def import_predictions(
    *,
    dataset: Dataset,
    file: InputFile,
    classifier: str,
    network: str = "",
    view: str = "",
    weights: str = "",
    most_bytes: int = predictions_file.MOST_ARRAY_BYTES,
) -> tuple[int, int]:
    """Predictions computed elsewhere. Returns how many were added and how many were there already.

    All of a file or nothing. Raises BadPredictions, OtherWeights, or UserError: an image or label that is not the
    dataset's.
    """
    indexes = set(dataset.label_set.labels.values_list("index", flat=True))
    found = predictions_file.read(file, n_classes=max(indexes, default=-1) + 1, most_bytes=most_bytes)
    _check_labels(dataset, file, np.setdiff1d(found.labels, list(indexes)))
    ids = _ids_of(dataset, file, found.images)
    scores = [[]] * len(ids) if found.scores is None else found.scores.tolist()
    with transaction.atomic():
        row = ensure_classifier(
            label_set=dataset.label_set, name=classifier, network=network, view=view, weights=weights.lower()
        )
        before = _n_predictions(dataset, row)
        store_predictions(classifier=row, predictions=zip(ids, found.labels.tolist(), scores, strict=True))
        n_added = _n_predictions(dataset, row) - before
    return n_added, len(ids) - n_added


def _check_labels(dataset: Dataset, file: InputFile, others: NDArray[np.integer]) -> None:
    if len(others):
        shown = ", ".join(map(str, others[:NAMES_SHOWN].tolist()))
        raise UserError(
            f"{file}: {len(others):,} of its labels are no class indexes of {dataset.label_set} ({shown}), whose "
            "indexes have gaps: write its own. Nothing was imported."
        )


def _n_predictions(dataset: Dataset, classifier: Classifier) -> int:
    return Prediction.objects.filter(image__dataset=dataset, classifier=classifier).count()


def _ids_of(dataset: Dataset, file: InputFile, names: list[str]) -> list[int]:
    known = dict(dataset.images.values_list("name", "pk"))
    # A file made from an export has the export's apostrophe before a name that a spreadsheet would compute.
    found = [known.get(name) or known.get(unguarded(name)) for name in names]
    missing = [name for name, pk in zip(names, found, strict=True) if pk is None]
    if missing:
        shown = ", ".join(map(repr, islice(missing, NAMES_SHOWN)))
        raise UserError(
            f"{file}: {len(missing):,} of its images are not in dataset {dataset} ({shown}): write the names they were "
            f"imported under. Nothing was imported."
        )
    return [pk for pk in found if pk is not None]


def export_predictions(*, dataset: Dataset, classifier: str, file: Path) -> int:
    """Write one classifier's predictions as import_predictions reads them (.npz, .csv or .parquet). Returns how many.

    Raises UserError when there are none, BadPredictions when the file has another suffix.
    """
    rows = Prediction.objects.filter(image__dataset=dataset, classifier__name=classifier).order_by("image__name")
    found = list(rows.values_list("image__name", "labels", "scores"))
    if not found:
        names = Classifier.objects.filter(predictions__image__dataset=dataset).distinct().values_list("name", flat=True)
        raise UserError(
            f"Dataset {dataset} has no predictions of {classifier!r}. It has those of: {', '.join(names) or 'none'}."
        )
    # A table has one width: that of the shortest list.
    k = min(len(labels) for _, labels, _ in found)
    labels = np.array([labels[:k] for _, labels, _ in found], np.int32)
    with_scores = all(scores for _, _, scores in found)
    scores = np.array([scores[:k] for _, _, scores in found], np.float32) if with_scores else None
    predictions_file.write(file, predictions_file.Predictions([name for name, _, _ in found], labels, scores))
    return len(found)
