"""Intervals of shares, and the correction for looking at many workers."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from numerics.workers.tables import FloatArray, IntArray, Measure

Z95 = NormalDist().inv_cdf(0.975)


def wilson(n_yes: FloatArray | IntArray, n: FloatArray | IntArray, z: float = Z95) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper bound of shares n_yes / n by Wilson's score interval; NaN where n is 0.

    >>> [bound.round(3).tolist() for bound in wilson(np.array([8, 0]), np.array([10, 0]))]
    [[0.49, nan], [0.943, nan]]
    """
    n = np.asarray(n, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(n > 0, n_yes / n, np.nan)
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def holm(p: FloatArray) -> FloatArray:
    """Return p corrected for their number by Holm's procedure; NaN stays and does not count.

    With a threshold of q, the probability that any honest worker is flagged is at most q, however the measures of
    different workers depend on each other.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    >>> holm(np.array([0.01, np.nan, 0.04, 0.03])).round(2).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    q = np.full(p.shape, np.nan)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    q[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return q


def measure(
    value: FloatArray,
    n: IntArray,
    p: FloatArray | None = None,
    interval: tuple[FloatArray, FloatArray] | None = None,
    expected: FloatArray | None = None,
) -> Measure:
    """Return a measure; without observations there is no p."""
    nothing = np.full(value.shape, np.nan)
    low, high = interval or (nothing, nothing)
    p = np.where(n > 0, nothing if p is None else p, np.nan)
    return Measure(value, n, low, high, nothing if expected is None else expected, p, holm(p))


def share_of(n_yes: FloatArray | IntArray, n: FloatArray | IntArray) -> FloatArray:
    """Return n_yes / n, NaN where n is 0.

    >>> share_of(np.array([1, 0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    return np.divide(n_yes, n, out=np.full(np.shape(n), np.nan), where=np.asarray(n) > 0)
