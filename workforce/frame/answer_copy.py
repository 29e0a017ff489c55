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
    """`lease` is the public id of the lease; `selected` are the values of the page's checked boxes, `main` its mark."""

    lease: str
    selected: tuple[str, ...]
    main: str = ""

    def says_the_same_as(self, other: "AnswerCopy") -> bool:
        """Return whether both are the same answer, in any order of selection."""
        same_page = (self.lease, self.main) == (other.lease, other.main)
        return same_page and set(self.selected) == set(other.selected)


def encode(copy: AnswerCopy) -> dict[str, str]:
    """Return the fields of a form, by name; none of them is empty.

    >>> encode(AnswerCopy("Ab3", ("7", "12"), "12"))
    {'lease': 'Ab3', 'selected': '7 12', 'main': '12'}
    >>> encode(AnswerCopy("Ab3", ()))
    {'lease': 'Ab3', 'selected': 'none'}
    """
    fields = {"lease": copy.lease, "selected": " ".join(copy.selected) or NOTHING}
    return fields | ({"main": copy.main} if copy.main else {})


def decode(fields: Mapping[str, str]) -> AnswerCopy:
    """Return the copy that `encode` turned into these fields; ignore other fields. Raises BadCopy.

    >>> decode({"lease": "Ab3", "selected": "7 12", "main": "12", "receipt": "…"})
    AnswerCopy(lease='Ab3', selected=('7', '12'), main='12')
    """
    lease, selection, main = (fields.get(name, "").strip() for name in ("lease", "selected", "main"))
    if not LEASE.fullmatch(lease):
        raise BadCopy("The answer does not name its page.")
    if not selection:
        raise BadCopy("The answer does not name the selection.")
    selected = () if selection == NOTHING else tuple(selection.split())
    if len(selected) > MOST_VALUES or len(set(selected)) < len(selected):
        raise BadCopy(f"The answer has a repeated value, or more than {MOST_VALUES} values.")
    broken = [value for value in (*selected, *filter(None, [main])) if not VALUE.fullmatch(value)]
    if broken:
        raise BadCopy(f"{broken[0][:40]!r} is not a value of a page.")
    return AnswerCopy(lease, selected, main)
