"""The corpus is as large and as wide as it has to be, and says why somebody is not everywhere."""

from itertools import product

import pytest

from tests.people.acts import Acts
from tests.people.corpus import PEOPLE
from tests.people.every_run import AT_FORMS_ON_LINKS, IN_THE_FRAME, works_every_time
from tests.people.person import FORM, GRID, LINK, PLACES, TASKS

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


def test_everybody_works_in_every_run_and_each_task_is_done_with_and_without_scripts():
    turns = [(person, *turn) for person in PEOPLE for turn in product(TASKS, PLACES) if works_every_time(person, *turn)]
    assert {person.name for person, _, _ in turns} == {person.name for person in PEOPLE}
    assert {person.name for person in PEOPLE} >= AT_FORMS_ON_LINKS | set(IN_THE_FRAME)
    for task, place in product(TASKS, PLACES):
        at_work = [person for person, *turn in turns if turn == [task, place]]
        assert len(at_work) >= 6, (task, place)
        if place == LINK:
            assert {person.device.get("java_script_enabled", True) for person in at_work} == {True, False}, task


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_scripts_are_made_of_verbs(person):
    for script in filter(None, (person.grid, person.form)):
        verbs = [line.split()[0] for line in script.acts.split(";")]
        assert [verb for verb in verbs if verb.startswith("_") or not callable(getattr(Acts, verb, None))] == []
