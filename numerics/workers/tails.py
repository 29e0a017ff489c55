"""Tail probabilities of a count of unequal chances, for workers of a population that differs.

Each of n answers has its own log odds of an outcome. A worker adds an effect of his own to all of them. Over the
population, effects are distributed nearly normally. The question is how often a worker would have so many outcomes or
more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numerics.workers.tables import BoolArray, FloatArray, IntArray
from numerics.workers.thresholds import PRIOR_SPREAD, PRIOR_WORKERS

WIDEST = 10.0
STEPS = 101
DEGREES_OF_FREEDOM = 20
"""Of Student's distribution of effects: a few honest people are farther from the others than normal ones would be."""
BISECTIONS = 40
NEAR_THE_MEAN = 0.02
"""Deviations below which the saddlepoint approximation divides by nearly nothing."""
LARGEST_EFFECT = 25.0
LARGEST_DEVIATION = 2.5
"""Larger deviations count as this one where a spread is estimated, so that a few frauds move little."""
MEAN_SQUARE = 0.97756
"""Mean square of standard normal deviations that are cut off there."""
ROUNDING = 20
"""Log odds are rounded to a twentieth before equal ones are added up."""
MOST_NUMBERS = 500_000
"""So many answers at so many effects are looked at in one go: 4 MB an array."""
_erfc = np.frompyfunc(math.erfc, 1, 1)


def upper_normal(z: FloatArray) -> FloatArray:
    """Return the probability of z or more under the standard normal distribution.

    >>> upper_normal(np.array([0.0, 3.0])).round(5).tolist()
    [0.5, 0.00135]
    """
    return np.asarray(_erfc(np.asarray(z) / math.sqrt(2)) / 2, dtype=np.float64)


def density(z: FloatArray) -> FloatArray:
    """Return the standard normal density."""
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def upper_skewed(z: FloatArray, skewness: FloatArray) -> FloatArray:
    """Return the probability of z or more under a standardised gamma distribution of some skewness (0: normal).

    The cube root of a gamma variate is nearly normal (Wilson and Hilferty 1931). Skewness is taken as 0 or more.
    """
    g = np.maximum(skewness, 1e-3)
    root = np.cbrt(np.maximum(g * z / 2 + 1, 0))
    return upper_normal(6 / g * (root - 1) + g / 6)


def sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x))."""
    return (1 + np.tanh(x / 2)) / 2


@dataclass(frozen=True)
class Chances:
    """Log odds of an outcome, equal ones of a worker added up: rows of worker, log odds and number of answers."""

    worker: IntArray
    logit: FloatArray
    times: FloatArray
    n_workers: int

    @classmethod
    def of(cls, worker: IntArray, logit: FloatArray, n_workers: int) -> Chances:
        """Add up answers: (V,) worker and log odds of each."""
        level = np.rint(np.clip(logit, -LARGEST_EFFECT, LARGEST_EFFECT) * ROUNDING).astype(np.int64)
        base = int(2 * LARGEST_EFFECT * ROUNDING) + 1
        keys, times = np.unique(worker * base + level + base // 2, return_counts=True)
        return cls(keys // base, (keys % base - base // 2) / ROUNDING, times.astype(np.float64), n_workers)

    @property
    def n(self) -> FloatArray:
        return self.total(np.ones(self.logit.shape))

    def total(self, values: FloatArray) -> FloatArray:
        """Return (..., W) the sum of a value over the answers of each worker, of values of a shape (..., A)."""
        if values.ndim == 1:
            return np.bincount(self.worker, self.times * values, minlength=self.n_workers).astype(np.float64)
        rows = (self.times * values).reshape(math.prod(values.shape[:-1]), self.worker.size)
        places = (np.arange(len(rows))[:, np.newaxis] * self.n_workers + self.worker).ravel()
        sums = np.bincount(places, rows.ravel(), minlength=len(rows) * self.n_workers)
        return sums.reshape(*values.shape[:-1], self.n_workers).astype(np.float64)

    def mean(self, effect: FloatArray | float = 0.0) -> FloatArray:
        """Return (..., W) the expected number of outcomes of workers with an effect: one, (..., 1) or (..., W)."""
        return self.total(sigmoid(self.logit + self._of_worker(effect)))

    def information(self, effect: FloatArray | float = 0.0) -> FloatArray:
        """Return (..., W) the variance of the number of outcomes of workers with an effect, as for `mean`."""
        chance = sigmoid(self.logit + self._of_worker(effect))
        return self.total(chance * (1 - chance))

    def reversed(self) -> Chances:
        """Return the chances of the other outcome."""
        return Chances(self.worker, -self.logit, self.times, self.n_workers)

    def effect_of(self, count: FloatArray) -> FloatArray:
        """Return (W,) the effect at which each count is the expected one."""
        low, high = np.full(self.n_workers, -LARGEST_EFFECT), np.full(self.n_workers, LARGEST_EFFECT)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            above = self.mean(middle) > count
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.asarray((low + high) / 2, dtype=np.float64)

    def log_partition(self, effect: FloatArray | float) -> FloatArray:
        """Return (..., W) the sum of log(1 + exp(logit + effect))."""
        return self.total(np.logaddexp(0, self.logit + self._of_worker(effect)))

    def _of_worker(self, effect: FloatArray | float) -> FloatArray:
        of_worker: FloatArray = np.broadcast_to(effect, (*np.shape(effect)[:-1], self.n_workers))[..., self.worker]
        return of_worker


@dataclass(frozen=True)
class Population:
    """The effects of honest workers: a centre, a spread, and the shape of Student's distribution."""

    centre: float
    spread: float


