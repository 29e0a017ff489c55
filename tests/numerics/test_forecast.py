"""The rate of work: pauses are no work, and people are timed each for themselves."""

import numpy as np
import pytest

from numerics.forecast import rate_of_work


def test_people_who_work_at_once_are_timed_each_for_themselves():
    times, workers = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 25.0]), np.array([1, 2, 1, 2, 1, 2])
    assert rate_of_work(times, workers) == pytest.approx(360)
    assert rate_of_work(times[::-1], workers[::-1]) == pytest.approx(360)


def test_a_pause_is_no_work():
    assert rate_of_work(np.array([0.0, 10.0, 10_000.0]), np.array([1, 1, 1])) == pytest.approx(360)


@pytest.mark.parametrize("times", [[], [3.0], [3.0, 3.0], [0.0, 1000.0]])
def test_too_few_answers_have_no_rate(times):
    assert rate_of_work(np.array(times, float), np.ones(len(times))) == 0
