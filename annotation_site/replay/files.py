"""Reading files of answers: every row is checked before anything is loaded.

A votes file is CSV (UTF-8, plain or gzipped) with a header. Beside the columns that a kind needs it may have those
that our own export adds: worker (who answered; without it, the annotator or rater number stands for a person), role,
state, submitted_at, settings_version, submission and, for CONTAINS votes, dataset_label, and names of labels (columns
that end in _wnid or _words). Of these the names, settings_version and submission are not read.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

from annotation_site.csv_cells import unguarded
from catalog.actions import BadName, check_image_name
from catalog.errors import UserError
from classify_task.models import Role as ClassifyRole
from contains_task.models import Role as ContainsRole
from workforce.models import Submission

CLASSIFY_COLUMNS = ("image", "dataset_label", "annotator", "main", "selected")
CONTAINS_COLUMNS = ("image", "label", "rater", "answer")
FURTHER_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version", "submission")
CONTAINS_FURTHER = (*FURTHER_COLUMNS, "dataset_label")
ANSWERS = {"yes": True, "maybe": False, "no": False}
STATES = frozenset({*Submission.State.values, "excluded"})
MOST_LABELS = 12
LONGEST_PERSON = 150
JSON_LINES = "JSON lines are not read."
AS_CSV = {"shell": "Export as csv: ./manage export … --format csv.", "page": "Take the file as csv (the page Files)."}
WHOLE = re.compile(r"[0-9]{1,9}")
NAME_ENDINGS = ("_wnid", "_words")


class BadFile(UserError):
    """A file of answers cannot be loaded; the message names the file, the line if there is one, and the reason."""


class BadCell(UserError):
    """Why a row is refused; whoever knows the line adds it."""


class Origin(NamedTuple):
    """What the two kinds of answers have in common. `person` is unique among all who answered in a dataset."""

    line: int
    image: str
    person: str
    role: str
    state: str
    submitted_at: datetime | None


class ClassifyAnswer(NamedTuple):
    origin: Origin
    dataset_label: int | None
    annotator: int
    main: int
    selected: list[int]


class ContainsAnswer(NamedTuple):
    origin: Origin
    dataset_label: int | None
    label: int
    selected: bool


Cells = dict[str, str]
Answer = TypeVar("Answer", ClassifyAnswer, ContainsAnswer)


def read_classify(path: Path, labels: Container[int]) -> list[ClassifyAnswer]:
    """The answers of a classify_votes file: images in order of appearance, answers by annotator within each.

    `labels`: the class indexes of the dataset's label set. Raises BadFile.
    """
    parse = partial(_classify_answer, labels=labels)
    answers = list(_answers(path, CLASSIFY_COLUMNS, FURTHER_COLUMNS, parse))
    _refuse_repeats(path, answers, "image and annotator", lambda a: (a.origin.image, a.annotator))
    _refuse_repeats(path, answers, "image and worker", _sitting)
    _check_dataset_labels(path, answers)
    _check_forms(path, answers)
    first = {answer.origin.image: at for at, answer in reversed(list(enumerate(answers)))}
    return sorted(answers, key=lambda answer: (first[answer.origin.image], answer.annotator))


def read_contains(path: Path, labels: Container[int]) -> list[ContainsAnswer]:
    """The answers of a contains_votes file, in the order of its lines. `labels` and errors as in `read_classify`."""
    parse = partial(_contains_answer, labels=labels)
    answers = list(_answers(path, CONTAINS_COLUMNS, CONTAINS_FURTHER, parse))
    _refuse_repeats(path, answers, "image, label and rater", lambda answer: (*_sitting(answer), answer.label))
    _check_dataset_labels(path, answers)
    return answers


def _answers(
    path: Path, columns: Iterable[str], further: Iterable[str], parse: Callable[[int, Cells], Answer]
) -> Iterator[Answer]:
    if ".jsonl" in path.suffixes:
        raise BadFile(f"{path}: {JSON_LINES}", **AS_CSV)
    line = 0
    try:
        with _opened(path) as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            _check_header(header, columns, further)
            for row in reader:
                line = reader.line_num
                if row:
                    yield parse(line, _cells(header, row))
    except FileNotFoundError as error:
        raise BadFile(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}, after line {line}: not UTF-8 text. Save the file as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read: {error}.") from error
    except csv.Error as error:
        raise BadFile(f"{path}, after line {line}: not CSV: {error}.") from error
    except BadCell as error:
        raise BadFile(f"{path}, line {max(line, 1)}: {error}", shell=error.shell, page=error.page) from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _check_header(header: list[str] | None, columns: Iterable[str], further: Iterable[str]) -> None:
    if header is None:
        raise BadCell(f"the file is empty; its first line must name the columns {', '.join(columns)}.")
    if header and header[0].startswith("{"):
        raise BadCell(JSON_LINES, **AS_CSV)
    missing = [column for column in columns if column not in header]
    if missing:
        raise BadCell(f"the header lacks {', '.join(missing)}; needed are {', '.join(columns)}.")
    known = {*columns, *further}
    strange = [column for column in header if column not in known and not column.endswith(NAME_ENDINGS)]
    if strange:
        raise BadCell(f"unknown column {strange[0]!r}; beside the needed ones: {', '.join(further)}.")
    if len(set(header)) < len(header):
        raise BadCell("a column is named twice.")


def _cells(header: list[str], row: list[str]) -> Cells:
    if len(row) != len(header):
        raise BadCell(f"{len(row)} cells, but the header names {len(header)} columns.")
    return dict(zip(header, row, strict=True))


def _classify_answer(line: int, cells: Cells, labels: Container[int]) -> ClassifyAnswer:
    annotator = _whole(cells, "annotator")
    main = _label(cells["main"], "main", labels)
    selected = [_label(cell, "selected", labels) for cell in cells["selected"].split()]
    if not selected:
        raise BadCell("selected is empty; every answer names at least one label.")
    if len(set(selected)) < len(selected):
        raise BadCell(f"selected has a label twice: {cells['selected']}.")
    if main not in selected:
        raise BadCell(f"main is {main}, which is not among the selected {cells['selected']}.")
    return ClassifyAnswer(
        origin=_origin(line, cells, f"classify:{annotator}", ClassifyRole.values),
        dataset_label=_own_label(cells, labels),
        annotator=annotator,
        main=main,
        selected=selected,
    )


def _contains_answer(line: int, cells: Cells, labels: Container[int]) -> ContainsAnswer:
    if cells["answer"] not in ANSWERS:
        raise BadCell(f"answer is {cells['answer']!r}; it must be one of {', '.join(ANSWERS)}.")
    rater = _person(cells, "rater")
    return ContainsAnswer(
        origin=_origin(line, cells, f"contains:{rater}", ContainsRole.values),
        dataset_label=_own_label(cells, labels),
        label=_label(cells["label"], "label", labels),
        selected=ANSWERS[cells["answer"]],
    )


def _origin(line: int, cells: Cells, person: str, roles: list[str]) -> Origin:
    return Origin(
        line=line,
        image=_image(cells),
        person=f"worker:{_person(cells, 'worker')}" if "worker" in cells else person,
        role=_one_of(cells.get("role", "question"), "role", roles),
        state=_one_of(cells.get("state", "confirmed"), "state", STATES),
        submitted_at=_moment(cells.get("submitted_at", "")),
    )


def _image(cells: Cells) -> str:
    name = unguarded(cells["image"])
    try:
        check_image_name(name)
    except BadName as error:
        raise BadCell(f"image: {error}.") from error
    return name


def _person(cells: Cells, column: str) -> str:
    name = unguarded(cells[column])
    if not name or len(name) > LONGEST_PERSON or not name.isprintable():
        raise BadCell(f"{column} is {name[:50]!r}; it must have 1 to {LONGEST_PERSON} printable characters.")
    return name


def _whole(cells: Cells, column: str) -> int:
    if not WHOLE.fullmatch(cells[column]):
        raise BadCell(f"{column} is {cells[column]!r}; it must be a whole number, 0 or more.")
    return int(cells[column])


def _own_label(cells: Cells, labels: Container[int]) -> int | None:
    cell = cells.get("dataset_label")
    return _label(cell, "dataset_label", labels) if cell else None


def _label(cell: str, column: str, labels: Container[int]) -> int:
    if not WHOLE.fullmatch(cell) or int(cell) not in labels:
        raise BadCell(f"{column} is {cell!r}, which is not a class index of the dataset's label set.")
    return int(cell)


def _one_of(cell: str, column: str, known: Iterable[str]) -> str:
    if cell not in known:
        raise BadCell(f"{column} is {cell!r}; it must be one of {', '.join(sorted(known))}.")
    return cell


def _moment(cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise BadCell(f"submitted_at is {cell!r}; write it as 2020-05-17T10:30:00+00:00.") from None
    if moment.utcoffset() is None:
        raise BadCell(f"submitted_at is {cell!r}, without its distance from UTC; write it as {cell}+00:00.")
    return moment


def _sitting(answer: ClassifyAnswer | ContainsAnswer) -> tuple:
    """What sets a person's answers to one image apart: a repeated question is answered at another time."""
    return answer.origin.image, answer.origin.person, answer.origin.submitted_at


