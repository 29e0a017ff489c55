"""The copy of an answer that travels through the marketplace, to recover the votes if our answer is lost.

A marketplace returns it field by field, as the worker sent it. The copy proves nothing; the receipt beside it does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

RECEIPT = "receipt"
# An empty field may be dropped on the way; it would then look like a missing one.
NOTHING = "none"
MOST_VALUES = 1000
LEASE = re.compile(r"[A-Za-z0-9_-]{1,32}")
VALUE = re.compile(r"[A-Za-z0-9_-]{1,32}")


class BadCopy(ValueError):
    """Fields that hold no copy of an answer; the message is the reason."""


@dataclass(frozen=True)
class AnswerCopy:
    """`lease` is the public id of the lease; `selected` are the values of the page's checked boxes, `main` its mark.

    `maybe` are the values with the third answer, `unseen` the photographs that were not loaded or not seen.
    """

    lease: str
    selected: tuple[str, ...]
    main: str = ""
    maybe: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def says_the_same_as(self, other: "AnswerCopy") -> bool:
        """Return whether both are the same answer, in any order of selection.

        What was unseen may differ: it only takes votes away, and an older page does not say it.
        """
        same_page = (self.lease, self.main) == (other.lease, other.main)
        return same_page and set(self.selected) == set(other.selected) and set(self.maybe) == set(other.maybe)


def encode(copy: AnswerCopy) -> dict[str, str]:
    """Return the fields of a form, by name; none of them is empty.

    >>> encode(AnswerCopy("Ab3", ("7", "12"), "12"))
    {'lease': 'Ab3', 'selected': '7 12', 'main': '12'}
    >>> encode(AnswerCopy("Ab3", (), unseen=("x", "y")))
    {'lease': 'Ab3', 'selected': 'none', 'unseen': 'x y'}
    """
    fields = {"lease": copy.lease, "selected": " ".join(copy.selected) or NOTHING}
    further = {"main": copy.main, "maybe": " ".join(copy.maybe), "unseen": " ".join(copy.unseen)}
    return fields | {name: value for name, value in further.items() if value}


def decode(fields: Mapping[str, str]) -> AnswerCopy:
    """Return the copy that `encode` turned into these fields; ignore other fields. Raises BadCopy.

    A field that is missing is empty, as in copies of earlier pages, but for the selection.

    >>> decode({"lease": "Ab3", "selected": "7 12", "main": "12", "receipt": "…"})
    AnswerCopy(lease='Ab3', selected=('7', '12'), main='12', maybe=(), unseen=())
    """
    lease, selection, main = (fields.get(name, "").strip() for name in ("lease", "selected", "main"))
    if not LEASE.fullmatch(lease):
        raise BadCopy("The answer does not name its page.")
    if not selection:
        raise BadCopy("The answer does not name the selection.")
    selected, maybe, unseen = (_values(text) for text in (selection, fields.get("maybe", ""), fields.get("unseen", "")))
    if main and not VALUE.fullmatch(main):
        raise BadCopy(f"{main[:40]!r} is not a value of a page.")
    return AnswerCopy(lease, selected, main, maybe, unseen)


def _values(text: str) -> tuple[str, ...]:
    values = () if text.strip() == NOTHING else tuple(text.split())
    if len(values) > MOST_VALUES or len(set(values)) < len(values):
        raise BadCopy(f"The answer has a repeated value, or more than {MOST_VALUES} values.")
    broken = [value for value in values if not VALUE.fullmatch(value)]
    if broken:
        raise BadCopy(f"{broken[0][:40]!r} is not a value of a page.")
    return values
