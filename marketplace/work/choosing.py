"""Filter and order of the list of groups."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from marketplace.prices import cents_of
from marketplace.work.reads import Group

ORDERS: dict[str, tuple[Promise, Callable[[Group], Any]]] = {
    "newest": (gettext_lazy("Newest first"), lambda group: group.newest),
    "reward": (gettext_lazy("Highest reward first"), lambda group: group.hit_type.reward_cents),
    "hits": (gettext_lazy("Most HITs first"), lambda group: group.n_hits),
    "time": (gettext_lazy("Longest time allowed first"), lambda group: group.hit_type.assignment_seconds),
}


@dataclass(frozen=True)
class Choice:
    """The filter of the form above the list; values without a meaning are ignored."""

    words: str = ""
    order: str = "newest"
    least_cents: int = 0
    only_qualified: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Choice":
        order = query.get("order", "")
        words = query.get("q", "").strip()[:200]
        return cls(words, order if order in ORDERS else "newest", cents(query.get("reward", "")), "mine" in query)

    @property
    def orders(self) -> list[tuple[str, Promise]]:
        return [(name, words) for name, (words, _) in ORDERS.items()]


def cents(text: str) -> int:
    """Return an amount that somebody typed, in cents; 0 if it is not a number.

    >>> cents("0.10"), cents(" $2"), cents("much")
    (10, 200, 0)
    """
    try:
        return max(0, cents_of(text.strip().removeprefix("$")[:8]))
    except ValueError:
        return 0


def select_groups(groups: list[Group], choice: Choice) -> list[Group]:
    """Return the groups that match the choice, in its order."""
    matching = [group for group in groups if matches(group, choice)]
    return sorted(matching, key=ORDERS[choice.order][1], reverse=True)


def matches(group: Group, choice: Choice) -> bool:
    kind = group.hit_type
    text = " ".join([kind.title, kind.description, kind.keywords, kind.requester.name]).casefold()
    has_words = all(word in text for word in choice.words.casefold().split())
    return has_words and kind.reward_cents >= choice.least_cents and (group.can_accept or not choice.only_qualified)