def _refuse_repeats(path: Path, answers: list[Answer], what: str, key: Callable[[Answer], tuple]) -> None:
    lines: dict[tuple, int] = {}
    for answer in answers:
        line = answer.origin.line
        first = lines.setdefault(key(answer), line)
        if first != line:
            raise BadFile(f"{path}, line {line}: the same {what} as in line {first}. Remove one of the two.")


def _check_dataset_labels(path: Path, answers: list[Answer]) -> None:
    """The rows of an image agree on its dataset label."""
    own: dict[str, tuple[int | None, int]] = {}
    for answer in answers:
        line, image = answer.origin.line, answer.origin.image
        label, first = own.setdefault(image, (answer.dataset_label, line))
        if label != answer.dataset_label:
            raise BadFile(
                f"{path}, line {line}: dataset_label is {_shown(answer.dataset_label)}, but {_shown(label)} in line "
                f"{first}; an image has one."
            )


def _shown(label: int | None) -> str:
    return "empty" if label is None else str(label)


def _check_forms(path: Path, answers: list[ClassifyAnswer]) -> None:
    """The labels of an image fit on a form."""
    offered: dict[str, set[int]] = {}
    for answer in answers:
        line, image, label = answer.origin.line, answer.origin.image, answer.dataset_label
        labels = offered.setdefault(image, set() if label is None else {label})
        labels.update(answer.selected)
        if len(labels) > MOST_LABELS:
            raise BadFile(
                f"{path}, line {line}: {image} has more than {MOST_LABELS} labels by now, more than a form can offer."
            )
