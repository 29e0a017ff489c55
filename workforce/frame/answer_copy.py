"""The copy of an answer that travels through the marketplace: if ours is lost, the votes are read from it.

A marketplace hands it back field by field, as a person sent it. Nothing in it is proof; the receipt beside it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

RECEIPT = "receipt"
# An empty field may be dropped on the way, and would then look like one that never was there.
NOTHING = "none"
MOST_VALUES = 1000
LEASE = re.compile(r"[A-Za-z0-9_-]{1,32}")
VALUE = re.compile(r"[A-Za-z0-9_-]{1,32}")


class BadCopy(ValueError):
    """These fields hold no copy of an answer; the message says why."""


@dataclass(frozen=True)
class AnswerCopy:
    """`lease` is the public id of the lease; `selected` are the values of the page's ticked boxes, `main` its mark."""

    lease: str
    selected: tuple[str, ...]
    main: str = ""

    def says_the_same_as(self, other: "AnswerCopy") -> bool:
        """In whatever order it was ticked."""
        same_page = (self.lease, self.main) == (other.lease, other.main)
        return same_page and set(self.selected) == set(other.selected)


def encode(copy: AnswerCopy) -> dict[str, str]:
    """The fields of a form, by name; none of them is empty.

    >>> encode(AnswerCopy("Ab3", ("7", "12"), "12"))
    {'lease': 'Ab3', 'selected': '7 12', 'main': '12'}
    >>> encode(AnswerCopy("Ab3", ()))
    {'lease': 'Ab3', 'selected': 'none'}
    """
    fields = {"lease": copy.lease, "selected": " ".join(copy.selected) or NOTHING}
    return fields | ({"main": copy.main} if copy.main else {})


def decode(fields: Mapping[str, str]) -> AnswerCopy:
    """What `encode` was given. Other fields do not matter. Raises BadCopy.

    >>> decode({"lease": "Ab3", "selected": "7 12", "main": "12", "receipt": "…"})
    AnswerCopy(lease='Ab3', selected=('7', '12'), main='12')
    """
    lease, ticked, main = (fields.get(name, "").strip() for name in ("lease", "selected", "main"))
    if not LEASE.fullmatch(lease):
        raise BadCopy("The answer does not say to which page it belongs.")
    if not ticked:
        raise BadCopy("The answer does not say what was ticked.")
    selected = () if ticked == NOTHING else tuple(ticked.split())
    if len(selected) > MOST_VALUES or len(set(selected)) < len(selected):
        raise BadCopy(f"The answer has a value twice, or more than {MOST_VALUES} of them.")
    broken = [value for value in (*selected, *filter(None, [main])) if not VALUE.fullmatch(value)]
    if broken:
        raise BadCopy(f"{broken[0][:40]!r} is not a value of a page.")
    return AnswerCopy(lease, selected, main)
