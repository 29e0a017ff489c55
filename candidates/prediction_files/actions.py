"""Predictions that were computed elsewhere, in."""

from itertools import islice

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from candidates.actions import ensure_classifier, store_predictions
from candidates.classifiers import predictions_file
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Prediction
from csv_files.cells import unguarded
from csv_files.tables import InputFile

NAMES_SHOWN = 5


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
