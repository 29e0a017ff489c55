"""People who work in the marketplace's frame: the votes of the export are what they meant.

Those whose way differs in a frame work in every run; all others with `./test --soak`.
"""

import os

import pytest

from tests.people.checks import check_work
from tests.people.corpus import PEOPLE
from tests.people.person import FRAME, TASKS

SOAK = bool(os.environ.get("SOAK"))
WITH_MARKETPLACE = True
EVERY_TIME = {
    "agrees without scripts",
    "begins, then leaves and sends nothing",
    "declines, and thinks again",
    "gets no photographs at all",
    "goes back after submitting",
    "has a page in Spanish",
    "loses the network in the middle",
    "reads another tab for a while",
    "reads the consent statement and agrees",
    "reports a problem first",
    "says maybe while our site is away, so that the answer travels through the marketplace",
    "selects every photograph and every label",
    "taps on a phone",
}
assert {person.name for person in PEOPLE} >= EVERY_TIME
CASES = [
    pytest.param(person, task, id=f"{person.name}: {task}")
    for person in PEOPLE
    for task in TASKS
    if not person.reason_of_absence(task, FRAME) and (SOAK or person.name in EVERY_TIME)
]


@pytest.mark.parametrize(("person", "task"), CASES)
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, FRAME)
