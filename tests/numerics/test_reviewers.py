"""Simulated reviewers: what they say, and the error of their label sets."""

import numpy as np
import pytest

from benchmarks.reviewers import PANELS, REVIEWERS, simulate, standard_errors
from numerics.reviewers import (
    PUBLISHED_PRIOR,
    count_verdicts,
    draw_verdicts,
    expected_set_error,
    skill_of,
    wrong_sets,
)
from numerics.verdicts import CORRECT, UNCLEAR, WRONG, expected_error


def test_a_skill_is_a_distribution_for_each_truth():
    for accuracy, unclear, dont_know in ((1.0, 0.0, 0.0), (0.9, 0.02, 0.03), (0.0, 0.0, 1.0), (0.5, 0.5, 0.0)):
        skill = skill_of(accuracy, unclear=unclear, dont_know=dont_know)
        assert (skill >= 0).all() and skill.sum(axis=1) == pytest.approx(1)
    for values in ((0.9, 0.2, 0.0), (0.9, 0.0, 0.2), (-0.1, 0.0, 0.0)):
        with pytest.raises(ValueError, match="sum to 1 at most"):
            skill_of(values[0], unclear=values[1], dont_know=values[2])


def test_drawn_verdicts_have_the_shares_of_the_skill():
    skills = np.stack([skill_of(0.7, unclear=0.1, dont_know=0.1), skill_of(0.9)])
    truth = np.repeat([CORRECT, WRONG, UNCLEAR], 4000)
    verdicts = draw_verdicts(truth, skills, np.random.default_rng(0))
    assert verdicts.shape == (12_000, 2)
    for state in range(3):
        shares = count_verdicts(verdicts[truth == state].T)[:, :] / 4000
        assert shares == pytest.approx(skills[:, state], abs=0.03)


def test_a_set_is_wrong_if_one_of_its_labels_is():
    image = np.array([0, 0, 1, 1, 2])
    truth = np.array([CORRECT, WRONG, CORRECT, CORRECT, UNCLEAR])
    assert wrong_sets(np.array([True, False, True, True, False]), truth, image) == 0
    assert wrong_sets(np.array([True, True, True, False, False]), truth, image) == pytest.approx(2 / 3)


@pytest.mark.parametrize("panel", PANELS)
def test_label_sets_of_simulated_reviewers_are_as_wrong_as_their_skills_say(panel):
    skills, random = REVIEWERS[PANELS[panel]], np.random.default_rng(7)
    image = np.repeat(np.arange(5000), 4)
    truth = random.choice(3, len(image), p=PUBLISHED_PRIOR)
    measured, error = simulate(skills, truth, image, random), expected_error(skills, PUBLISHED_PRIOR)
    for observed, expected, n in (
        (measured.disputed, error.disputed, len(image)),
        (measured.items_before, error.before, len(image)),
        (measured.items_after, error.after, len(image)),
        (measured.sets_before, expected_set_error(error.correct_before, np.array([4])), 5000),
        (measured.sets_after, expected_set_error(error.correct_after, np.array([4])), 5000),
    ):
        assert observed == expected == 0 or abs(standard_errors(observed, expected, n)) < 3.3


def test_consensus_of_five_takes_away_nearly_all_errors():
    error = expected_error(REVIEWERS, PUBLISHED_PRIOR)
    best = expected_error(REVIEWERS[4:], PUBLISHED_PRIOR)
    assert error.before > 0.2 and error.after < 0.002 < 0.02 < best.after
