"""Which groups a worker wants to see, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.prices import cents_of
from marketplace.work.reads import Group

ORDERS: dict[str, tuple[str, Callable[[Group], Any]]] = {
    "newest": ("newest first", lambda group: group.newest),
    "reward": ("highest reward first", lambda group: group.hit_type.reward_cents),
    "hits": ("most HITs first", lambda group: group.n_hits),
    "time": ("longest time allowed first", lambda group: group.hit_type.assignment_seconds),
}


@dataclass(frozen=True)
class Choice:
    """What the form above the list asks for; whatever it cannot mean is left out."""

    words: str = ""
    order: str = "newest"
    least_cents: int = 0
    only_qualified: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Choice":
        order = query.get("order", "")
        words = query.get("q", "").strip()[:200]
        return cls(words, order if order in ORDERS else "newest", cents(query.get("reward", "")), "mine" in query)

    @property
    def orders(self) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in ORDERS.items()]


def cents(text: str) -> int:
    """
    >>> cents("0.10"), cents(" $2"), cents("much")
    (10, 200, 0)
    """
    try:
        return max(0, cents_of(text.strip().removeprefix("$")[:8]))
    except ValueError:
        return 0


def chosen(groups: list[Group], choice: Choice) -> list[Group]:
    """Those that fit, in the order that was asked for."""
    wanted = [group for group in groups if fits(group, choice)]
    return sorted(wanted, key=ORDERS[choice.order][1], reverse=True)


def fits(group: Group, choice: Choice) -> bool:
    kind = group.hit_type
    text = " ".join([kind.title, kind.description, kind.keywords, kind.requester.name]).casefold()
    has_words = all(word in text for word in choice.words.casefold().split())
    return has_words and kind.reward_cents >= choice.least_cents and (group.can_accept or not choice.only_qualified)
