"""Files of a panel's judgement of mistakes: image, prediction, category, severity (Vasudevan et al. 2022)."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from catalog.actions import BadName, check_image_name
from catalog.models import Dataset
from csv_files.cells import unguarded
from csv_files.tables import InputFile, Refusal, TableRow, all_refused, read_table
from review_task.kinds_of_mistakes.reads import LONGEST, is_kind
from review_task.mistakes.reads import COLUMNS


@dataclass(frozen=True)
class JudgedMistake:
    """A row of the file: a prediction (class index) of an image (name), and what the panel says of it."""

    line: int
    image: str
    prediction: int
    category: str
    severity: str


def read_judgement(path: InputFile, dataset: Dataset) -> list[JudgedMistake]:
    """Return the rows of a file, one for each image.

    Raises BadTable, or UserError that names the lines: a class that there is not, an empty or long cell, or an image
    twice, since a classifier has one first rank.
    """
    indexes = set(dataset.label_set.labels.values_list("index", flat=True))
    rows: list[JudgedMistake] = []
    refusals: list[Refusal] = []
    for row in _read(path, indexes):
        if isinstance(row, Refusal):
            refusals.append(row)
        else:
            rows.append(row)
    refusals += _twice(rows)
    if refusals:
        message = gettext("%(file)s was not imported. Correct these lines and import it again:")
        raise all_refused(message % {"file": path}, refusals)
    return rows


def _read(path: InputFile, indexes: set[int]) -> Iterator[JudgedMistake | Refusal]:
    for row in read_table(path, COLUMNS):
        yield row if isinstance(row, Refusal) else _judged(row, indexes)


def _judged(row: TableRow, indexes: set[int]) -> JudgedMistake | Refusal:
    cells = {name: unguarded(cell) for name, cell in row.cells.items()}
    text = cells["prediction"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) in indexes):
        message = gettext("the prediction “%(text)s” is no class index of the dataset’s label set")
        return Refusal(row.where, message % {"text": text})
    for name, longest in LONGEST.items():
        if not is_kind(name, cells[name]):
            message = gettext("%(column)s has %(n)s characters: it needs 1 to %(longest)s printable ones")
            return Refusal(row.where, message % {"column": name, "n": len(cells[name]), "longest": longest})
    try:
        check_image_name(cells["image"])
    except BadName as error:
        return Refusal(row.where, str(error))
    return JudgedMistake(row.line, cells["image"], int(text), cells["category"], cells["severity"])


def _twice(rows: list[JudgedMistake]) -> Iterator[Refusal]:
    lines: dict[str, int] = {}
    for row in rows:
        if row.image in lines:
            where = gettext("line %(line)s") % {"line": row.line}
            message = gettext("the image %(image)s is in line %(first)s already: a classifier has one first rank")
            yield Refusal(where, message % {"image": row.image, "first": lines[row.image]})
        lines.setdefault(row.image, row.line)
