"""Reader of Prolific's file of submissions, as Prolific and spreadsheets write it.

Columns are found by their names, in any order and case, with whatever between their words: Prolific has changed both
before. Columns of no interest, such as age and sex, are skipped and never kept.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from unicodedata import normalize

from django.utils.translation import gettext

from access.texts.reads import are_texts
from catalog.errors import UserError
from csv_files.tables import Refusal, all_refused

# Names that a column had in Prolific's files over the years, letters and digits alone.
COLUMN_NAMES = {
    "participant": ("participantid", "prolificid", "prolificpid", "participant"),
    "session": ("submissionid", "sessionid"),
    "status": ("status", "submissionstatus"),
    "code": ("completioncode", "enteredcode", "studycode"),
}
REQUIRED = ("participant", "status")
NO_CODES = frozenset({"", "nocode", "none", "notapplicable", "na", "null"})
DELIMITERS = ",;\t"
MOST_LINES, LONGEST_CELL = 100_000, 300


class Status(Enum):
    """The states of a submission on Prolific that matter for pay; others are OTHER."""

    APPROVED = "approved"
    AWAITING = "awaitingreview"
    REJECTED = "rejected"
    RETURNED = "returned"
    TIMED_OUT = "timedout"
    ACTIVE = "active"
    OTHER = ""


SAME_STATUS = {
    "accepted": Status.APPROVED,
    "partiallyapproved": Status.APPROVED,
    "reserved": Status.ACTIVE,
    "timeout": Status.TIMED_OUT,
    "awaiting": Status.AWAITING,
    "completed": Status.AWAITING,
    "submitted": Status.AWAITING,
}
# Of several submissions of a participant, the one that matters most for their pay.
PRIORITY = [
    *(Status.APPROVED, Status.AWAITING, Status.ACTIVE, Status.REJECTED, Status.TIMED_OUT, Status.RETURNED),
    Status.OTHER,
]


@dataclass(frozen=True)
class PlatformSubmission:
    """A line of the file. `code` is None if the file has no column for it, and empty if the participant sent none."""

    line: int
    participant: str
    session: str
    status: Status
    status_text: str
    code: str | None


def read_submissions(name: str, content: bytes) -> list[PlatformSubmission]:
    """Return the submissions of a file, one for each participant. Raises UserError, naming lines with faults.

    >>> text = b"STATUS;Participant-ID;completion_code\\nTIMED-OUT;5f3c;\\nAwaiting Review;5f3c;C1\\n"
    >>> [(row.participant, row.status.name, row.code) for row in read_submissions("prolific.csv", text)]
    [('5f3c', 'AWAITING', 'C1')]
    """
    lines = list(_lines(name, content))
    place, rows = _header(name, lines)
    faults = [row for row in rows if isinstance(row, Refusal)]
    if faults:
        raise all_refused(gettext("%(file)s was not used.") % {"file": name}, faults)
    submissions = [_submission(row, place) for row in rows if not isinstance(row, Refusal)]
    if not submissions:
        raise UserError(gettext("%(file)s has no submissions below its first line.") % {"file": name})
    best: dict[str, PlatformSubmission] = {}
    for each in sorted(submissions, key=lambda row: PRIORITY.index(row.status)):
        best.setdefault(each.participant, each)
    return sorted(best.values(), key=lambda row: row.line)


Line = tuple[int, list[str]]


def _lines(name: str, content: bytes) -> Iterator[Line]:
    """Yield the lines that are not blank, numbered as in the file."""
    text = _text(name, content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    # A spreadsheet writes semicolons or tabs in some countries.
    delimiter = max(DELIMITERS, key=lambda sign: (first.count(sign), -DELIMITERS.index(sign)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, [cell.strip() for cell in cells]
            number = reader.line_num + 1
            if number > MOST_LINES:
                message = gettext("%(file)s has more than %(n)s lines: this is no file of one study.")
                raise UserError(message % {"file": name, "n": f"{MOST_LINES:,}"})
    except csv.Error as error:
        message = gettext("%(file)s, line %(line)s: %(reason)s. Export the file again.")
        raise UserError(message % {"file": name, "line": reader.line_num, "reason": error}) from error


def _text(name: str, content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        message = gettext("%(file)s is no text file: export the submissions as CSV, and choose that file.")
        raise UserError(message % {"file": name}) from error


def _header(name: str, lines: list[Line]) -> tuple[dict[str, int], list[Line | Refusal]]:
    """Return the place of each column, and the checked rows below. Raises UserError if a column is missing."""
    if not lines:
        raise UserError(gettext("%(file)s is empty.") % {"file": name})
    header = [_letters(cell) for cell in lines[0][1]]
    place: dict[str, int] = {}
    for column, names in COLUMN_NAMES.items():
        places = [number for number, text in enumerate(header) if text in names]
        if len(places) > 1:
            message = gettext("%(file)s has two columns for the same: “%(first)s” and “%(second)s”. Remove one.")
            first, second = (lines[0][1][number] for number in places[:2])
            raise UserError(message % {"file": name, "first": first, "second": second})
        if places:
            place[column] = places[0]
    absent = [column for column in REQUIRED if column not in place]
    if absent:
        titles = {"participant": "Participant id", "status": "Status"}
        message = gettext(
            "%(file)s has no column “%(column)s” in its first line. Choose the file that Prolific exports with the "
            "submissions of one study."
        )
        raise UserError(message % {"file": name, "column": titles[absent[0]]})
    return place, [_checked(number, cells, len(header), place) for number, cells in lines[1:]]


def _checked(number: int, cells: list[str], width: int, place: dict[str, int]) -> Line | Refusal:
    where = gettext("line %(line)s") % {"line": number}
    if any(cells[width:]):
        return Refusal(where, gettext("the line has more cells than the first line"))
    cells = cells + [""] * (width - len(cells))
    used = [cells[each] for each in place.values()]
    if not are_texts(used) or any(len(cell) > LONGEST_CELL for cell in used):
        return Refusal(where, gettext("a cell is too long, or contains control characters"))
    if not cells[place["participant"]]:
        return Refusal(where, gettext("the participant’s ID is missing"))
    return number, cells


def _submission(line: Line, place: dict[str, int]) -> PlatformSubmission:
    number, cells = line
    cell = {column: cells[where] for column, where in place.items()}
    code = cell.get("code")
    return PlatformSubmission(
        line=number,
        participant=cell["participant"],
        session=cell.get("session", ""),
        status=_status(cell["status"]),
        status_text=cell["status"],
        code="" if code is not None and _letters(code) in NO_CODES else code,
    )


def _status(text: str) -> Status:
    letters = _letters(text)
    if letters in SAME_STATUS:
        return SAME_STATUS[letters]
    return next((status for status in Status if status.value == letters), Status.OTHER)


def _letters(text: str) -> str:
    return "".join(sign for sign in normalize("NFKC", text).casefold() if sign.isalnum())
