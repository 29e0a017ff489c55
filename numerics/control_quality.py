"""Quality of controls: how often they are failed, and whether it is the poor workers who fail them.

A control that good workers fail has a wrong expected answer, or shows something else too: it measures nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numerics.workers.intervals import wilson
from numerics.workers.tables import ControlTable

FEWEST_TO_DISCRIMINATE = 5
"""Answers below which a control has no discrimination."""


@dataclass(frozen=True)
class ControlReport:
    """Figures of C controls.

    Attributes:
        expected: (C,) the expected answer.
        n, n_passed: (C,) answers, and how many of them were the expected one.
        n_good, n_good_passed: (C,) the same of good workers alone.
        difficulty: (C,) share of failed answers.
        discrimination: (C,) correlation of passing with the score of the worker; NaN with few answers, or if all pass.
    """

    expected: NDArray[np.bool_]
    n: NDArray[np.int64]
    n_passed: NDArray[np.int64]
    n_good: NDArray[np.int64]
    n_good_passed: NDArray[np.int64]
    difficulty: NDArray[np.float64]
    discrimination: NDArray[np.float64]

    def failed_by_good(self, fewest: int, share: float) -> NDArray[np.bool_]:
        """Return (C,) which controls good workers fail: their share of passes is surely below `share`.

        >>> controls = ControlTable(np.arange(6), np.zeros(6, int), np.ones(6, bool), np.zeros(6, bool), 6)
        >>> measure_controls(controls, np.linspace(0.5, 0.9, 6)).failed_by_good(3, 0.6).tolist()
        [True]
        """
        _, high = wilson(self.n_good_passed, self.n_good)
        return (self.n_good >= fewest) & (np.nan_to_num(high, nan=1.0) < share)


def measure_controls(controls: ControlTable, score: NDArray[np.float64]) -> ControlReport:
    """Measure controls by the answers of workers, and by how good these are elsewhere.

    Args:
        controls: answers to C controls.
        score: (W,) how good each worker is apart from controls, such as their agreement with others; NaN if unknown.
            The better half of them (at or above the median) counts as good.

    Source: our choice; difficulty and discrimination as in classical test theory (item-rest correlation, where the
    rest is the worker's agreement with others instead of other items).

    >>> table = ControlTable(
    ...     worker=np.arange(6), control=np.array([0] * 6), expected=np.ones(6, bool),
    ...     answer=np.array([0, 0, 0, 1, 1, 1], bool), n_workers=6,
    ... )
    >>> report = measure_controls(table, np.array([0.5, 0.5, 0.5, 0.9, 0.9, 0.9]))
    >>> report.difficulty.tolist(), report.discrimination.round(2).tolist(), report.n_good_passed.tolist()
    ([0.5], [1.0], [3])
    """
    n_controls = controls.n_controls
    passed = controls.answer == controls.expected
    scored = ~np.isnan(score)
    good = scored & (score >= np.median(score[scored])) if scored.any() else scored
    expected = np.zeros(n_controls, bool)
    expected[controls.control] = controls.expected

    def count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(controls.control[chosen], minlength=n_controls).astype(np.int64)

    of_good = good[controls.worker]
    n, n_passed = count(np.ones(len(controls), bool)), count(passed)
    return ControlReport(
        expected=expected,
        n=n,
        n_passed=n_passed,
        n_good=count(of_good),
        n_good_passed=count(of_good & passed),
        difficulty=1 - n_passed / n,
        discrimination=_correlation(controls, passed, score),
    )


def _correlation(controls: ControlTable, passed: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (C,) Pearson's correlation of passing with the score, over the workers who have one."""
    scores = score[controls.worker]
    chosen = ~np.isnan(scores)
    control, x, y = controls.control[chosen], scores[chosen], passed[chosen].astype(np.float64)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(control, values, minlength=controls.n_controls).astype(np.float64)

    n = total(np.ones(len(x)))
    with np.errstate(invalid="ignore", divide="ignore"):
        # Around the means, so that no difference of large sums is taken.
        x, y = x - (total(x) / n)[control], y - (total(y) / n)[control]
        spread = np.sqrt(total(x * x) * total(y * y))
        correlation = np.where((spread > 1e-12) & (n >= FEWEST_TO_DISCRIMINATE), total(x * y) / spread, np.nan)
    return correlation
