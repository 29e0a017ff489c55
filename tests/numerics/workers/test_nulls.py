"""The false-alarm probability of each measure, over simulated honest people: never more false alarms than stated."""

from typing import Any

import numpy as np
import pytest

from numerics.workers.likeness import likeness
from numerics.workers.others import agreement, consistency, others_of, passed, share_selected
from numerics.workers.positions import Grids, _p_of_places, _periodicity
from numerics.workers.seconds import median_seconds
from numerics.workers.tables import VoteTable
from numerics.workers.tails import Chances, Population, lower_tail, sigmoid, upper_tail

ALPHAS = np.array([0.3, 0.1, 0.03, 0.01])
WORKERS, GRIDS, CELLS, ANSWERS = 60, 80, 40, 9
SPREAD = 0.5


def honest_votes(rng, repeats=False):
    """Return votes of honest people: Student's effects, which is the null distribution."""
    truth = np.where(
        rng.random(GRIDS * CELLS) < 0.2, rng.normal(2.5, 1.2, GRIDS * CELLS), rng.normal(-3, 1.2, GRIDS * CELLS)
    )
    effect = SPREAD * rng.standard_t(20, WORKERS)
    turns = [(worker, grid) for grid in range(GRIDS) for worker in rng.choice(WORKERS, ANSWERS, replace=False)]
    rng.shuffle(turns)
    worker, grid = np.repeat(turns, CELLS, axis=0).T
    pair = grid * CELLS + np.tile(np.arange(CELLS), len(turns))
    position = np.concatenate([rng.permutation(CELLS) for _ in turns])
    number = np.repeat(np.arange(len(turns)), CELLS)
    chance = sigmoid(truth[pair] + effect[worker])
    seconds = np.exp(0.4 * rng.normal(size=WORKERS)[worker] + 0.6 * rng.normal(size=pair.size))
    columns = [worker, pair, rng.random(pair.size) < chance, position, number, seconds]
    if not repeats:
        return VoteTable(**named(columns))
    rows = np.flatnonzero(rng.random(pair.size) < 0.3)
    again = [column[rows] for column in columns]
    again[2] = rng.random(rows.size) < chance[rows]
    columns = [np.concatenate(both) for both in zip(columns, again, strict=True)]
    repeat_of = np.concatenate([np.full(pair.size, -1), rows])
    return VoteTable(**named(columns), repeat_of=repeat_of)


def named(columns) -> dict[str, Any]:
    names = ("worker", "pair", "answer", "position", "grid", "seconds")
    return {"n_workers": WORKERS, **dict(zip(names, columns, strict=True))}


def assert_no_more_than_stated(p, exact=False, alphas=ALPHAS):
    """Check the distribution of p: at no level more than three standard errors above it, nor far below if exact."""
    p = p[~np.isnan(p)]
    shares = np.array([(p <= alpha).mean() for alpha in alphas])
    error = np.sqrt(alphas * (1 - alphas) / p.size)
    assert (shares <= alphas + 3 * error).all(), shares
    if exact:
        assert (shares >= 0.6 * alphas - 3 * error).all(), shares


@pytest.fixture(scope="module")
def studies():
    return [honest_votes(np.random.default_rng(seed), repeats=True) for seed in range(6)]


def measured(studies, measure):
    everybody = np.ones(WORKERS, bool)
    results = []
    for votes in studies:
        answers = votes.first_answers()
        others = others_of(answers.worker, answers.pair, answers.answer, everybody)
        results.append(measure(votes, answers, others, everybody).p)
    return np.concatenate(results)


def test_share_selected_states_how_often_it_would_be_wrong(studies):
    p = measured(studies, lambda votes, answers, others, everybody: share_selected(answers, others, everybody))
    assert_no_more_than_stated(p, exact=True)


def test_agreement_states_how_often_it_would_be_wrong(studies):
    p = measured(studies, lambda votes, answers, others, everybody: agreement(answers, others, everybody))
    assert_no_more_than_stated(p)


def test_consistency_states_how_often_it_would_be_wrong(studies):
    p = measured(studies, lambda votes, answers, others, everybody: consistency(votes, answers, others, everybody))
    assert_no_more_than_stated(p)


def test_seconds_states_how_often_it_would_be_wrong(studies):
    p = measured(studies, lambda votes, answers, others, everybody: median_seconds(answers, everybody))
    assert_no_more_than_stated(p, exact=True)


def test_likeness_states_how_often_it_would_be_wrong(studies):
    p = measured(studies, lambda votes, answers, others, everybody: likeness(answers, everybody)[0])
    assert_no_more_than_stated(p)


@pytest.mark.parametrize("positive", [True, False])
def test_controls_states_how_often_it_would_be_wrong(positive):
    p = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        difficulty, effect = rng.normal(2, 0.8, 60), SPREAD * rng.standard_t(20, WORKERS)
        worker, control = np.repeat(np.arange(WORKERS), 40), rng.integers(60, size=WORKERS * 40)
        answer = (rng.random(worker.size) < sigmoid(difficulty[control] + effect[worker])) == positive
        p.append(passed(worker, control, answer, np.ones(WORKERS, bool), too_few=positive).p)
    assert_no_more_than_stated(np.concatenate(p))


@pytest.mark.parametrize(("n_grids", "share"), [(2, 0.2), (4, 0.1), (12, 0.3)])
def test_positions_states_how_often_it_would_be_wrong(n_grids, share):
    """Check it where the selected places are a random choice, and some places of each grid have no vote."""
    rng = np.random.default_rng(1)
    places, distances = [], []
    for _ in range(700):
        present = np.argsort(rng.random((n_grids, 48)), axis=1) < 42
        number = np.clip(rng.binomial(42, share, n_grids), 1, 40)
        order = np.argsort(np.where(present, rng.random((n_grids, 48)), 2), axis=1)
        selected = np.zeros((n_grids, 48), bool)
        np.put_along_axis(selected, order, np.arange(48) < number[:, None], axis=1)
        grids = Grids(selected, present)
        places.append(_p_of_places(grids, 0.0))
        distances.append(_periodicity(grids, 0.0)[1])
    assert_no_more_than_stated(np.array(places), exact=True)
    assert_no_more_than_stated(np.array(distances))


def convolved(chance):
    distribution = np.ones(1)
    for p in chance:
        distribution = np.convolve(distribution, [1 - p, p])
    return distribution


@pytest.mark.parametrize("n", [3, 8, 40, 150])
def test_the_tails_are_those_of_the_whole_distribution(n):
    logit = np.rint(np.random.default_rng(n).normal(-2, 1.2, n) * 20) / 20
    chances = Chances.of(np.zeros(n, int), logit, 1)
    distribution = convolved(sigmoid(logit))
    for count in {0, 1, 2, n // 4, n // 2, n - 1, n}:
        upper = upper_tail(chances, np.array([float(count)]), Population(0, 1e-6))
        lower = lower_tail(chances, np.array([float(count)]), Population(0, 1e-6))
        assert upper == pytest.approx(distribution[count:].sum(), rel=0.12)
        assert lower == pytest.approx(distribution[: count + 1].sum(), rel=0.12)
