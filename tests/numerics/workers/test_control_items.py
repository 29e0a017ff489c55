import numpy as np
import pytest

from numerics.workers.control_items import measure_controls, propose_controls
from numerics.workers.tables import ControlTable, VoteTable

WORKERS, CONTROLS = 40, 30


def table(passes, expected=None):
    """Return a table where every worker answers every control; `passes` is (W, K)."""
    worker, control = np.indices(passes.shape).reshape(2, -1)
    expected = np.ones(passes.shape[1], bool) if expected is None else expected
    return ControlTable(worker, control, expected[control], passes.ravel() == expected[control], len(passes))


@pytest.fixture
def passes():
    """Careful and careless workers at good controls; control 0 is wrong, control 1 is passed by the careless alone."""
    rng = np.random.default_rng(3)
    chance = np.where(np.arange(WORKERS) < 28, 0.95, 0.55)[:, None]
    passes = rng.random((WORKERS, CONTROLS)) < chance
    passes[:, 0] = rng.random(WORKERS) < 0.1
    passes[:, 1] = np.arange(WORKERS) >= 28
    return passes


@pytest.mark.parametrize("positive", [True, False])
def test_controls_that_good_workers_fail_are_switched_off_and_no_others(passes, positive):
    report = measure_controls(table(passes, np.full(CONTROLS, positive)), np.ones(WORKERS, bool))
    assert np.flatnonzero(report.switched_off).tolist() == [0, 1]
    assert report.discrimination[1] < 0 < np.median(report.discrimination)
    assert report.difficulty[0] == pytest.approx(1 - passes[:, 0].mean())
    assert (report.n == WORKERS).all() and report.low[0] < report.difficulty[0] < report.high[0]


def test_answers_of_flagged_workers_say_nothing_about_a_control(passes):
    careful = np.arange(WORKERS) < 28
    report = measure_controls(table(passes), careful)
    assert (report.n == 28).all()
    assert (report.difficulty[2:] < 0.25).all()


def test_a_control_with_few_good_workers_stays_on():
    passes = np.zeros((4, 3), bool)
    assert not measure_controls(table(passes), np.ones(4, bool)).switched_off.any()


def test_no_answers_are_no_measure():
    report = measure_controls(table(np.zeros((3, 2), bool)), np.zeros(3, bool))
    assert np.isnan(report.difficulty).all() and not report.switched_off.any()


def test_unanimous_pairs_are_proposed_with_what_everybody_says():
    answers = np.array([[1, 0, 1, 1], [1, 0, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1]], bool)
    worker, pair = np.indices(answers.shape).reshape(2, -1)
    unknown = np.full(16, np.nan)
    votes = VoteTable(worker, pair, answers.ravel(), pair, worker, unknown, 4)
    proposals = propose_controls(votes, np.array([True, True, True, False]), fewest=3)
    assert proposals.pair.tolist() == [0, 1, 3]
    assert proposals.expected.tolist() == [True, False, True]
    assert (proposals.error < 0.6).all()
