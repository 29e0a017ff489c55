"""Reading of the facts that a page sends with an answer.

A browser sends them, so they are untrusted: an impossible value is dropped, and no answer is refused for it. Nothing in
them adds a vote; a photograph that was not seen takes one away.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Func, TextField
from django.http import HttpRequest
from django.utils.translation import get_language

from workforce.consents.reads import consent_of
from workforce.facts.instructions import instructions_version
from workforce.forms import LONGEST_PAUSE_SECONDS
from workforce.models import Lease

# A photograph in view for less is not seen: half of its tile, on a visible page.
SHORTEST_LOOK_MS = 100
LONGEST_MS = LONGEST_PAUSE_SECONDS * 1000
# Changes of mind on a page, of which the first ones are stored: a page has at most 500 photographs.
MOST_MARKS = 2000
MAIN = "main"
STATES = (0, 1, 2)
INPUTS = ("touch", "mouse", "keyboard", "pen")
LARGEST_SIDE = 100_000
# Of a coarse trace: the second, and percents of the page's width, height and length.
LARGEST_MOMENT = (LONGEST_PAUSE_SECONDS, 100, 100, 100)
# Each takes up to 22 characters, so that all of them stay within 2 kB.
MOST_MOMENTS = 90
# Most specific first: Edge and Opera call themselves Chrome too, and all of them Safari.
BROWSERS = (
    *(("Edge", "Edg(?:A|iOS)?"), ("Opera", "OPR"), ("Samsung Internet", "SamsungBrowser")),
    *(("Firefox", "Firefox|FxiOS"), ("Chrome", "Chrome|CriOS|HeadlessChrome"), ("Safari", "Version")),
)
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "CrOS", "Macintosh", "Linux")
BUILD = r"/(\d[\d.]{0,31})"
LONGEST_USER_AGENT = 1000

Facts = dict[str, Any]
# Columns of a file of votes, behind all others: facts of the page and its browser, empty where the page sent none.
FACT_COLUMNS = ("active_ms", "open_ms", "input", "viewport", "browser", "language", "instructions", "consent")


class AnswerFacts(NamedTuple):
    """Facts to store with an answer, and the handles of photographs that were not loaded or not seen."""

    stored: Mapping[str, Any] = {}
    unseen: frozenset[str] = frozenset()


NO_FACTS = AnswerFacts()


def facts_in(
    request: HttpRequest,
    lease: Lease,
    fields: Mapping[str, Any],
    photographs: Collection[str],
    labels: Sequence[int] = (),
) -> AnswerFacts:
    """Return the facts among the fields of a lease's page.

    `photographs` are the handles of the page, in its order; `labels` the class indexes of a form. The stored facts name
    a photograph by its position in that order.
    """
    looks = _looks(fields.get("photographs"), photographs)
    unloaded = frozenset(values_in(fields, "unloaded")).intersection(photographs)
    unseen = unloaded.union(handle for handle, look in looks.items() if not _is_seen(look))
    consent = consent_of(lease)
    stored: Facts = {
        "browser": browser_of(request.headers.get("User-Agent", "")),
        "language": get_language() or "",
        # Null if the study has no consent text, or if nobody pressed Start before this answer.
        "versions": {"instructions": instructions_version(lease.hit.batch.kind), "consent": consent.version},
    }
    if consent.trace:
        stored |= _if_any("trace", trace_in(fields.get("trace")))
    if looks:
        stored["photographs"] = [looks.get(handle) for handle in photographs]
    values: dict[object, int] = {handle: position for position, handle in enumerate(photographs)}
    values |= {form: index for index in labels for form in (index, str(index))}
    stored |= _if_any("marks", _marks(fields.get("marks"), values, labels)) | _if_any("page", _page(fields.get("page")))
    return AnswerFacts(stored, unseen)


def values_in(fields: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a field that may come several times; none for anything else."""
    values = fields.getlist(name) if hasattr(fields, "getlist") else fields.get(name)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def facts_field(facts: AnswerFacts) -> dict[str, Any]:
    """Return the field of a raw answer for its facts; none without facts."""
    return {"facts": dict(facts.stored)} if facts.stored else {}


def unseen_field(unseen: Collection[str]) -> dict[str, list[str]]:
    """Return the field of a raw answer for unseen photographs (public ids); none if all were seen."""
    return {"unseen": sorted(unseen)} if unseen else {}


class PageFacts(Func):
    """The facts of a raw answer as JSON text, without those of single photographs, which would be most of it."""

    template = "((%(expressions)s -> 'facts') - ARRAY['photographs', 'marks', 'trace'])::text"
    output_field = TextField()


