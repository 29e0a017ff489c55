"""Simulated people and their answers: all of it follows from the seed."""

import pytest

from catalog.errors import UserError
from studies.simulation.judgement import Sight, answer_to_form, answers_to_grid
from studies.simulation.people import KINDS, mix_in, population, whole_mix

SIGHTS = [Sight(f"image-{n}", n % 7, shows=n % 3 == 0) for n in range(900)]
TRUTH = ["yes" if sight.shows else "no" for sight in SIGHTS]


def answers(person, *, sights=SIGHTS):
    return answers_to_grid(person, "a page", sights)


def share_equal(some, others):
    return sum(a == b for a, b in zip(some, others, strict=True)) / len(some)


def people_of(**mix):
    return population(1, mix)


def test_equal_seeds_make_equal_people_with_equal_answers():
    mix = whole_mix(50, {})
    assert population(3, mix) == population(3, mix) != population(4, mix)
    for person, twin in zip(population(3, mix), population(3, mix), strict=True):
        assert answers(person) == answers(twin)


def test_what_an_honest_person_says_of_a_photograph_does_not_depend_on_its_page():
    (person,) = people_of(honest=1)
    whole = answers(person)
    assert answers(person, sights=SIGHTS[100:200]) == whole[100:200]
    assert answers_to_grid(person, "another page", SIGHTS) == whole


def test_honest_people_are_mostly_right_and_differ():
    some, other = people_of(honest=2)
    assert 0.75 < share_equal(answers(some), TRUTH) < 1
    assert answers(some) != answers(other)


def test_each_fraud_does_what_it_says():
    honest, yes, no, pattern, *rest = people_of(honest=1, all_yes=1, all_no=1, pattern=1, copycat=1, random=1, bot=1)
    copycat, random, bot = rest
    assert set(answers(yes)) == {"yes"} and set(answers(no)) == {"no"}
    assert answers(pattern)[:6] == ["yes", "no", "no"] * 2
    assert 0.9 < share_equal(answers(copycat), answers(honest)) < 1
    for person in (random, bot):
        assert 0.4 < share_equal(answers(person), TRUTH) < 0.7


def test_several_ids_of_one_person_err_together():
    first, *others = people_of(several_ids=3)
    assert {person.body for person in others} == {first.number}
    assert all(0.9 < share_equal(answers(person), answers(first)) < 1 for person in others)


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_gets_an_answer_that_it_takes(kind):
    person = people_of(honest=1, **({kind: 1} if kind != "honest" else {}))[-1]
    for n in range(0, 90, 3):
        labels, main = answer_to_form(person, f"form {n}", SIGHTS[n : n + 3], main=SIGHTS[n].label)
        assert labels and main in labels and len(set(labels)) == len(labels)


def test_maybe_is_said_only_where_it_is_offered():
    (person,) = people_of(honest=1)
    assert "maybe" in answers_to_grid(person, "a page", SIGHTS, with_maybe=True)
    assert "maybe" not in answers(person)


@pytest.mark.parametrize(
    ("n_people", "mix"),
    [(0, {}), (2001, {}), (2, {"all_yes": 3}), (5, {"honest": 1, "all_yes": 1}), (1, {"copycat": 1})],
)
def test_an_impossible_mix_is_refused(n_people, mix):
    with pytest.raises(UserError):
        whole_mix(n_people, mix)


@pytest.mark.parametrize("text", ["saints=3", "honest", "honest=-1", "honest=1,honest=2"])
def test_an_unreadable_mix_is_refused(text):
    with pytest.raises(UserError, match="no part of a mix"):
        mix_in(text)