def population_of(chances: Chances, count: FloatArray, trusted: BoolArray, prior: float = PRIOR_SPREAD) -> Population:
    """Estimate the effects of a population, so that a minority of others moves little.

    Args:
        chances: log odds of each answer.
        count: (W,) outcomes of each worker.
        trusted: (W,) whether the worker belongs to those from whom is estimated.
        prior: the spread expected before anything is seen.
    """
    n = chances.n
    used = (n > 0) & trusted
    if not used.any():
        return Population(0.0, prior)
    effect = chances.effect_of((count + 0.5) * n / (n + 1))
    error = 1 / np.maximum(chances.information(effect), 1e-9)
    return robust_population(effect[used], error[used], prior)


def robust_population(effect: FloatArray, error: FloatArray, prior: float) -> Population:
    """Return the median of effects, weighted by information, and the spread that makes their mean square right.

    Source: proposal 2 of Huber 1964, "Robust estimation of a location parameter".
    """
    spread2, before = prior**2, -1.0
    for _ in range(20):
        if spread2 == before:
            break
        before = spread2
        weight = 1 / (spread2 + error)
        centre = weighted_median(effect, weight)
        spread2 = _spread2((effect - centre) ** 2, error)
        spread2 = (effect.size * spread2 + PRIOR_WORKERS * prior**2) / (effect.size + PRIOR_WORKERS)
    return Population(centre, math.sqrt(spread2))


def _spread2(square: FloatArray, error: FloatArray) -> float:
    low, high = 0.0, 100.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        # Quicker than `mean`, which does the same.
        if np.minimum(square / (middle + error), LARGEST_DEVIATION**2).sum() / square.size > MEAN_SQUARE:
            low = middle
        else:
            high = middle
    return low


def weighted_median(values: FloatArray, weight: FloatArray) -> float:
    """Return the value at which half of the weight is reached.

    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    2.0
    """
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def upper_tail(chances: Chances, count: FloatArray, population: Population) -> FloatArray:
    """Return (W,) the probability that a worker of the population has so many outcomes or more.

    The tail at each effect is the saddlepoint approximation of Lugannani and Rice for lattices, exact at the ends; the
    tails are averaged over the effects.

    Source: Daniels 1987, "Tail probability approximations", section 4.
    """
    steps = np.linspace(-WIDEST, WIDEST, STEPS)
    weights = (1 + steps**2 / DEGREES_OF_FREEDOM) ** (-(DEGREES_OF_FREEDOM + 1) / 2)
    weights /= weights.sum()
    inner = np.clip(count, 0.5, np.maximum(chances.n - 0.5, 0.5))
    saddle = chances.effect_of(inner)
    effects = (population.centre + steps * population.spread)[:, np.newaxis]
    tail = np.zeros(chances.n_workers)
    at_once = max(1, MOST_NUMBERS // max(1, chances.logit.size))
    for first in range(0, STEPS, at_once):
        some = slice(first, first + at_once)
        tail += (weights[some, np.newaxis] * _tails_at(chances, count, saddle, effects[some])).sum(axis=0)
    return np.clip(tail, 0, 1)


def lower_tail(chances: Chances, count: FloatArray, population: Population) -> FloatArray:
    """Return (W,) the probability that a worker of the population has so many outcomes or fewer."""
    turned = Population(-population.centre, population.spread)
    return upper_tail(chances.reversed(), chances.n - count, turned)


def _tails_at(chances: Chances, count: FloatArray, saddle: FloatArray, effects: FloatArray) -> FloatArray:
    """Return (E, W) the tail of each worker's count at each of (E, 1) effects."""
    tilt = saddle - effects
    log_moment = chances.log_partition(saddle) - chances.log_partition(effects)
    root = np.sign(tilt) * np.sqrt(np.maximum(2 * (tilt * count - log_moment), 0))
    scale = np.sqrt(np.maximum(chances.information(saddle), 1e-12))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tail = upper_normal(root) + density(root) * (1 / (-np.expm1(-tilt) * scale) - 1 / root)
    near = np.abs(root) < NEAR_THE_MEAN
    if near.any():
        tail = np.where(near, _near_the_mean(chances, count, effects), tail)
    every = np.exp(-chances.reversed().log_partition(-effects))
    tail = np.select([count <= 0, count >= chances.n], [np.ones(tail.shape), every], tail)
    return np.asarray(np.clip(tail, 0, 1), dtype=np.float64)


def _near_the_mean(chances: Chances, count: FloatArray, effects: FloatArray) -> FloatArray:
    """Return (E, W) the tails by the normal distribution with a term for its skewness."""
    chance = sigmoid(chances.logit + effects)
    variance = np.maximum(chances.total(chance * (1 - chance)), 1e-12)
    skewness = chances.total(chance * (1 - chance) * (1 - 2 * chance)) / variance**1.5
    z = (count - 0.5 - chances.mean(effects)) / np.sqrt(variance)
    return upper_normal(z) + skewness / 6 * (z**2 - 1) * density(z)
