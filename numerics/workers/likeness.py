"""Likeness of two workers beyond what the answers of others explain: copying, or one person under several ids.

For each two workers, the cells that both answered are sorted by what the others say. Within such a stratum, the
numbers of yes of either worker are taken as they are: then the number of cells where both say yes is hypergeometric,
were the two independent. So it does not matter how well or how lavishly either of them selects. Honest people agree a
little more than that, since photographs differ within a stratum too; this excess is learnt from all couples of the
study, as is how much it differs between couples.

In a couple, the first to answer is not suspected: a copy comes later. Both are where each comes later at times and is
then like the other, or where they answer from one network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numerics.workers.intervals import Z95, measure, share_of
from numerics.workers.tables import NOBODY, BoolArray, FloatArray, IntArray, Measure, VoteTable
from numerics.workers.tails import upper_skewed
from numerics.workers.thresholds import FEWEST_OTHERS, LEAST_PART_LATER, LEAST_SHARE_LATER, PRIOR_COUPLES, SHARED_VIEWS

STRATA = 8
ROWS_AT_ONCE = 2_000_000
OUTSTANDING = 0.001
"""Couples whose p is this or less teach nothing about usual couples."""
LEAST_INFORMATION = 1.0
"""Couples with fewer open answers in common (as a variance) could not show a likeness: they are not compared."""
DOUBTFUL = 0.2
"""Of a couple whose p is this or less, neither is asked what others say about the other, in the next pass."""
PASSES = 3


@dataclass(frozen=True)
class Couples:
    """Couples of a later and an earlier worker, a row for each stratum of the cells that both answered.

    Attributes:
        later, earlier: (R,) the workers.
        stratum: (R,) what the others say, from 0 (all no) to STRATA - 1 (all yes).
        n: (R,) the number of cells.
        later_yes, earlier_yes, both_yes: (R,) cells on which they said yes.
    """

    later: IntArray
    earlier: IntArray
    stratum: IntArray
    n: FloatArray
    later_yes: FloatArray
    earlier_yes: FloatArray
    both_yes: FloatArray

    @property
    def expected(self) -> FloatArray:
        return self.later_yes * self.earlier_yes / self.n

    @property
    def variance(self) -> FloatArray:
        no = (self.n - self.later_yes) * (self.n - self.earlier_yes)
        return self.later_yes * self.earlier_yes * no / (self.n**2 * np.maximum(self.n - 1, 1))

    @property
    def third_moment(self) -> FloatArray:
        lopsided = (self.n - 2 * self.later_yes) * (self.n - 2 * self.earlier_yes)
        return self.variance * lopsided / np.maximum(self.n * (self.n - 2), 1)


def couples_of(votes: VoteTable, trusted: BoolArray, near: BoolArray) -> Couples:
    """Count the answers of each two workers to the same cells, by what trusted others say who are near neither.

    Args:
        votes: first answers.
        trusted: (W,) whose answers are compared with.
        near: (W, W) whose answers to a cell tell nothing new beside a worker's own, the worker's own among them.
    """
    keys, times = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for chunk in _cells_in_common(votes, trusted, near):
        chunk_keys, chunk_times = np.unique(chunk, return_counts=True)
        keys, inverse = np.unique(np.concatenate([keys, chunk_keys]), return_inverse=True)
        times = np.bincount(inverse, np.concatenate([times, chunk_times]), keys.size)
    group, row = np.unique(keys >> 2, return_inverse=True)
    later_yes, earlier_yes = keys >> 1 & 1, keys & 1
    couple = group // STRATA
    return Couples(
        later=couple // votes.n_workers,
        earlier=couple % votes.n_workers,
        stratum=group % STRATA,
        n=_sums(row, times, group.size),
        later_yes=_sums(row, times * later_yes, group.size),
        earlier_yes=_sums(row, times * earlier_yes, group.size),
        both_yes=_sums(row, times * (later_yes & earlier_yes), group.size),
    )


def _sums(row: IntArray, values: IntArray | FloatArray, size: int) -> FloatArray:
    return np.bincount(row, values, size).astype(np.float64)


def _cells_in_common(votes: VoteTable, trusted: BoolArray, near: BoolArray) -> Iterator[IntArray]:
    """Yield keys of couple, stratum and both answers, one for each cell that two workers answered."""
    order = np.lexsort((votes.grid, votes.pair))
    n_voters = np.bincount(votes.pair, minlength=votes.n_pairs)
    first = np.cumsum(n_voters) - n_voters
    for n in np.unique(n_voters[n_voters >= FEWEST_OTHERS + 2]):
        starts = first[n_voters == n]
        at_once = max(1, ROWS_AT_ONCE // (n * n))
        for begin in range(0, starts.size, at_once):
            rows = order[starts[begin : begin + at_once, None] + np.arange(n)]
            yield _keys(votes, trusted, near, rows)


def _keys(votes: VoteTable, trusted: BoolArray, near: BoolArray, rows: IntArray) -> IntArray:
    answer, worker = votes.answer[rows].astype(np.int64), votes.worker[rows].astype(np.int64)
    a, b = np.triu_indices(rows.shape[1], 1)
    apart = ~near[worker[:, :, None], worker[:, None, :]]
    asked = apart.astype(np.float32) * trusted[worker][:, None, :]
    n = np.rint(asked @ apart.transpose(0, 2, 1))[:, a, b].astype(np.int64)
    n_yes = np.rint((asked * answer[:, None, :]) @ apart.transpose(0, 2, 1))[:, a, b].astype(np.int64)
    stratum = (STRATA * (2 * n_yes + 1)) // (2 * (n + 1))
    couple = worker[:, b] * votes.n_workers + worker[:, a]
    keys = ((couple * STRATA + stratum) << 2) + (answer[:, b] << 1) + answer[:, a]
    chosen = (worker[:, a] != worker[:, b]) & (n >= FEWEST_OTHERS)
    return np.asarray(keys[chosen])


@dataclass(frozen=True)
class Excess:
    """Cells where both of a couple say yes, beyond the usual number; a row for each couple, added over strata."""

    later: IntArray
    earlier: IntArray
    n: FloatArray
    yes: FloatArray
    of_chance: FloatArray
    beyond: FloatArray
    information: FloatArray
    variance: FloatArray
    third_moment: FloatArray

    def together(self, n_workers: int) -> Excess:
        """Return the couples whichever came later: `later` is the higher worker."""
        high, low = np.maximum(self.later, self.earlier), np.minimum(self.later, self.earlier)
        return self.added(high * n_workers + low, n_workers)

    def added(self, couple: IntArray, n_workers: int) -> Excess:
        keys, row = np.unique(couple, return_inverse=True)
        columns = (self.n, self.yes, self.of_chance, self.beyond, self.information, self.variance, self.third_moment)
        sums = (_sums(row, column, keys.size) for column in columns)
        return Excess(keys // n_workers, keys % n_workers, *sums)

    def p(self, spread: float) -> FloatArray:
        """Return the probability of so many cells or more, if log odds ratios of couples have a spread."""
        variance = self.variance + (spread * self.information) ** 2
        scale = np.sqrt(np.maximum(variance, 1e-9))
        z = (self.beyond - 0.5) / scale
        above = z > 0
        p = np.full(z.shape, 0.5)
        p[above] = upper_skewed(z[above], (self.third_moment / scale**3)[above])
        return np.where(self.information >= LEAST_INFORMATION, p, 1.0)


def excess_of(couples: Couples, n_workers: int) -> tuple[Excess, float]:
    """Compare each couple with usual ones; return the excess of each and the spread of usual couples."""
    used = np.ones(couples.n.shape, dtype=bool)
    for _ in range(3):
        excess = _excess(couples, _usual_association(couples, used), n_workers)
        whole = excess.together(n_workers)
        spread = _spread(whole)
        outstanding = whole.p(spread) <= OUTSTANDING
        names = (whole.later * n_workers + whole.earlier)[outstanding]
        high, low = np.maximum(couples.later, couples.earlier), np.minimum(couples.later, couples.earlier)
        used = ~np.isin(high * n_workers + low, names)
    return excess, spread


def _excess(couples: Couples, usual: FloatArray, n_workers: int) -> Excess:
    variance, third = couples.variance, couples.third_moment
    raw = couples.both_yes - couples.expected
    association = usual[couples.stratum]
    of_chance = couples.later_yes + couples.earlier_yes - 2 * couples.expected
    grown = np.maximum(variance + association * third, variance)
    columns = (couples.n, raw, of_chance, raw - association * variance, variance, grown, third)
    rows = Excess(couples.later, couples.earlier, *columns)
    return rows.added(couples.later * n_workers + couples.earlier, n_workers)


def _usual_association(couples: Couples, used: BoolArray) -> FloatArray:
    """Return (STRATA,) the common log odds ratio of usual couples in each stratum."""
    beyond, variance = couples.both_yes - couples.expected, couples.variance
    above = np.bincount(couples.stratum[used], beyond[used], STRATA)
    information = np.bincount(couples.stratum[used], variance[used], STRATA)
    return np.maximum(above / np.maximum(information, 1e-9), 0)


def _spread(excess: Excess) -> float:
    """Return how much the log odds ratios of usual couples differ, by moments."""
    square, information = excess.beyond**2, excess.information
    used = (information > 0) & (excess.p(0.0) > OUTSTANDING)
    weight = (information[used] / excess.variance[used]) ** 2
    above = float((weight * (square[used] - excess.variance[used])).sum())
    spread2 = max(above, 0) / max(float((weight * information[used] ** 2).sum()), 1e-9)
    n = int((information[used] >= LEAST_INFORMATION).sum())
    return math.sqrt((n * spread2 + PRIOR_COUPLES * SHARED_VIEWS**2) / (n + PRIOR_COUPLES))


def likeness(votes: VoteTable, trusted: BoolArray) -> tuple[Measure, IntArray]:
    """Measure the likeness of each worker to another, the most suspicious one.

    The value is the share of what chance leaves open that the two have in common: 0 if only what others say unites
    them, 1 if all answers are the same. Copies of an answer hide among others that agree with it; so it is measured
    several times, and those who are like a worker are not asked the next time what others say.

    Args:
        votes: first answers.
        trusted: (W,) whose answers are compared with.

    Returns:
        The measure, and (W,) the other worker or NOBODY. Its n is the number of cells that both answered; p is
        corrected for the number of workers with whom one was compared.
    """
    near = np.eye(votes.n_workers, dtype=bool)
    for _ in range(PASSES - 1):
        excess, spread = excess_of(couples_of(votes, trusted, near), votes.n_workers)
        near = _near(excess, spread, votes.n_workers)
    excess, spread = excess_of(couples_of(votes, trusted, near), votes.n_workers)
    whole = excess.together(votes.n_workers)
    worker, other, row, p = _suspicions(votes, excess, whole, spread)
    best = np.lexsort((-p, worker))
    chosen = np.full(votes.n_workers, NOBODY)
    chosen[worker[best]] = best
    compared = whole.information[row] >= LEAST_INFORMATION
    n_compared = np.bincount(worker[compared], minlength=votes.n_workers)
    return _measure(whole, chosen, row, p, n_compared), np.where(chosen >= 0, np.append(other, NOBODY)[chosen], NOBODY)


def _near(excess: Excess, spread: float, n_workers: int) -> BoolArray:
    """Return (W, W) who is like whom, by loose standards."""
    whole = excess.together(n_workers)
    alike = whole.p(spread) <= DOUBTFUL
    near = np.eye(n_workers, dtype=bool)
    near[whole.later[alike], whole.earlier[alike]] = True
    near[whole.earlier[alike], whole.later[alike]] = True
    return near


def _suspicions(
    votes: VoteTable, excess: Excess, whole: Excess, spread: float
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return the suspected worker, the other, their row in `whole` and p, for each couple and either of the two."""
    worker, other = np.concatenate([whole.later, whole.earlier]), np.concatenate([whole.earlier, whole.later])
    row = np.tile(np.arange(whole.later.size), 2)
    suspected = _comes_later(worker, other, row, excess, whole, votes.n_workers)
    if votes.network is not None:
        suspected |= (votes.network[worker] == votes.network[other]) & (votes.network[worker] >= 0)
    return worker, other, row, np.where(suspected, whole.p(spread)[row], 1.0)