# A page has many votes, and a file sorts them by image.
@lru_cache(maxsize=20_000)
def fact_cells(page_facts: str | None) -> Mapping[str, Any]:
    """Return the FACT_COLUMNS of a row, from the text of `PageFacts`.

    >>> cells = fact_cells('{"language": "de", "page": {"viewport": [390, 844, 2.5], "input": ["touch", "pen"]}}')
    >>> {column: cell for column, cell in cells.items() if cell is not None}
    {'input': 'touch pen', 'viewport': '390x844@2.5', 'language': 'de'}
    """
    facts: Facts = json.loads(page_facts) if page_facts else {}
    page, versions = facts.get("page", {}), facts.get("versions", {})
    width, height, density = page.get("viewport") or (None, None, None)
    return {
        "active_ms": page.get("active_ms"),
        "open_ms": page.get("open_ms"),
        "input": " ".join(page.get("input", ())) or None,
        "viewport": f"{width}x{height}@{density}" if width else None,
        "browser": facts.get("browser"),
        "language": facts.get("language"),
        "instructions": versions.get("instructions"),
        "consent": versions.get("consent"),
    }


def browser_of(user_agent: str) -> str:
    """Return the browser, its build and its system, as far as a browser names them; nothing else of the text.

    >>> browser_of("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    'Firefox 128.0, Linux'
    >>> browser_of("curl/8.5.0"), browser_of("")
    ('', '')
    """
    text = user_agent[:LONGEST_USER_AGENT]
    matches = ((name, re.search(rf"\b(?:{token}){BUILD}", text)) for name, token in BROWSERS)
    build = next((f"{name} {match[1]}" for name, match in matches if match), "")
    system = next((name for name in SYSTEMS if name in text), "")
    return ", ".join(filter(None, [build, system]))


def _if_any(name: str, values: Any) -> Facts:
    return {name: values} if values else {}


def _looks(entries: object, photographs: Collection[str]) -> dict[str, list[int]]:
    """Return [loaded, milliseconds in view] of the photographs that a page says both of."""
    if not isinstance(entries, dict):
        return {}
    return {handle: look for handle in photographs if (look := _look(entries.get(handle)))}


def _look(entry: object) -> list[int] | None:
    if not isinstance(entry, list) or len(entry) != 2:
        return None
    loaded, seen = entry
    milliseconds = whole(seen, LONGEST_MS)
    return None if loaded not in (0, 1) or milliseconds is None else [int(loaded), milliseconds]


def _is_seen(look: Sequence[int]) -> bool:
    loaded, milliseconds = look
    return bool(loaded) and milliseconds >= SHORTEST_LOOK_MS


def _marks(entries: object, values: Mapping[object, int], labels: Sequence[int]) -> list[list[Any]]:
    """Return [milliseconds, position or class index, state] of each change.

    For a main label it is [milliseconds, "main", class index].
    """
    marks = entries if isinstance(entries, list) else []
    return [mark for entry in marks[:MOST_MARKS] if (mark := _mark(entry, values, labels))]


def _mark(entry: object, values: Mapping[object, int], labels: Sequence[int]) -> list[Any] | None:
    if not isinstance(entry, list) or len(entry) != 3 or type(entry[1]) not in (int, str):
        return None
    moment, value, state = whole(entry[0], LONGEST_MS), entry[1], entry[2]
    if moment is None or type(state) not in (int, str):
        return None
    if value == MAIN and labels:
        return [moment, MAIN, values[state]] if state in values else None
    return [moment, values[value], state] if value in values and state in STATES else None


def _page(entry: object) -> Facts:
    if not isinstance(entry, dict):
        return {}
    times = {name: whole(entry.get(name), LONGEST_MS) for name in ("active_ms", "open_ms")}
    facts: Facts = {name: milliseconds for name, milliseconds in times.items() if milliseconds is not None}
    inputs = entry.get("input")
    kinds = [kind for kind in INPUTS if kind in inputs] if isinstance(inputs, list) else []
    return facts | _if_any("input", kinds) | _if_any("viewport", _viewport(entry.get("viewport")))


def trace_in(entries: object) -> list[list[int]]:
    """Return [second, x, y, scrolled] of each moment, the last three in percent: one a second, as many as fit 2 kB.

    >>> trace_in([[0, 50, 50, 0], [0, 51, 50, 0], [3, 10, 101, 0], [4, 10, 99, 7.6]])
    [[0, 50, 50, 0], [4, 10, 99, 8]]
    """
    trace: list[list[int]] = []
    for entry in entries[:MOST_MOMENTS] if isinstance(entries, list) else []:
        moment = _moment(entry)
        if moment and (not trace or moment[0] > trace[-1][0]):
            trace.append(moment)
    return trace


def _moment(entry: object) -> list[int]:
    if not isinstance(entry, list) or len(entry) != len(LARGEST_MOMENT):
        return []
    moment = [
        number for value, most in zip(entry, LARGEST_MOMENT, strict=True) if (number := whole(value, most)) is not None
    ]
    return moment if len(moment) == len(LARGEST_MOMENT) else []


def _viewport(entry: object) -> list[float]:
    """Return width, height and the density of pixels."""
    if not isinstance(entry, list) or len(entry) != 3:
        return []
    width, height, density = whole(entry[0], LARGEST_SIDE), whole(entry[1], LARGEST_SIDE), entry[2]
    if not width or not height or not is_number(density) or not 0 < density <= 100:
        return []
    return [width, height, round(float(density), 2)]


def whole(value: object, most: int) -> int | None:
    """Return a number from 0 to `most`, rounded; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value) if 0 <= value <= most else None


def is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))
