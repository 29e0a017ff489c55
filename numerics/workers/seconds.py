"""The speed of a worker: seconds for which a photograph is in view."""

from __future__ import annotations

import math

import numpy as np

from numerics.workers.intervals import Z95, measure
from numerics.workers.tables import BoolArray, FloatArray, IntArray, Measure, VoteTable
from numerics.workers.tails import robust_population, upper_normal
from numerics.workers.thresholds import PRIOR_SPREAD_OF_SECONDS

SHORTEST = 0.01
"""Seconds below which none are told apart."""
MEDIAN_AGAINST_MEAN = math.pi / 2
"""How many times the variance of a mean that of a median is, of a normal distribution."""


def median_seconds(votes: VoteTable, trusted: BoolArray) -> Measure:
    """Measure the median of a worker's seconds on a photograph.

    The medians of honest workers are log-normal over the population; a low one speaks against a worker.
    """
    known = np.isfinite(votes.seconds)
    worker, logs = votes.worker[known], np.log(np.maximum(votes.seconds[known], SHORTEST))
    n, median, error = _medians(worker, logs, votes.n_workers)
    used = (n > 0) & trusted
    nothing = np.full(votes.n_workers, np.nan)
    if not used.any():
        return measure(nothing, n)
    population = robust_population(median[used], error[used] ** 2, PRIOR_SPREAD_OF_SECONDS)
    z = (median - population.centre) / np.sqrt(population.spread**2 + error**2)
    interval = np.exp(median - Z95 * error), np.exp(median + Z95 * error)
    expected = np.full(votes.n_workers, math.exp(population.centre))
    return measure(np.exp(median), n, 1 - upper_normal(np.where(n > 0, z, 0)), interval, expected)


def _medians(worker: IntArray, logs: FloatArray, n_workers: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return (W,) the number, the median and its standard error of the values of each worker."""
    order = np.lexsort((logs, worker))
    n = np.bincount(worker, minlength=n_workers)
    first = np.cumsum(n) - n
    ordered = np.append(logs[order], np.nan)
    median = _quantile(ordered, first, n, 0.5)
    spread = (_quantile(ordered, first, n, 0.75) - _quantile(ordered, first, n, 0.25)) / 1.349
    usual = float(np.nanmedian(spread)) if n.any() else 0.0
    spread = np.where(n >= 10, spread, np.maximum(np.nan_to_num(spread), usual))
    return n, median, spread * np.sqrt(MEDIAN_AGAINST_MEAN / np.maximum(n, 1))


def _quantile(ordered: FloatArray, first: IntArray, n: IntArray, share: float) -> FloatArray:
    """Return the quantile of each run of ordered values, between its two nearest; NaN of an empty run."""
    place = share * np.maximum(n - 1, 0)
    low, rest = np.floor(place).astype(np.int64), place % 1
    last = ordered.size - 1
    lower = ordered[np.where(n > 0, first + low, last)]
    upper = ordered[np.where(n > 0, first + np.minimum(low + 1, np.maximum(n - 1, 0)), last)]
    return lower + rest * (upper - lower)
