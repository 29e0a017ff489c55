"""Measures of a control: difficulty, and whether it tells good workers from others; pairs that could be controls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numerics.workers.intervals import Z95, share_of, wilson
from numerics.workers.tables import BoolArray, ControlTable, FloatArray, IntArray, VoteTable
from numerics.workers.thresholds import (
    FEWEST_ANSWERS_FOR_DISCRIMINATION,
    FEWEST_GOOD_WORKERS,
    FEWEST_UNANIMOUS,
    LEAST_SHARE_OF_GOOD_WORKERS,
)


@dataclass(frozen=True)
class ControlReport:
    """Measures of K controls, from the answers of trusted workers.

    Attributes:
        n, n_passed: (K,) trusted answers, and those as expected.
        difficulty: (K,) the share that failed; NaN without answers. low, high: its 95 % interval.
        discrimination: (K,) correlation of passing with the share of other controls that a worker passes, from -1 to
            1; NaN where all passed or all failed. discrimination_high: the upper end of its 95 % interval.
        n_good, n_good_passed: (K,) the same counts among good workers: those who pass the median share of other
            controls or more.
        switched_off: (K,) whether the control should be used no more: good workers fail it, or those who pass it are
            worse workers.
    """

    n: IntArray
    n_passed: IntArray
    difficulty: FloatArray
    low: FloatArray
    high: FloatArray
    discrimination: FloatArray
    discrimination_high: FloatArray
    n_good: IntArray
    n_good_passed: IntArray
    switched_off: BoolArray


def measure_controls(controls: ControlTable, trusted: BoolArray) -> ControlReport:
    """Measure controls by the answers of trusted workers.

    How good a worker is follows from the other controls, so that no control speaks for itself.

    Args:
        controls: all answers.
        trusted: (W,) whose answers count: those whom no other measure flags. A fraud fails every control, which says
            nothing about controls.
    """
    size = controls.n_controls
    rows = trusted[controls.worker]
    worker, control = controls.worker[rows], controls.control[rows]
    passed = controls.answer[rows] == controls.expected[rows]
    n, n_passed = np.bincount(control, minlength=size), np.bincount(control[passed], minlength=size)
    low, high = wilson(n - n_passed, n)
    rest = _rest(worker, passed, controls.n_workers)
    correlation, upper = _discrimination(control, passed, rest, size)
    known = np.isfinite(rest)
    good = known & (rest >= (np.median(rest[known]) if known.any() else 0))
    n_good, n_good_passed = (
        np.bincount(control[good], minlength=size),
        np.bincount(control[good & passed], minlength=size),
    )
    return ControlReport(
        n=n,
        n_passed=n_passed,
        difficulty=share_of(n - n_passed, n),
        low=low,
        high=high,
        discrimination=correlation,
        discrimination_high=upper,
        n_good=n_good,
        n_good_passed=n_good_passed,
        switched_off=_failed_by_good(n_good, n_good_passed) | _misleading(n, upper),
    )


def _failed_by_good(n_good: IntArray, n_good_passed: IntArray) -> BoolArray:
    _, upper = wilson(n_good_passed, n_good)
    return np.asarray((n_good >= FEWEST_GOOD_WORKERS) & (np.nan_to_num(upper, nan=1) < LEAST_SHARE_OF_GOOD_WORKERS))


def _misleading(n: IntArray, upper: FloatArray) -> BoolArray:
    return np.asarray((n >= FEWEST_ANSWERS_FOR_DISCRIMINATION) & (np.nan_to_num(upper, nan=1) < 0))


def _rest(worker: IntArray, passed: BoolArray, n_workers: int) -> FloatArray:
    """Return for each answer the share that its worker passes of the others; NaN without any."""
    n = np.bincount(worker, minlength=n_workers)[worker] - 1
    return share_of(np.bincount(worker, passed, n_workers)[worker] - passed, n)


def _discrimination(control: IntArray, passed: BoolArray, rest: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Return (K,) the correlation of passing with the rest, and the upper end of its interval by Fisher's z."""
    known = np.isfinite(rest)
    control, x, y = control[known], passed[known].astype(np.float64), rest[known]
    n = np.bincount(control, minlength=size)

    def mean(values: FloatArray) -> FloatArray:
        return share_of(np.bincount(control, values, size), n)

    x, y = x - mean(x)[control], y - mean(y)[control]
    scale = np.sqrt(mean(x**2) * mean(y**2))
    correlation = np.divide(mean(x * y), scale, out=np.full(size, math.nan), where=scale > 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        upper = np.tanh(np.arctanh(np.clip(correlation, -0.9999, 0.9999)) + Z95 / np.sqrt(np.maximum(n - 3, 1e-9)))
    return correlation, upper


@dataclass(frozen=True)
class Proposals:
    """Pairs that could be controls: all trusted workers answer them alike. A person has to confirm each.

    Attributes:
        pair: the pairs, those with most answers first.
        expected: whether each would be a positive control.
        n: the number of answers.
        error: the upper end of the 95 % interval of the share of people who would answer otherwise.
    """

    pair: IntArray
    expected: BoolArray
    n: IntArray
    error: FloatArray


def propose_controls(votes: VoteTable, trusted: BoolArray, fewest: int = FEWEST_UNANIMOUS) -> Proposals:
    """Return the pairs on which all trusted workers agree.

    >>> from numerics.workers.tables import VoteTable
    >>> nobody = np.full(4, np.nan)
    >>> votes = VoteTable(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.array([True, True, True, False]),
    ...     np.arange(4), np.array([0, 1, 0, 1]), nobody, 2)
    >>> proposals = propose_controls(votes, np.array([True, True]), fewest=2)
    >>> proposals.pair.tolist(), proposals.expected.tolist()
    ([0], [True])
    """
    rows = trusted[votes.worker]
    n = np.bincount(votes.pair[rows], minlength=votes.n_pairs)
    n_yes = np.bincount(votes.pair[rows & votes.answer], minlength=votes.n_pairs)
    alike = np.flatnonzero((n >= fewest) & ((n_yes == n) | (n_yes == 0)))
    order = alike[np.argsort(-n[alike], kind="stable")]
    _, error = wilson(np.zeros(order.size), n[order])
    return Proposals(order, n_yes[order] > 0, n[order], error)
