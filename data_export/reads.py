"""Files of what a dataset has: row by row, in a fixed order, so that equal content makes equal files."""

import io
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, TextIO, cast

from django.db import connection, transaction

from aggregation.reads import annotation_row, annotations_of, frequencies_of, frequency_row
from candidates.reads import potential_label_row, potential_labels_of, prediction_row, predictions_of
from catalog.models import Dataset
from catalog.reads import labels_by_index

# Pages and commands have it from here.
from data_export.formats import FORMATS as FORMATS
from workforce.kinds import ExportedRows, task_kinds

ROWS_AT_ONCE = 2000
DERIVED = (
    ExportedRows(
        "annotations",
        "An image's objects with their labels, how many there are, and its main label: what a study is for.",
        annotations_of,
        ("image__name",),
        annotation_row,
        ("image", "dataset_label", "main_label", "n_objects", "n_annotators", "n_optimal_partitions", "objects")
        + ("unplaced", "main_object", "dataset_label_object"),
        ("dataset_label", "main_label"),
    ),
    ExportedRows(
        "selection_frequencies",
        "How often each (image, label) pair was selected, and how often it was shown.",
        frequencies_of,
        ("image__name", "label__index"),
        frequency_row,
        ("image", "label", "n_selected", "n_shown"),
        ("label",),
    ),
)
PREDICTED = (
    ExportedRows(
        "potential_labels",
        "The labels to ask about for each image, and which classifiers named each at which rank.",
        potential_labels_of,
        ("image__name", "label__index"),
        potential_label_row,
        ("image", "label", "is_dataset_label", "sources"),
        ("label",),
    ),
    ExportedRows(
        "predictions",
        "What each classifier ranks highest for each image, best first, with its scores.",
        predictions_of,
        ("image__name", "classifier__name"),
        prediction_row,
        ("image", "classifier", "network", "view", "weights", "labels", "scores"),
        ("labels",),
    ),
)


def exported_tables() -> dict[str, ExportedRows]:
    """Return what REST serves, by name: what was derived, and the votes of every kind of task."""
    return {rows.name: rows for rows in (*DERIVED, *(kind.votes.rows for kind in task_kinds()))}


def exported_files() -> dict[str, ExportedRows]:
    """Return what can be written as a file: besides what REST serves, how the work was made up."""
    further = (rows for kind in task_kinds() for rows in kind.files)
    return exported_tables() | {rows.name: rows for rows in (*further, *PREDICTED)}


def write_rows(kind: ExportedRows, dataset: Dataset, format: str, names: bool, out: TextIO) -> int:
    """Write all rows of a kind in a format of FORMATS; returns how many. Call it in one transaction."""
    labels = labels_by_index(dataset) if names else None
    # Closed here: when writing fails, the cursor must go before the transaction that it belongs to.
    with _found(kind, dataset) as found:
        rows = (kind.row(row, labels) for row in found)
        return FORMATS[format].write(columns_of(kind, names), rows, out, True)


def streamed_rows(kind: ExportedRows, dataset: Dataset, format: str, names: bool) -> Iterator[bytes]:
    """The same bytes, portion by portion, all as they are at the first."""
    labels = labels_by_index(dataset) if names else None
    columns = columns_of(kind, names)
    with one_moment(), _found(kind, dataset) as found:
        rows = (kind.row(row, labels) for row in found)
        head = True
        while (portion := list(islice(rows, ROWS_AT_ONCE))) or head:
            out = io.StringIO(newline="")
            FORMATS[format].write(columns, iter(portion), out, head)
            head = False
            yield out.getvalue().encode()


@contextmanager
def _found(kind: ExportedRows, dataset: Dataset) -> Iterator[Iterator[Any]]:
    rows = kind.rows_of(dataset).order_by(*kind.order).iterator(chunk_size=ROWS_AT_ONCE)
    # Django promises an iterator and returns a generator.
    with closing(cast(Generator[Any, None, None], rows)):
        yield rows


@contextmanager
def one_moment() -> Iterator[None]:
    """Everything read in it is as it was at its beginning."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def columns_of(kind: ExportedRows, names: bool) -> list[str]:
    added = [f"{column}_{ending}" for column in kind.named for ending in ("wnid", "words")]
    return [*kind.columns, *(added if names else ())]
