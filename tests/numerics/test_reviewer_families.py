"""Simulated reviewers: laws of skills, draws, counts and errors of sets, for generated inputs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.reviewers import (
    PUBLISHED_PRIOR,
    count_verdicts,
    draw_verdicts,
    expected_set_error,
    skill_of,
    wrong_sets,
)
from numerics.verdicts import CORRECT, DONT_KNOW, UNCLEAR, WRONG

shares = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(1, 20))


@given(shares)
def test_a_skill_says_what_it_was_asked_for(parts):
    accuracy, unclear, dont_know, _ = (part / sum(parts) for part in parts)
    skill = skill_of(accuracy, unclear=unclear, dont_know=dont_know)
    assert skill.shape == (3, 4) and (skill >= 0).all()
    assert skill.sum(axis=1) == pytest.approx(1)
    assert np.diag(skill) == pytest.approx(accuracy) and skill[:, DONT_KNOW] == pytest.approx(dont_know)
    assert skill[[CORRECT, WRONG], UNCLEAR] == pytest.approx(unclear)
    # Correct and wrong are mistaken for each other alike, and an unclear label for both.
    assert skill[CORRECT, WRONG] == skill[WRONG, CORRECT]
    assert skill[UNCLEAR, CORRECT] == skill[UNCLEAR, WRONG]


@pytest.mark.parametrize(
    ("accuracy", "unclear", "dont_know"),
    [(1.1, 0, 0), (-0.1, 0, 0), (0.5, -0.1, 0), (0.5, 0, -0.1), (0.5, 0.3, 0.3), (0, 1.01, 0)],
)
def test_probabilities_that_cannot_be_are_refused(accuracy, unclear, dont_know):
    with pytest.raises(ValueError, match="0 or more, and sum to 1 at most"):
        skill_of(accuracy, unclear=unclear, dont_know=dont_know)


@pytest.mark.parametrize("parts", [(0.7, 0.2, 0.1), (0.1, 0.2, 0.7), (0.3, 0.3, 0.4), (0.9, 0.1, 0.0)])
def test_a_sum_of_1_that_floats_miss_is_taken(parts):
    skill = skill_of(parts[0], unclear=parts[1], dont_know=parts[2])
    assert skill[CORRECT, WRONG] == pytest.approx(0) and (skill >= 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_same_seed_draws_the_same_verdicts(seed):
    skills = np.stack([skill_of(0.6, unclear=0.1, dont_know=0.1)] * 3)
    truth = np.arange(60) % 3
    first, second, other = (
        draw_verdicts(truth, skills, np.random.default_rng(number)) for number in (seed, seed, seed + 100)
    )
    assert (first == second).all() and (first != other).any()
    assert first.shape == (60, 3) and set(np.unique(first)) <= {0, 1, 2, 3}


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_nobody_says_what_has_no_probability(truth, n_reviewers, seed):
    never_unclear = np.stack([skill_of(0.5)] * n_reviewers)
    verdicts = draw_verdicts(np.array(truth, int), never_unclear, np.random.default_rng(seed))
    assert verdicts.shape == (len(truth), n_reviewers)
    of_clear_labels = verdicts[np.array(truth, int) != UNCLEAR]
    assert set(of_clear_labels.ravel().tolist()) <= {CORRECT, WRONG}
    sure = draw_verdicts(np.array(truth, int), np.stack([skill_of(1.0)]), np.random.default_rng(seed))
    assert sure[:, 0].tolist() == truth
    silent = draw_verdicts(np.array(truth, int), np.stack([skill_of(0, dont_know=1.0)]), np.random.default_rng(seed))
    assert (silent == DONT_KNOW).all()


def test_reviewers_are_drawn_independently_of_each_other():
    skills = np.stack([skill_of(0.5)] * 2)
    truth = np.full(20_000, CORRECT)
    first, second = draw_verdicts(truth, skills, np.random.default_rng(2)).T
    shares = [float(((first == x) & (second == y)).mean()) for x, y in itertools.product((0, 1), repeat=2)]
    assert shares == pytest.approx([0.25] * 4, abs=0.015)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), max_size=12)))
def test_counts_are_those_of_a_plain_loop(rows):
    verdicts = np.array(rows, int).reshape(len(rows), len(rows[0]) if rows else 1)
    assert count_verdicts(verdicts).tolist() == [[row.count(verdict) for verdict in range(4)] for row in rows]


def test_the_published_shares_are_a_prior():
    assert PUBLISHED_PRIOR.sum() == pytest.approx(1)
    assert PUBLISHED_PRIOR[WRONG] > PUBLISHED_PRIOR[CORRECT] > PUBLISHED_PRIOR[UNCLEAR] > 0


@given(st.floats(0, 1), st.lists(st.integers(0, 8), min_size=1, max_size=10))
def test_a_set_is_as_often_wrong_as_one_of_its_labels_at_least(error, n_labels):
    of_sets = expected_set_error(error, np.array(n_labels))
    plain = sum(1 - (1 - error) ** n for n in n_labels) / len(n_labels)
    assert of_sets == pytest.approx(plain)
    # More labels are never less often wrong, and never more often than the sum of their errors.
    assert of_sets <= expected_set_error(error, np.array(n_labels) + 1) + 1e-12
    assert of_sets <= error * max(n_labels) + 1e-9


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([CORRECT, WRONG, UNCLEAR])), min_size=1, max_size=20),
    st.integers(1, 4),
)
def test_wrong_sets_are_those_of_a_plain_loop(rows, per_image):
    image = np.arange(len(rows)) // per_image
    share = wrong_sets(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), image)
    wrong = {int(n) for n, (is_correct, truth) in zip(image, rows, strict=True) if is_correct != (truth == CORRECT)}
    assert share == pytest.approx(len(wrong) / (image[-1] + 1))
