"""Reading of a file of votes: the parts that all kinds share, and checks of cells."""

import re
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.utils.translation import gettext

from catalog.actions import BadName, check_image_name
from catalog.errors import UserError
from workforce.models import Submission

# Optional columns of files of every kind. The last two are ignored.
FURTHER_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version", "submission")
STATES = frozenset({*Submission.State.values, "excluded"})
LONGEST_PERSON = 150
WHOLE = re.compile(r"[0-9]{1,9}")

Cells = dict[str, str]


class BadCell(UserError):
    """A cell that makes its row invalid. The reader of the file adds the line."""


class BadRow(UserError):
    """A row that contradicts its file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Origin(NamedTuple):
    """The common part of answers of all kinds. `person` is unique among the workers of a dataset."""

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
    """Read the common part of an answer; `person` is the worker if there is no column `worker`."""
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
        raise BadCell(gettext("image: %(reason)s.") % {"reason": error}) from error
    return name


def person_in(cells: Cells, column: str) -> str:
    name = cells[column]
    if not name or len(name) > LONGEST_PERSON or not name.isprintable():
        message = gettext("%(column)s is “%(value)s”. It must have 1 to %(n)s printable characters.")
        raise BadCell(message % {"column": column, "value": name[:50], "n": LONGEST_PERSON})
    return name


def whole_number_in(cells: Cells, column: str) -> int:
    if not WHOLE.fullmatch(cells[column]):
        message = gettext("%(column)s is “%(value)s”. It must be a whole number, 0 or more.")
        raise BadCell(message % {"column": column, "value": cells[column]})
    return int(cells[column])


def dataset_label_in(cells: Cells, labels: Container[int]) -> int | None:
    cell = cells.get("dataset_label")
    return class_index(cell, "dataset_label", labels) if cell else None


def class_index(cell: str, column: str, labels: Container[int]) -> int:
    if not WHOLE.fullmatch(cell) or int(cell) not in labels:
        message = gettext("%(column)s is “%(value)s”. It must be a class index of the dataset's label set.")
        raise BadCell(message % {"column": column, "value": cell})
    return int(cell)


def _one_of(cell: str, column: str, choices: Iterable[str]) -> str:
    if cell not in choices:
        message = gettext("%(column)s is “%(value)s”. It must be one of: %(choices)s.")
        raise BadCell(message % {"column": column, "value": cell, "choices": ", ".join(sorted(choices))})
    return cell


def _moment(cell: str) -> datetime | None:
    if not cell:
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        message = gettext("submitted_at is “%(value)s”. Write it as 2020-05-17T10:30:00+00:00.")
        raise BadCell(message % {"value": cell}) from None
    if moment.utcoffset() is None:
        message = gettext("submitted_at is “%(value)s”, without its offset from UTC. Write it as %(value)s+00:00.")
        raise BadCell(message % {"value": cell})
    return moment


def sitting(answer: Answer) -> tuple[str, str, datetime | None]:
    """Return the key of an answer: image, person and time. A repeated question has another time."""
    return answer.origin.image, answer.origin.person, answer.origin.submitted_at


def refuse_repeats(answers: Sequence[Any], columns: str, key: Callable[[Any], tuple[Any, ...]]) -> None:
    """Raise BadRow for the second of two answers with the same key; `columns` names those of the key."""
    lines: dict[tuple[Any, ...], int] = {}
    for answer in answers:
        line = answer.origin.line
        first = lines.setdefault(key(answer), line)
        if first != line:
            message = gettext("the same %(columns)s as in line %(line)s. Remove one of the two.")
            raise BadRow(line, message % {"columns": columns, "line": first})


def check_dataset_labels(answers: Sequence[Answer]) -> None:
    """Raise BadRow if rows of an image disagree on its dataset label."""
    firsts: dict[str, tuple[int | None, int]] = {}
    for answer in answers:
        line, image = answer.origin.line, answer.origin.image
        label, first = firsts.setdefault(image, (answer.dataset_label, line))
        if label != answer.dataset_label:
            message = gettext(
                "dataset_label is %(here)s, but %(there)s in line %(line)s. An image has one dataset label."
            )
            values = {"here": _cell_of(answer.dataset_label), "there": _cell_of(label), "line": first}
            raise BadRow(line, message % values)


def _cell_of(label: int | None) -> str:
    return gettext("empty") if label is None else str(label)
