"""The people of every run, and their tasks; with `./test --soak` everybody works at every task in every place.

In the frame those work whose way differs there, and all others on links: each at one of the two tasks, most of them.
Whoever misses a mend works, every time, at the task and in the place where they miss it.
"""

from typing import Any

import pytest

from tests.chance import SOAK
from tests.people.corpus import PEOPLE
from tests.people.mends import MENDS
from tests.people.person import FORM, FRAME, GRID, LINK, TASKS, Person

# The others work at the grid if they have a script for it.
AT_FORMS_ON_LINKS = {
    "agrees by keyboard alone",
    "declines by keyboard",
    "double-clicks Submit without scripts",
    "enlarges a photograph, and closes it by Escape",
    "has no scripts",
    "has two tabs that differ, and takes the other",
    "hears the page in the order of a screen reader",
    "meets a site that is not ready",
    "presses Enter to select",
    "presses Submit again and again",
    "reloads in the middle",
    "submits in one tab and then in the other",
    "submits without a network, which comes back",
    "taps on a tablet held upright",
    "uses the keyboard alone",
    "works in the dark",
    "zooms to 200 %",
}
IN_THE_FRAME = {
    "agrees without scripts": (FORM,),
    "begins, then leaves and sends nothing": (GRID,),
    "declines, and thinks again": (FORM,),
    "gets no photographs at all": (GRID,),
    "goes back after submitting": (FORM,),
    "has a page in Spanish": (FORM,),
    "loses the network in the middle": (GRID,),
    "reads another tab for a while": (FORM,),
    "reads the consent statement and agrees": (GRID,),
    "reports a problem first": (GRID,),
    "says maybe while our site is away, so that the answer travels through the marketplace": (GRID,),
    "selects every photograph and every label": (GRID, FORM),
    "taps on a phone": (GRID,),
}
MISSES_A_MEND = {(mend.place, *turn) for mend in MENDS for turn in mend.people}


def works_every_time(person: Person, task: str, place: str) -> bool:
    if person.reason_of_absence(task, place):
        return False
    if (place, person.name, task) in MISSES_A_MEND:
        return True
    if place == FRAME:
        return task in IN_THE_FRAME.get(person.name, ())
    if person.name in IN_THE_FRAME:
        return False
    first = FORM if person.name in AT_FORMS_ON_LINKS else GRID
    return task == first or bool(person.reason_of_absence(first, LINK))


def cases(place: str) -> list[Any]:
    """Return the parameters of a test of each person and task that this run has in the place."""
    return [
        pytest.param(person, task, id=f"{person.name}: {task}")
        for person in PEOPLE
        for task in TASKS
        if not person.reason_of_absence(task, place) and (SOAK or works_every_time(person, task, place))
    ]
