"""Export of predictions, as a file that the import reads."""

from pathlib import Path

import numpy as np
from django.utils.translation import gettext

from candidates.classifiers import predictions_file

# Pages import it from here.
from candidates.classifiers.predictions_file import SUFFIXES as SUFFIXES
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Prediction


def export_predictions(*, dataset: Dataset, classifier: str, file: Path) -> int:
    """Write one classifier's predictions as import_predictions reads them (.npz, .csv or .parquet). Returns how many.

    Raises UserError when there are none, BadPredictions when the file has another suffix.
    """
    rows = Prediction.objects.filter(image__dataset=dataset, classifier__name=classifier).order_by("image__name")
    stored = list(rows.values_list("image__name", "labels", "scores"))
    if not stored:
        names = Classifier.objects.filter(predictions__image__dataset=dataset).distinct().values_list("name", flat=True)
        message = gettext(
            "Dataset %(dataset)s has no predictions of %(classifier)r. Classifiers with predictions: %(names)s."
        )
        values = {"dataset": dataset, "classifier": classifier, "names": ", ".join(names) or gettext("none")}
        raise UserError(message % values)
    # A table has one width: that of the shortest list.
    k = min(len(labels) for _, labels, _ in stored)
    labels = np.array([labels[:k] for _, labels, _ in stored], np.int32)
    with_scores = all(scores for _, _, scores in stored)
    scores = np.array([scores[:k] for _, _, scores in stored], np.float32) if with_scores else None
    predictions_file.write(file, predictions_file.Predictions([name for name, _, _ in stored], labels, scores))
    return len(stored)
