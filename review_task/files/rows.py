"""The rows of a file that holds a whole review: what was asked, and all that was said, in its order.

A file is JSON lines. `row` says what a line is: one `review` first, its pages and items, who took part in which page,
and then what they said. Reviewers are pseudonyms, labels class indexes, times ISO 8601 with a zone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils.translation import gettext

from catalog.errors import UserError
from review_task.models import Item, Review, VerdictValue

LONGEST_NAME = 500
LONGEST_TITLE = 200
LONGEST_WORDS = 2000
LARGEST_NUMBER = 2**31 - 1


class BadReviewRow(UserError):
    """A row that is none of a review's. The reader of the file adds the line."""


@dataclass(frozen=True)
class ReviewRow:
    row: ClassVar[str] = "review"
    title: str
    stage: str
    n_reviewers: int
    seed: int
    earlier: str | None
    classifier: str | None
    reasons: list[str]


@dataclass(frozen=True)
class PageRow:
    row: ClassVar[str] = "page"
    page: int
    page_label: int | None


@dataclass(frozen=True)
class ItemRow:
    row: ClassVar[str] = "item"
    page: int
    image: str
    dataset_label: int | None
    label: int
    n_models: int
    origin: str


@dataclass(frozen=True)
class ReviewerRow:
    """Somebody who took part in a page."""

    row: ClassVar[str] = "reviewer"
    page: int
    reviewer: str
    state: str
    submitted_at: str


@dataclass(frozen=True)
class VerdictRow:
    row: ClassVar[str] = "verdict"
    page: int
    image: str
    label: int
    reviewer: str
    verdict: str
    category: str
    severity: str
    created_at: str


@dataclass(frozen=True)
class ProblemRow:
    row: ClassVar[str] = "problem"
    page: int
    image: str
    reviewer: str
    reason: str
    is_set: bool
    created_at: str


@dataclass(frozen=True)
class FurtherLabelRow:
    row: ClassVar[str] = "further_label"
    page: int
    image: str
    reviewer: str
    further_label: int | None
    words: str
    is_set: bool
    created_at: str


@dataclass(frozen=True)
class CommentRow:
    row: ClassVar[str] = "comment"
    page: int
    image: str
    label: int
    reviewer: str
    words: str
    created_at: str


@dataclass(frozen=True)
class ConsensusRow:
    row: ClassVar[str] = "consensus"
    page: int
    image: str
    label: int
    reviewer: str
    verdict: str
    category: str
    severity: str
    created_at: str


Row = (
    ReviewRow | PageRow | ItemRow | ReviewerRow | VerdictRow | ProblemRow | FurtherLabelRow | CommentRow | ConsensusRow
)
ROWS: tuple[type[Row], ...] = (
    *(ReviewRow, PageRow, ItemRow, ReviewerRow, VerdictRow),
    *(ProblemRow, FurtherLabelRow, CommentRow, ConsensusRow),
)
KINDS = {kind.row: kind for kind in ROWS}


@dataclass
class ReviewLog:
    """A whole review. Rows of each kind are in the order in which they came to be."""

    review: ReviewRow
    pages: list[PageRow] = field(default_factory=list)
    items: list[ItemRow] = field(default_factory=list)
    reviewers: list[ReviewerRow] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    problems: list[ProblemRow] = field(default_factory=list)
    further_labels: list[FurtherLabelRow] = field(default_factory=list)
    comments: list[CommentRow] = field(default_factory=list)
    consensus: list[ConsensusRow] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        yield self.review
        for name in (name.name for name in fields(self)[1:]):
            yield from getattr(self, name)

    def add(self, row: Row) -> None:
        """Put a row into its list."""
        for rows, kind in self._lists():
            if isinstance(row, kind):
                rows.append(row)
                return
        raise BadReviewRow(gettext("a file holds one review; this is the second row “review”."))

    def _lists(self) -> list[tuple[list[Any], type[Row]]]:
        return [
            (self.pages, PageRow),
            (self.items, ItemRow),
            (self.reviewers, ReviewerRow),
            (self.verdicts, VerdictRow),
            (self.problems, ProblemRow),
            (self.further_labels, FurtherLabelRow),
            (self.comments, CommentRow),
            (self.consensus, ConsensusRow),
        ]


def line_of(row: Row) -> dict[str, Any]:
    """Return a row as it is written."""
    return {"row": row.row, **asdict(row)}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER


def _is_index(value: Any) -> bool:
    return value is None or _is_whole(value)


def _is_text(value: Any, most: int = LONGEST_WORDS) -> bool:
    return isinstance(value, str) and len(value) <= most and "\0" not in value and _shown(value) == value


def _is_name(value: Any) -> bool:
    return _is_text(value, LONGEST_NAME) and bool(value) and value.isprintable()


def _is_moment(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value)
        # Near the ends of the calendar a time may have none in UTC.
        return moment.tzinfo is not None and moment.astimezone(UTC).year > 1
    except (TypeError, ValueError, OverflowError):
        return False


def _is_title(value: Any) -> bool:
    return _is_text(value, LONGEST_TITLE) and bool(value)


def _shown(text: str) -> str:
    """Return a text without halves of characters, which JSON can write and nothing else can hold."""
    return text.encode(errors="backslashreplace").decode()


def _is_one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


# What the cells of a name may hold, in rows of whatever kind.
CELLS: Mapping[str, Callable[[Any], bool]] = {
    "title": _is_title,
    "stage": _is_one_of(*Review.Stage.values),
    "n_reviewers": lambda value: _is_whole(value) and 1 <= value <= 100,
    "seed": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63,
    "earlier": lambda value: value is None or _is_title(value),
    "classifier": lambda value: value is None or _is_name(value),
    "reasons": lambda value: isinstance(value, list) and all(_is_text(reason, 100) and reason for reason in value),
    "page": _is_whole,
    "page_label": _is_index,
    "image": _is_name,
    "dataset_label": _is_index,
    "label": _is_whole,
    "further_label": _is_index,
    "n_models": lambda value: _is_whole(value) and value < 2**15,
    "origin": _is_one_of(*Item.Origin.values),
    "reviewer": lambda value: _is_name(value) and len(value) <= 150,
    "state": _is_one_of("confirmed", "surplus", "excluded"),
    "verdict": _is_one_of(*VerdictValue.values),
    "category": lambda value: _is_text(value, 60),
    "severity": lambda value: _is_text(value, 20),
    "reason": lambda value: _is_text(value, 100) and bool(value),
    "words": _is_text,
    "is_set": lambda value: isinstance(value, bool),
    "created_at": _is_moment,
    "submitted_at": _is_moment,
}


def row_in(line: Any) -> Row:
    """Return the row that a line of a file holds. Raises BadReviewRow."""
    kind = KINDS.get(str(line.get("row", ""))) if isinstance(line, dict) else None
    if kind is None:
        message = gettext("a line must be an object whose “row” is one of: %(kinds)s.")
        raise BadReviewRow(message % {"kinds": ", ".join(KINDS)})
    names = [cell.name for cell in fields(kind)]
    lacking = [name for name in names if name not in line]
    if lacking:
        message = gettext("the row “%(row)s” lacks %(lacking)s.")
        raise BadReviewRow(message % {"row": kind.row, "lacking": ", ".join(lacking)})
    for name in names:
        _check(kind.row, name, line[name])
    return kind(**{name: line[name] for name in names})


def _check(row: str, name: str, value: Any) -> None:
    if not CELLS[name](value):
        message = gettext("%(name)s of a row “%(row)s” cannot be “%(value)s”.")
        raise BadReviewRow(message % {"name": name, "row": row, "value": _shown(str(value)[:50])})
