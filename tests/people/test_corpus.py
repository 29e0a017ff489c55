"""The corpus is as large and as wide as it has to be, and says why somebody is not everywhere."""

from itertools import product

import pytest

from tests.people.acts import Acts
from tests.people.corpus import PEOPLE
from tests.people.person import FORM, GRID, PLACES, TASKS

SMALLEST = 40


def test_the_corpus_has_at_least_forty_people_with_names_of_their_own():
    assert len({person.name for person in PEOPLE}) == len(PEOPLE) >= SMALLEST


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_a_person_works_somewhere_and_each_absence_has_its_reason(person):
    combinations = list(product(TASKS, PLACES))
    assert any(not person.reason_of_absence(*combination) for combination in combinations)
    for name in person.absent:
        assert name in {*TASKS, *PLACES, *(" ".join(combination) for combination in combinations)}
    for task in (GRID, FORM):
        assert person.script(task) or task in person.absent, f"{person.name}: say why there is no {task}"


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_scripts_are_made_of_verbs(person):
    for script in filter(None, (person.grid, person.form)):
        verbs = [line.split()[0] for line in script.acts.split(";")]
        assert [verb for verb in verbs if verb.startswith("_") or not callable(getattr(Acts, verb, None))] == []
