"""Files of what a dataset has: row by row, in a fixed order, so that equal content makes equal files."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from django.db import connection, transaction
from django.db.models import QuerySet

from aggregation.reads import annotation_row, annotations_of, frequencies_of, frequency_row
from annotation_site.csv_cells import guarded
from candidates.reads import potential_label_row, potential_labels_of, prediction_row, predictions_of
from catalog.models import Dataset, Label
from catalog.reads import labels_by_index
from classify_task.reads import classify_vote_row
from classify_task.reads import votes_of as classify_votes_of
from contains_task.reads import contains_vote_row, grid_cell_row, grid_cells_of
from contains_task.reads import votes_of as contains_votes_of

ROWS_AT_ONCE = 2000
VOTE_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version")
# What the released files separate by spaces; every other list is JSON.
SPACED = frozenset({"selected", "selected_wnid"})


class Kind(NamedTuple):
    """What can be exported: `columns`, and `named`, those whose label gets a name."""

    rows_of: Callable[[Dataset], QuerySet]
    order: tuple[str, ...]
    row: Callable[[Any, Mapping[int, Label] | None], dict[str, Any]]
    columns: tuple[str, ...]
    named: tuple[str, ...]


KINDS = {
    "annotations": Kind(
        annotations_of,
        ("image__name",),
        annotation_row,
        ("image", "dataset_label", "main_label", "n_objects", "n_annotators", "n_optimal_partitions", "objects")
        + ("unplaced", "main_object", "dataset_label_object"),
        ("dataset_label", "main_label"),
    ),
    "selection_frequencies": Kind(
        frequencies_of,
        ("image__name", "label__index"),
        frequency_row,
        ("image", "label", "n_selected", "n_shown"),
        ("label",),
    ),
    "contains_votes": Kind(
        contains_votes_of,
        ("image__name", "label__index", "id"),
        contains_vote_row,
        ("image", "label", "rater", "answer", *VOTE_COLUMNS, "dataset_label", "submission"),
        ("label", "dataset_label"),
    ),
    "classify_votes": Kind(
        classify_votes_of,
        ("image__name", "submission_id"),
        classify_vote_row,
        ("image", "dataset_label", "annotator", "main", "selected", *VOTE_COLUMNS, "submission"),
        ("dataset_label", "main", "selected"),
    ),
}
# What can be written as a file: besides what REST serves too, how the work was made up.
FILES = KINDS | {
    "grids": Kind(
        grid_cells_of,
        ("grid__hit_id", "position"),
        grid_cell_row,
        ("grid", "batch", "settings_version", "label", "position", "image", "image_dataset", "role", "expected"),
        ("label",),
    ),
    "predictions": Kind(
        predictions_of,
        ("image__name", "classifier__name"),
        prediction_row,
        ("image", "classifier", "network", "view", "weights", "labels", "scores"),
        ("labels",),
    ),
    "potential_labels": Kind(
        potential_labels_of,
        ("image__name", "label__index"),
        potential_label_row,
        ("image", "label", "is_dataset_label", "sources"),
        ("label",),
    ),
}


def write_rows(kind: Kind, dataset: Dataset, format: str, names: bool, out: TextIO) -> int:
    """Write all rows of a kind as "csv" or "jsonl"; returns how many. Call it in one transaction."""
    labels = labels_by_index(dataset) if names else None
    # Closed here: when writing fails, the cursor must go before the transaction that it belongs to.
    with closing(kind.rows_of(dataset).order_by(*kind.order).iterator(chunk_size=ROWS_AT_ONCE)) as found:
        rows = (kind.row(row, labels) for row in found)
        return write_csv(columns_of(kind, names), rows, out) if format == "csv" else write_jsonl(rows, out)


def streamed_rows(kind: Kind, dataset: Dataset, format: str, names: bool) -> Iterator[bytes]:
    """The same bytes, portion by portion, all as they are at the first."""
    labels = labels_by_index(dataset) if names else None
    columns = columns_of(kind, names)
    with one_moment(), closing(kind.rows_of(dataset).order_by(*kind.order).iterator(chunk_size=ROWS_AT_ONCE)) as found:
        rows = (kind.row(row, labels) for row in found)
        head = True
        while (portion := list(islice(rows, ROWS_AT_ONCE))) or head:
            out = io.StringIO(newline="")
            if format == "csv":
                write_csv(columns, iter(portion), out, head)
            else:
                write_jsonl(iter(portion), out)
            head = False
            yield out.getvalue().encode()


@contextmanager
def one_moment() -> Iterator[None]:
    """Everything read in it is as it was at its beginning."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def columns_of(kind: Kind, names: bool) -> list[str]:
    added = [f"{column}_{ending}" for column in kind.named for ending in ("wnid", "words")]
    return [*kind.columns, *(added if names else ())]


def write_csv(columns: list[str], rows: Iterator[dict[str, Any]], out: TextIO, head: bool = True) -> int:
    writer = csv.writer(out, lineterminator="\n")
    if head:
        writer.writerow(columns)
    n_rows = 0
    for row in rows:
        writer.writerow([csv_cell(column, row[column]) for column in columns])
        n_rows += 1
    return n_rows


def csv_cell(column: str, value: Any) -> Any:
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, list):
        return " ".join(map(str, value)) if column in SPACED else json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, datetime) else value


def write_jsonl(rows: Iterator[dict[str, Any]], out: TextIO) -> int:
    n_rows = 0
    for row in rows:
        out.write(json.dumps(row, ensure_ascii=False, default=datetime.isoformat) + "\n")
        n_rows += 1
    return n_rows


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file that gets its name once it is complete: a stop half-way leaves what was there before."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        # mkstemp makes it the owner's alone; the umask says who else may read.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
