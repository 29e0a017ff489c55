"""People who work in the marketplace's frame: the votes of the export are what they meant."""

import pytest

from tests.people.checks import check_work
from tests.people.corpus import PEOPLE
from tests.people.person import FRAME, TASKS

WITH_MARKETPLACE = True
CASES = [
    pytest.param(person, task, id=f"{person.name}: {task}")
    for person in PEOPLE
    for task in TASKS
    if not person.reason_of_absence(task, FRAME)
]


@pytest.mark.parametrize(("person", "task"), CASES)
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, FRAME)
