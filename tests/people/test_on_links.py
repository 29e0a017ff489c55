"""People who came by a study link: the votes of the export are what they meant.

Those who are not steady beside other work yet come with `./test --soak` alone.
"""

import os

import pytest

from tests.people.checks import check_work
from tests.people.corpus import PEOPLE
from tests.people.person import LINK, TASKS

SOAK = bool(os.environ.get("SOAK"))
UNSTEADY = {
    "begins on the phone and goes on at the desk",
    "gets a photograph late",
    "submits in one tab and then in the other",
    "submits without a network, which comes back",
    "turns the phone in the middle",
    "zooms to 200 %",
    "zooms to 400 %",
}
assert {person.name for person in PEOPLE} >= UNSTEADY
CASES = [
    pytest.param(person, task, id=f"{person.name}: {task}")
    for person in PEOPLE
    for task in TASKS
    if not person.reason_of_absence(task, LINK) and (SOAK or person.name not in UNSTEADY)
]


@pytest.mark.parametrize(("person", "task"), CASES)
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, LINK)
