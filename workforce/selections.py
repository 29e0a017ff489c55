"""What an answer selects, told apart from what a page says besides."""

from collections.abc import Collection, Mapping
from typing import Any

# The fields of a page that a person filled in.
SELECTION = ("selected", "maybe", "main")


def selects_the_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two answers, or what pages send of them, select the same, in any order.

    >>> selects_the_same({"selected": [3, 5], "main": 3}, {"selected": [5, 3], "main": 3, "maybe": []})
    True
    >>> selects_the_same({"selected": ["a"]}, {"selected": [], "maybe": ["a"]})
    False
    """
    return all(_texts(first.get(name)) == _texts(second.get(name)) for name in SELECTION)


def _texts(value: object) -> Collection[str]:
    values = value if isinstance(value, list) else [value]
    return {str(each) for each in values if each not in (None, "")}
