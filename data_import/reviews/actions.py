"""Reviews of predictions from a file, whose images need no image files."""

import csv
import io
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils.translation import gettext

from catalog.actions import load_staged_images
from catalog.errors import StagedConflict, UserError
from catalog.models import Dataset
from data_import.actions import dataset_for_import, label_set_for_import
from data_import.reviews.files import InputFile, PredictionRow, read_prediction_rows
from review_task.actions import Added, add_predictions, open_review
from review_task.models import Review

STAGED = "staged_prediction"


@transaction.atomic
def open_review_of_file(
    *,
    name: str,
    label_set: str | None,
    file: InputFile,
    source: str = "",
    title: str,
    n_reviewers: int = 1,
    with_dataset_label: bool = True,
    seed: int = 0,
) -> Review:
    """Open a review of the predictions of a file, in the dataset of this name, which is created if there is none.

    Raises BadTable, or UserError with the lines of faults; then nothing is stored.
    """
    indexes = set(label_set_for_import(name, label_set).labels.values_list("index", flat=True))
    rows = read_prediction_rows(file, indexes, source)
    dataset = dataset_for_import(name, label_set)
    _add_images(dataset, rows)
    return open_review(
        dataset=dataset,
        title=title,
        n_reviewers=n_reviewers,
        predictions=((row.image, row.label, row.n_models) for row in rows),
        with_dataset_label=with_dataset_label,
        seed=seed,
    )


@transaction.atomic
def add_predictions_of_file(
    *, review: Review, file: InputFile, source: str = "", with_dataset_label: bool = True
) -> Added:
    """Add what is new among a file's predictions to a review. Raises as `open_review_of_file`, and ReviewClosed."""
    dataset = review.batch.dataset
    indexes = set(dataset.label_set.labels.values_list("index", flat=True))
    rows = read_prediction_rows(file, indexes, source)
    _add_images(dataset, rows)
    predictions = ((row.image, row.label, row.n_models) for row in rows)
    return add_predictions(review=review, predictions=predictions, with_dataset_label=with_dataset_label)


def _add_images(dataset: Dataset, rows: Sequence[PredictionRow]) -> None:
    text = io.StringIO()
    first_of = {row.image: row for row in reversed(rows)}
    csv.writer(text, lineterminator="\n").writerows(
        (row.line, row.line, row.image, row.dataset_label) for row in sorted(first_of.values())
    )
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE {STAGED} (line integer, position integer, image text, dataset_label integer, "
            "image_id bigint) ON COMMIT DROP"
        )
        with connection.wrap_database_errors:
            cursor.copy_expert(f"COPY {STAGED} (line, position, image, dataset_label) FROM STDIN (FORMAT csv)", text)
        cursor.execute(f"ANALYZE {STAGED}")
    try:
        load_staged_images(dataset=dataset, staged=STAGED)
    except StagedConflict as error:
        message = gettext("line %(line)s: %(reason)s")
        raise UserError(message % {"line": error.line, "reason": error}) from error