def _comes_later(
    worker: IntArray, other: IntArray, row: IntArray, excess: Excess, whole: Excess, n_workers: int
) -> BoolArray:
    """Return whether the worker often answers after the other, and as much alike then as over all."""
    keys = np.append(excess.later * n_workers + excess.earlier, -1)
    places = np.searchsorted(keys[:-1], worker * n_workers + other)
    present = keys[places] == worker * n_workers + other
    n, beyond, information = (
        np.where(present, np.append(column, 0)[places], 0.0) for column in (excess.n, excess.beyond, excess.information)
    )
    often = n >= LEAST_SHARE_LATER * whole.n[row]
    alike = beyond * whole.information[row] >= LEAST_PART_LATER * whole.beyond[row] * information
    both: BoolArray = present & often & alike
    return both


def _measure(whole: Excess, chosen: IntArray, row: IntArray, p: FloatArray, n_compared: IntArray) -> Measure:
    seen = chosen >= 0
    rows = np.where(seen, np.append(row, 0)[chosen], 0)
    nothing = np.full(chosen.shape, np.nan)
    if not seen.any():
        return measure(nothing, np.zeros(chosen.shape, np.int64))
    of_chance = np.where(seen, whole.of_chance[rows], 0)
    value = share_of(2 * whole.yes[rows], of_chance)
    half = Z95 * share_of(2 * np.sqrt(whole.variance[rows]), of_chance)
    p_of_couple = np.minimum(p[np.maximum(chosen, 0)], 1 - 1e-12)
    p_any = -np.expm1(np.maximum(n_compared, 1) * np.log1p(-p_of_couple))
    n = np.where(seen, whole.n[rows], 0).astype(np.int64)
    p_any = np.where(seen & (n_compared > 0), p_any, np.nan)
    interval = np.maximum(value - half, -1), np.minimum(value + half, 1)
    return measure(value, n, p_any, interval)
