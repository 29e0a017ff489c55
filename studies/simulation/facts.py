"""Facts of the page of a simulated person: photographs seen, marks and times, as browsers measure them."""

from collections.abc import Sequence
from random import Random
from typing import Any

from studies.simulation.pages import PageForm
from studies.simulation.people import Person

VIEWPORTS = ([1440, 900, 2.0], [1920, 1080, 1.0], [390, 844, 3.0])
SHORTEST_SECONDS = 0.15


def facts_of(person: Person, form: PageForm, selected: Sequence[str]) -> dict[str, Any]:
    """Return the facts of a page for its answer. Time is played, too: nobody waits for it."""
    # Only their place counts, which is the seed's; handles differ in every run.
    chance = Random(f"{person.seed}/times/{person.number}/{len(form.choices['selected'])}/{len(selected)}")
    is_form = "main" in form.choices
    handles = form.photographs if is_form else form.choices["selected"]
    looks = {handle: _milliseconds(person, chance) for handle in handles}
    marks: list[list[Any]] = []
    moment = 0
    for value in form.choices["selected"]:
        moment += _milliseconds(person, chance) if is_form else looks[value]
        if value in selected:
            marks.append([moment, int(value) if is_form else value, 1])
    open_ms = moment + 1000
    return {
        "photographs": {handle: [1, milliseconds] for handle, milliseconds in looks.items()},
        "marks": marks,
        "page": {
            "active_ms": open_ms,
            "open_ms": open_ms,
            "input": ["mouse"],
            "viewport": list(VIEWPORTS[person.body % len(VIEWPORTS)]),
        },
    }


def _milliseconds(person: Person, chance: Random) -> int:
    seconds = person.seconds * chance.lognormvariate(0, 0.4)
    return round(1000 * max(SHORTEST_SECONDS, seconds))
