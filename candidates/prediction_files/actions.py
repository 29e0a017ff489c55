"""Import of predictions that were computed elsewhere."""

from itertools import islice

import numpy as np
from django.db import transaction
from django.utils.translation import ngettext
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
    """Import a file of predictions, all or nothing. Returns how many were added and how many existed already.

    Raises BadPredictions, OtherWeights, or UserError: an image or label that is not the dataset's.
    """
    indexes = set(dataset.label_set.labels.values_list("index", flat=True))
    table = predictions_file.read(file, n_classes=max(indexes, default=-1) + 1, most_bytes=most_bytes)
    _check_labels(dataset, file, np.setdiff1d(table.labels, list(indexes)))
    ids = _ids_of(dataset, file, table.images)
    scores = [[]] * len(ids) if table.scores is None else table.scores.tolist()
    with transaction.atomic():
        row = ensure_classifier(
            label_set=dataset.label_set, name=classifier, network=network, view=view, weights=weights.lower()
        )
        n_before = _n_predictions(dataset, row)
        store_predictions(classifier=row, predictions=zip(ids, table.labels.tolist(), scores, strict=True))
        n_added = _n_predictions(dataset, row) - n_before
    return n_added, len(ids) - n_added


def _check_labels(dataset: Dataset, file: InputFile, unknown: NDArray[np.integer]) -> None:
    if len(unknown):
        message = ngettext(
            "%(file)s: %(n)s label is not a class index of %(label_set)s (%(labels)s), whose indexes have gaps. "
            "Nothing was imported.",
            "%(file)s: %(n)s labels are not class indexes of %(label_set)s (%(labels)s), whose indexes have gaps. "
            "Nothing was imported.",
            len(unknown),
        )
        first = ", ".join(map(str, unknown[:NAMES_SHOWN].tolist()))
        values = {"file": file, "n": f"{len(unknown):,}", "label_set": dataset.label_set, "labels": first}
        raise UserError(message % values)


def _n_predictions(dataset: Dataset, classifier: Classifier) -> int:
    return Prediction.objects.filter(image__dataset=dataset, classifier=classifier).count()


def _ids_of(dataset: Dataset, file: InputFile, names: list[str]) -> list[int]:
    existing = dict(dataset.images.values_list("name", "pk"))
    # A file made from an export has the export's apostrophe before a name that a spreadsheet would compute.
    ids = [existing.get(name) or existing.get(unguarded(name)) for name in names]
    unknown = [name for name, pk in zip(names, ids, strict=True) if pk is None]
    if unknown:
        message = ngettext(
            "%(file)s: %(n)s image is not in dataset %(dataset)s (%(names)s): use the name of the import. Nothing was "
            "imported.",
            "%(file)s: %(n)s images are not in dataset %(dataset)s (%(names)s): use the names of the import. Nothing "
            "was imported.",
            len(unknown),
        )
        first = ", ".join(map(repr, islice(unknown, NAMES_SHOWN)))
        values = {"file": file, "n": f"{len(unknown):,}", "dataset": dataset, "names": first}
        raise UserError(message % values)
    return [pk for pk in ids if pk is not None]
