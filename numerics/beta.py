"""The beta distribution, for arrays: its distribution function and its quantiles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MOST_TERMS = 500
PRECISION = 1e-12
TINY = 1e-300
# Halvings of the interval from 0 to 1: quantiles to 15 digits.
HALVINGS = 50

_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def beta_cdf(x: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Compute the probability that a beta variable is x or less: the regularised incomplete beta function.

    Args:
        x: (N,) from 0 to 1.
        a, b: (N,) above 0.

    Returns:
        (N,) probabilities.

    Raises:
        ValueError: x is outside 0 to 1, or a or b is not above 0.

    Source: Abramowitz and Stegun 1964, 26.5.8 (continued fraction), evaluated as Press et al. 2007, section 6.4, do.

    >>> beta_cdf(np.array([0.3, 0.5, 1.0]), np.array([2.0, 3.0, 0.1]), np.array([5.0, 3.0, 4.0])).round(6).tolist()
    [0.579825, 0.5, 1.0]
    """
    x, a, b = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in (x, a, b)))
    if ((x < 0) | (x > 1)).any() or (a <= 0).any() or (b <= 0).any():
        raise ValueError("A beta distribution has x from 0 to 1, and a and b above 0.")
    # Beyond the mean the fraction of the other tail needs fewer terms.
    swapped = x > (a + 1) / (a + b + 2)
    first, second, place = np.where(swapped, b, a), np.where(swapped, a, b), np.where(swapped, 1 - x, x)
    inside = np.clip(place, TINY, 1 - 1e-16)
    log_front = _log_gamma(first + second) - _log_gamma(first) - _log_gamma(second)
    log_front += first * np.log(inside) + second * np.log1p(-inside)
    tail = np.exp(log_front) * _fraction(inside, first, second) / first
    tail = np.where(place <= 0, 0.0, np.clip(tail, 0, 1))
    return np.where(swapped, 1 - tail, tail)


def _fraction(x: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Evaluate the continued fraction by Lentz's method."""
    c, d = np.ones_like(x), _off_zero(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d.copy()
    for m in range(1, MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d)
            c = _off_zero(1 + term / c)
            value = value * c * d
        if (np.abs(c * d - 1) < PRECISION).all():
            break
    return value


def _off_zero(value: FloatArray) -> FloatArray:
    return np.where(np.abs(value) < TINY, TINY, value)


def beta_quantile(p: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Compute the x below which a beta variable lies with probability p, by bisection.

    Args:
        p: (N,) probabilities.
        a, b: (N,) above 0.

    Returns:
        (N,) from 0 to 1.

    Raises:
        ValueError: as `beta_cdf`, or p is outside 0 to 1.

    >>> beta_quantile(np.array([0.025, 0.975]), np.array([1.0, 1.0]), np.array([1.0, 9.0])).round(4).tolist()
    [0.025, 0.3363]
    """
    p, a, b = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in (p, a, b)))
    if ((p < 0) | (p > 1)).any():
        raise ValueError("A probability is outside 0 to 1.")
    low, high = np.zeros(p.shape), np.ones(p.shape)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = beta_cdf(middle, a, b) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
