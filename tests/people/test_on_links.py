"""People who came by a study link: the votes of the export are what they meant."""

import pytest

from tests.people.checks import check_work
from tests.people.corpus import PEOPLE
from tests.people.person import LINK, TASKS

CASES = [
    pytest.param(person, task, id=f"{person.name}: {task}")
    for person in PEOPLE
    for task in TASKS
    if not person.reason_of_absence(task, LINK)
]


@pytest.mark.parametrize(("person", "task"), CASES)
def test_the_votes_are_what_a_person_meant(stage, person, task):
    check_work(stage, person, task, LINK)
