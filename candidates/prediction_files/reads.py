"""Predictions out, as a file that the import takes."""

from pathlib import Path

import numpy as np

from candidates.classifiers import predictions_file

# The pages have it from here.
from candidates.classifiers.predictions_file import SUFFIXES as SUFFIXES
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Prediction


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
