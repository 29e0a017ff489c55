"""Answers against those of others: what they say about a cell, and how a worker departs from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numerics.workers.intervals import Z95, measure, share_of, wilson
from numerics.workers.tables import BoolArray, FloatArray, IntArray, Measure, VoteTable
from numerics.workers.tails import Chances, Population, lower_tail, population_of, upper_tail
from numerics.workers.thresholds import MOST_DOUBT

CHANCES = 1 / (1 + np.exp(-np.linspace(-7, 7, 57)))
"""Probabilities of a yes, between which items may differ."""
STEPS_OF_FIT = 60
PSEUDO_ITEMS = 1.0
"""Weight of an even distribution of items over these probabilities, against what is learnt from them."""


@dataclass(frozen=True)
class Others:
    """The answers of the others to the cell of each row, and the log odds of a yes that they leave to an honest worker.

    Attributes:
        n_yes, n: (V,) how many trusted others said yes, and how many answered.
        logit: (V,) log odds of a yes; NaN where no other answered.
    """

    n_yes: IntArray
    n: IntArray
    logit: FloatArray


def others_of(worker: IntArray, item: IntArray, answer: BoolArray, trusted: BoolArray) -> Others:
    """Count the answers of trusted others to each row's item, and learn what they are worth.

    Items differ in their probability of a yes. How they are distributed is learnt from all of them, in any shape (the
    mixture of binomial distributions that makes the counts most likely). The probability that one more honest answer
    is yes, after k of m others, follows by Bayes' rule.
    """
    n_items = int(item.max(initial=-1)) + 1
    counts = trusted[worker].astype(np.int64)
    total = np.bincount(item, counts, n_items).astype(np.int64)
    total_yes = np.bincount(item, counts * answer, n_items).astype(np.int64)
    n, n_yes = total[item] - counts, total_yes[item] - counts * answer
    return Others(n_yes, n, _worth(n_yes, n, _distribution(total_yes, total)))


def _kinds(n_yes: IntArray, n: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the likelihood of each kind of counts at each of CHANCES, the kind of each row, and how many it has."""
    base = int(n.max(initial=0)) + 1
    kind, row_kind, times = np.unique(n * base + n_yes, return_inverse=True, return_counts=True)
    m, k = (kind // base)[:, None], (kind % base)[:, None]
    log = k * np.log(CHANCES) + (m - k) * np.log1p(-CHANCES)
    return np.exp(log - log.max(axis=1, keepdims=True)), row_kind, times


def _distribution(n_yes: IntArray, n: IntArray) -> FloatArray:
    """Return the share of items at each of CHANCES, by expectation and maximisation."""
    likelihood, _, times = _kinds(n_yes[n > 0], n[n > 0])
    share = np.full(CHANCES.size, 1 / CHANCES.size)
    for _ in range(STEPS_OF_FIT if times.size else 0):
        posterior = likelihood * share
        posterior /= posterior.sum(axis=1, keepdims=True)
        share = times @ posterior + PSEUDO_ITEMS / CHANCES.size
        share /= share.sum()
    return share


def _worth(n_yes: IntArray, n: IntArray, share: FloatArray) -> FloatArray:
    """Return the log odds of one more yes after the answers of others; NaN without any."""
    likelihood, row_kind, _ = _kinds(n_yes, n)
    posterior = likelihood * share
    chance = (posterior @ CHANCES) / posterior.sum(axis=1)
    return np.where(n > 0, (np.log(chance) - np.log1p(-chance))[row_kind], np.nan)


def _departures(
    worker: IntArray, logit: FloatArray, outcome: BoolArray, trusted: BoolArray
) -> tuple[Chances, FloatArray, Population]:
    """Return the chances of an outcome, each worker's count of it, and the population they are compared with."""
    chances = Chances.of(worker, logit, trusted.size)
    count = np.bincount(worker, outcome, trusted.size).astype(np.float64)
    return chances, count, population_of(chances, count, trusted)


def share_selected(votes: VoteTable, others: Others, trusted: BoolArray) -> Measure:
    """Measure the share of cells that a worker selects, against what others select on the same pairs.

    The false-alarm probability is two-sided: too many count as too few.
    """
    known = others.n > 0
    worker, answer = votes.worker[known], votes.answer[known]
    chances, count, population = _departures(worker, others.logit[known], answer, trusted)
    p = 2 * np.minimum(upper_tail(chances, count, population), lower_tail(chances, count, population))
    n_all = np.bincount(votes.worker, minlength=votes.n_workers)
    n_selected = np.bincount(votes.worker[votes.answer], minlength=votes.n_workers)
    expected = share_of(chances.mean(population.centre), chances.n)
    p = np.where(chances.n > 0, np.minimum(p, 1), np.nan)
    return measure(share_of(n_selected, n_all), n_all, p, wilson(n_selected, n_all), expected)


def agreement(votes: VoteTable, others: Others, trusted: BoolArray) -> Measure:
    """Measure the share of others who gave the worker's answer, averaged over his cells.

    The false-alarm probability counts errors: answers against the others on cells where they leave little doubt.
    """
    known = others.n > 0
    same = share_of(np.where(votes.answer, others.n_yes, others.n - others.n_yes), others.n)[known]
    worker = votes.worker[known]
    n = np.bincount(worker, minlength=votes.n_workers)
    mean = share_of(np.bincount(worker, same, votes.n_workers), n)
    square = share_of(np.bincount(worker, same**2, votes.n_workers), n)
    half = Z95 * np.sqrt(np.maximum(square - mean**2, 0) / np.maximum(n, 1))
    interval = np.maximum(mean - half, 0), np.minimum(mean + half, 1)
    chance = 1 / (1 + np.exp(-others.logit[known]))
    usual = chance * others.n_yes[known] / others.n[known] + (1 - chance) * (1 - others.n_yes[known] / others.n[known])
    expected = share_of(np.bincount(worker, usual, votes.n_workers), n)
    return measure(mean, n, _errors(votes, others, trusted), interval, expected)


def _errors(votes: VoteTable, others: Others, trusted: BoolArray) -> FloatArray:
    """Return (W,) the probability of so many errors on clear cells."""
    with np.errstate(invalid="ignore"):
        clear = np.abs(others.logit) >= math.log((1 - MOST_DOUBT) / MOST_DOUBT)
    logit, answer, worker = others.logit[clear], votes.answer[clear], votes.worker[clear]
    errors = answer != (logit > 0)
    chances, count, population = _departures(worker, -np.abs(logit), errors, trusted)
    return np.where(chances.n > 0, upper_tail(chances, count, population), np.nan)


def passed(worker: IntArray, item: IntArray, answer: BoolArray, trusted: BoolArray, *, too_few: bool) -> Measure:
    """Measure the share of items that a worker selects, where too few, or else too many, speak against him."""
    others = others_of(worker, item, answer, trusted)
    logit = np.where(others.n > 0, others.logit, _overall_logit(answer))
    chances, count, population = _departures(worker, logit, answer, trusted)
    tail = lower_tail if too_few else upper_tail
    n = np.bincount(worker, minlength=trusted.size)
    expected = share_of(chances.mean(population.centre), chances.n)
    return measure(share_of(count, n), n, tail(chances, count, population), wilson(count, n), expected)


def _overall_logit(answer: BoolArray) -> float:
    return math.log((answer.sum() + 0.5) / ((~answer).sum() + 0.5))


def consistency(votes: VoteTable, answers: VoteTable, others: Others, trusted: BoolArray) -> Measure:
    """Measure the share of repeats that a worker answers as at first.

    Two answers of one person to a cell differ at most as often as those of two people; how much less often is learnt
    from the workers.

    Args:
        votes: with repeats.
        answers: the first answers alone, as `votes.first_answers()` returns them.
        others: of these answers.
        trusted: (W,) whose answers are compared with.
    """
    if votes.repeat_of is None:
        nothing = np.full(votes.n_workers, np.nan)
        return measure(nothing, np.zeros(votes.n_workers, np.int64))
    repeats = np.flatnonzero(votes.repeat_of >= 0)
    original = votes.repeat_of[repeats]
    place = np.cumsum(votes.repeat_of < 0) - 1
    logit = np.nan_to_num(others.logit[place[original]])
    chance = 1 / (1 + np.exp(-logit))
    differ = 2 * chance * (1 - chance)
    worker, changed = votes.worker[repeats], votes.answer[repeats] != votes.answer[original]
    chances, count, population = _departures(worker, np.log(differ / (1 - differ)), changed, trusted)
    n = np.bincount(worker, minlength=votes.n_workers)
    same = n - count
    expected = 1 - share_of(chances.mean(population.centre), chances.n)
    return measure(share_of(same, n), n, upper_tail(chances, count, population), wilson(same, n), expected)
