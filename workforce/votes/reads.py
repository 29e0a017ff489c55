"""Rows of a file of votes: what all kinds have in common, and how their cells are read and checked."""

import re
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from catalog.actions import BadName, check_image_name
from catalog.errors import UserError
from workforce.models import Submission

# What a file of any kind may have beside its own columns. The last two are not read.
FURTHER_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version", "submission")
STATES = frozenset({*Submission.State.values, "excluded"})
LONGEST_PERSON = 150
WHOLE = re.compile(r"[0-9]{1,9}")

Cells = dict[str, str]


class BadCell(UserError):
    """The reason why a row is refused. The reader of the file adds the line."""


class BadRow(UserError):
    """A row does not agree with the rest of its file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Origin(NamedTuple):
    """What answers of all kinds have in common. `person` is unique among all who answered in a dataset."""

    line: int
    image: str
    person: str
    role: str
    state: str
    submitted_at: datetime | None


class Answer(Protocol):
    """An answer in a file. Answers with the same `question` and `cell_role` may share a HIT."""

    @property
    def origin(self) -> Origin: ...

    @property
    def dataset_label(self) -> int | None: ...

    @property
    def question(self) -> tuple[Any, ...]: ...

    @property
    def cell_role(self) -> str: ...


def origin_of(line: int, cells: Cells, person: str, roles: Iterable[str]) -> Origin:
    """Read what all kinds have in common; `person` stands for somebody who has no column `worker`."""
    return Origin(
        line=line,
        image=_image(cells["image"]),
        person=f"worker:{person_in(cells, 'worker')}" if "worker" in cells else person,
        role=_one_of(cells.get("role", "question"), "role", roles),
        state=_one_of(cells.get("state", "confirmed"), "state", STATES),
        submitted_at=_moment(cells.get("submitted_at", "")),
    )


def _image(name: str) -> str:
    try:
        check_image_name(name)
    except BadName as error:
        raise BadCell(f"image: {error}.") from error
    return name


def person_in(cells: Cells, column: str) -> str:
    name = cells[column]
    if not name or len(name) > LONGEST_PERSON or not name.isprintable():
        raise BadCell(f"{column} is {name[:50]!r}; it must have 1 to {LONGEST_PERSON} printable characters.")
    return name


def whole_number_in(cells: Cells, column: str) -> int:
    if not WHOLE.fullmatch(cells[column]):
        raise BadCell(f"{column} is {cells[column]!r}; it must be a whole number, 0 or more.")
    return int(cells[column])


def dataset_label_in(cells: Cells, labels: Container[int]) -> int | None:
    cell = cells.get("dataset_label")
    return class_index(cell, "dataset_label", labels) if cell else None


def class_index(cell: str, column: str, labels: Container[int]) -> int:
    if not WHOLE.fullmatch(cell) or int(cell) not in labels:
        raise BadCell(f"{column} is {cell!r}, which is not a class index of the dataset's label set.")
    return int(cell)


def _one_of(cell: str, column: str, choices: Iterable[str]) -> str:
    if cell not in choices:
        raise BadCell(f"{column} is {cell!r}; it must be one of {', '.join(sorted(choices))}.")
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


def sitting(answer: Answer) -> tuple[str, str, datetime | None]:
    """Return what sets a person's answers to one image apart: a repeated question is answered at another time."""
    return answer.origin.image, answer.origin.person, answer.origin.submitted_at


def refuse_repeats(answers: Sequence[Any], what: str, key: Callable[[Any], tuple[Any, ...]]) -> None:
    """Raise BadRow for the second of two answers with the same key; `what` names the key's columns."""
    lines: dict[tuple[Any, ...], int] = {}
    for answer in answers:
        line = answer.origin.line
        first = lines.setdefault(key(answer), line)
        if first != line:
            raise BadRow(line, f"the same {what} as in line {first}. Remove one of the two.")


def check_dataset_labels(answers: Sequence[Answer]) -> None:
    """Raise BadRow if rows of an image disagree on its dataset label."""
    firsts: dict[str, tuple[int | None, int]] = {}
    for answer in answers:
        line, image = answer.origin.line, answer.origin.image
        label, first = firsts.setdefault(image, (answer.dataset_label, line))
        if label != answer.dataset_label:
            raise BadRow(
                line,
                f"dataset_label is {_shown(answer.dataset_label)}, but {_shown(label)} in line {first}; an image has "
                "one.",
            )


def _shown(label: int | None) -> str:
    return "empty" if label is None else str(label)
