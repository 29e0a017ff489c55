"""Facts of the cells of a raw answer, as columns of votes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def cell_facts(answer: Mapping[str, Any], images: Mapping[str, int]) -> dict[str, list[Any]]:
    """Return parallel lists of image ids, places, milliseconds in view and changes, an array of SQL each.

    `images` are the grid's image ids by public id. A raw answer without facts, as a replayed one, has none.

    >>> answer = {"shown": ["b", "a"], "facts": {"photographs": [[1, 900], None], "marks": [[50, 0, 1], [70, 0, 0]]}}
    >>> cell_facts(answer, {"a": 1, "b": 2})
    {'images': [2, 1], 'places': [0, 1], 'seen_ms': [900, None], 'marks': ['{50,1,70,0}', None]}
    """
    facts = answer.get("facts")
    shown = [public_id for public_id in answer.get("shown", ()) if public_id in images] if facts else []
    facts = facts or {}
    looks = facts.get("photographs") or [None] * len(shown)
    marks = _marks(facts.get("marks", ()))
    return {
        "images": [images[public_id] for public_id in shown],
        "places": list(range(len(shown))),
        "seen_ms": [look and look[1] for look in looks],
        "marks": [marks.get(place) for place in range(len(shown))],
    }


def _marks(entries: Iterable[list[int]]) -> dict[int, str]:
    changes: dict[int, list[int]] = defaultdict(list)
    for milliseconds, place, state in entries:
        changes[place] += [milliseconds, state]
    return {place: "{" + ",".join(map(str, change)) + "}" for place, change in changes.items()}
