"""Patterns of the places that a worker selects: the same ones in every grid, or every third.

Each worker sees the cells of a grid in an order of his own that says nothing about them. So the places that an honest
worker selects are, given their number in each grid, a random choice among those of the votes, whatever the photographs
show. Both null distributions follow from that alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numerics.workers.intervals import measure
from numerics.workers.tables import BoolArray, FloatArray, IntArray, Measure, VoteTable
from numerics.workers.tails import upper_skewed
from numerics.workers.thresholds import LARGEST_DISTANCE, LEANING_TO_DISTANCES, LEANING_TO_PLACES


@dataclass(frozen=True)
class Grids:
    """The grids of one worker: G of them with N places.

    Attributes:
        selected: (G, N) whether the place was selected.
        present: (G, N) whether there is a vote on it.
    """

    selected: BoolArray
    present: BoolArray

    @property
    def n(self) -> FloatArray:
        return np.asarray(self.present.sum(axis=1), dtype=np.float64)

    @property
    def variance(self) -> FloatArray:
        """Return (G,) the variance of a cell of each grid."""
        share = self.selected.sum(axis=1) / self.n
        return np.asarray(share * (1 - share), dtype=np.float64)

    @property
    def centred(self) -> FloatArray:
        """Return (G, N) selections less their mean in the grid, 0 where there is no vote."""
        share = self.selected.sum(axis=1) / self.n
        return np.where(self.present, self.selected - share[:, None], 0.0)


def places_of(votes: VoteTable) -> list[Grids | None]:
    """Return the grids of each worker; None of one without any in which some cells are selected and some not."""
    size = int(votes.position.max(initial=-1)) + 1
    order = np.lexsort((votes.grid, votes.worker))
    n = np.bincount(votes.worker, minlength=votes.n_workers)
    ends = np.cumsum(n)
    return [_grids(votes, order[end - count : end], size) for end, count in zip(ends, n, strict=True)]


def _grids(votes: VoteTable, rows: IntArray, size: int) -> Grids | None:
    number, grid = np.unique(votes.grid[rows], return_inverse=True)
    selected, present = np.zeros((2, number.size, size), bool)
    selected[grid, votes.position[rows]] = votes.answer[rows]
    present[grid, votes.position[rows]] = True
    mixed = (selected.sum(axis=1) > 0) & (selected.sum(axis=1) < present.sum(axis=1)) & (present.sum(axis=1) > 3)
    return Grids(selected[mixed], present[mixed]) if mixed.any() else None


def entropy(grids: list[Grids | None]) -> Measure:
    """Measure the entropy of the places a worker selects, as a share of the largest possible.

    Its false-alarm probability is that of the places being as much the same in all grids.
    """
    value = np.array([math.nan if own is None else _entropy(own) for own in grids])
    p = np.array([math.nan if own is None else _p_of_places(own) for own in grids])
    return measure(value, _n_selected(grids), p)


def _n_selected(grids: list[Grids | None]) -> IntArray:
    return np.array([0 if own is None else int(own.selected.sum()) for own in grids], dtype=np.int64)


def _entropy(grids: Grids) -> float:
    times = grids.selected.sum(axis=0)
    share = times[times > 0] / times.sum()
    n_places = int(grids.present.any(axis=0).sum())
    return float(-(share * np.log(share)).sum() / math.log(n_places))


def _p_of_places(grids: Grids, leaning: float = LEANING_TO_PLACES) -> float:
    """Return the probability that the selections of each two grids overlap as much, by their product moments."""
    if len(grids.n) < 2:
        return math.nan
    centred, variance, n = grids.centred, grids.variance, grids.n
    product = _of_pairs(centred @ centred.T)
    common = _pairs(grids.present.astype(float) @ grids.present.T)
    size = np.outer(variance, variance)
    spread = _pairs(size) * (common + common * (common - 1) / _pairs(np.outer(n - 1, n - 1)))
    usual = leaning * float(np.sum(common * np.sqrt(_pairs(size))))
    deviation = math.sqrt(float(spread.sum()))
    return float(upper_skewed(np.array((product - usual) / deviation), np.array(_skewness(grids, spread))))


def _pairs(table: FloatArray) -> FloatArray:
    return table[np.triu_indices(len(table), 1)]


def _of_pairs(table: FloatArray) -> float:
    return float((table.sum() - np.trace(table)) / 2)


def _skewness(grids: Grids, spread: FloatArray) -> float:
    """Return the skewness of the sum of the products of each two grids.

    Three grids together give one part of the third moment; two of few selections each, whose overlap is a count, the
    other.
    """
    weight = grids.variance * grids.n
    sums = [float((weight**power).sum()) for power in (1, 2, 3)]
    triples = (sums[0] ** 3 - 3 * sums[0] * sums[1] + 2 * sums[2]) / 6
    size = float(grids.n.mean())
    share = grids.selected.sum(axis=1) / grids.n
    lopsided = weight * (1 - 2 * share)
    twos = (lopsided.sum() ** 2 - (lopsided**2).sum()) / 2 / max(size, 1)
    return float((6 * triples / (size - 1) ** 2 + twos) / spread.sum() ** 1.5)


def periodicity(grids: list[Grids | None]) -> Measure:
    """Measure the largest correlation of a worker's selections with themselves some places on.

    Its false-alarm probability is that of such a correlation at any of these distances.
    """
    results = [(math.nan, math.nan) if own is None else _periodicity(own) for own in grids]
    value, p = np.array(results).reshape(-1, 2).T
    return measure(value, _n_selected(grids), p)


def _periodicity(grids: Grids, leaning: float = LEANING_TO_DISTANCES) -> tuple[float, float]:
    """Return the largest correlation over all distances, and the probability of one as unlikely."""
    distances = range(1, min(LARGEST_DISTANCE, grids.present.shape[1] - 1) + 1)
    results = [result for distance in distances if (result := _at_distance(grids, distance, leaning))]
    if not results:
        return math.nan, math.nan
    least = min(p for _, p in results)
    p_any = -math.expm1(len(results) * math.log1p(-min(least, 1 - 1e-12)))
    return max(correlation for correlation, _ in results), p_any


def _at_distance(grids: Grids, distance: int, leaning: float) -> tuple[float, float] | None:
    """Return the correlation of the grids with themselves at a distance, and the probability of so high a one.

    It counts couples: places at this distance that are both selected. Their mean and variance are exact for a random
    choice of k of n places.
    """
    both = grids.present[:, :-distance] & grids.present[:, distance:]
    couples = float((grids.selected[:, :-distance] & grids.selected[:, distance:]).sum())
    m, k, n = both.sum(axis=1).astype(np.float64), grids.selected.sum(axis=1), grids.n
    chains = (both[:, :-distance] & both[:, distance:]).sum(axis=1)
    two = k * (k - 1) / (n * (n - 1))
    three = two * (k - 2) / (n - 2)
    four = three * (k - 3) / (n - 3)
    expected = float((m * two).sum())
    square = m * two + 2 * chains * three + (m**2 - m - 2 * chains) * four
    variance = float((square - (m * two) ** 2).sum())
    scale = float((m * grids.variance).sum())
    if variance <= 1e-9 or expected <= 0:
        return None
    z = (couples - 0.5 - expected - leaning * scale) / math.sqrt(variance)
    third = variance * max(2 * variance / expected - 1, 0)
    p = 1.0 if not couples else float(upper_skewed(np.array(z), np.array(third / variance**1.5)))
    return (couples - expected) / scale, p
