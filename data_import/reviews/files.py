"""Reading of a file of distinct predictions: image, label and the number of models behind it."""

import gzip
import zlib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext

from catalog.actions import check_image_name
from catalog.errors import UserError
from csv_files.tables import BadTable, NamedFile, Refusal, TableRow, all_refused, read_table, table_rows

InputFile = Path | NamedFile
REQUIRED = ("image", "label")
OPTIONAL = ("dataset", "dataset_label", "n_models")
MOST_BYTES_UNPACKED = 128 * 2**20
MOST_MODELS = 32_767
LONGEST_NUMBER = 9


class PredictionRow(NamedTuple):
    """A label (class index) that `n_models` predict for an image, and the image's own; `line` is its place."""

    line: int
    image: str
    source: str
    dataset_label: int | None
    label: int
    n_models: int


def read_prediction_rows(file: InputFile, labels: Set[int], source: str = "") -> list[PredictionRow]:
    """Read a CSV, or a .csv.gz, with the columns image, label and, optionally, dataset_label, n_models and dataset.

    `source` keeps the rows whose dataset is so named. Raises BadTable, or UserError with the lines of faults: a label
    outside the set, a prediction that is there twice, an image with two dataset labels or of two datasets.
    """
    rows: list[PredictionRow] = []
    refusals: list[Refusal] = []
    seen: set[tuple[str, int]] = set()
    first_of: dict[str, PredictionRow] = {}
    for table_row in _table(file):
        try:
            if isinstance(table_row, Refusal):
                refusals.append(table_row)
                continue
            row = _row(table_row, labels)
            if source and row.source != source:
                continue
            _check_unity(row, first_of.setdefault(row.image, row), seen)
            rows.append(row)
        except UserError as error:
            refusals.append(Refusal(table_row.where, str(error), error.shell, error.page))
    if refusals:
        raise all_refused(gettext("%(file)s: no predictions were read.") % {"file": file}, refusals)
    if not rows:
        raise BadTable(gettext("%(file)s has no predictions.") % {"file": file})
    return rows


def _table(file: InputFile) -> Iterator[TableRow | Refusal]:
    if not str(file).endswith(".gz"):
        yield from read_table(file, REQUIRED, OPTIONAL)
        return
    try:
        with gzip.open(file) as stream:
            content = stream.read(MOST_BYTES_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = gettext("%(file)s cannot be read: %(reason)s.")
        raise BadTable(message % {"file": file, "reason": getattr(error, "strerror", None) or error}) from error
    if len(content) > MOST_BYTES_UNPACKED:
        # A small file may unpack to any number of zeros, which must not fill the memory.
        message = gettext("%(file)s unpacks to more than %(n)s MiB: split it.")
        raise BadTable(message % {"file": file, "n": MOST_BYTES_UNPACKED // 2**20})
    yield from table_rows(str(file), content, REQUIRED, OPTIONAL)


def _row(row: TableRow, labels: Set[int]) -> PredictionRow:
    cells = row.cells
    if not cells["image"]:
        raise UserError(gettext("the image has no name"))
    check_image_name(cells["image"])
    dataset_label = cells.get("dataset_label", "")
    label = _number(cells["label"], "label")
    n_models = _number(cells["n_models"], "n_models") if cells.get("n_models") else 1
    if not 1 <= n_models <= MOST_MODELS:
        raise UserError(gettext("n_models is %(n)s: write a number from 1 to 32767") % {"n": n_models})
    own = _number(dataset_label, "dataset_label") if dataset_label else None
    for index in (label, own):
        if index is not None and index not in labels:
            raise UserError(gettext("%(label)s is no class index of the dataset’s label set") % {"label": index})
    return PredictionRow(row.line, cells["image"], cells.get("dataset", ""), own, label, n_models)


def _number(cell: str, column: str) -> int:
    if not (cell.isascii() and cell.isdecimal() and len(cell) <= LONGEST_NUMBER):
        raise UserError(gettext("%(column)s is %(cell)r: write a whole number") % {"column": column, "cell": cell})
    return int(cell)


def _check_unity(row: PredictionRow, first: PredictionRow, seen: set[tuple[str, int]]) -> None:
    if row.source != first.source:
        raise UserError(
            gettext("%(image)s is in two datasets of the file") % {"image": row.image},
            shell=gettext("--source NAME reads the rows of one dataset."),
        )
    if row.dataset_label != first.dataset_label:
        raise UserError(gettext("%(image)s has two dataset labels") % {"image": row.image})
    if (row.image, row.label) in seen:
        values = {"label": row.label, "image": row.image}
        raise UserError(gettext("label %(label)s of %(image)s is there twice") % values)
    seen.add((row.image, row.label))
