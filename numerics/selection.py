"""Selection frequencies: how often a label was selected among the times it was shown.

Source: Tsipras et al. 2020, section 3.1 (the CONTAINS task).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def count_votes(
    pair: IntArray, selected: NDArray[np.bool_], n_pairs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for every image-label pair, the votes that selected it and all its votes.

    Args:
        pair: (V,) position of each vote's image-label pair, from 0 to n_pairs - 1.
        selected: (V,) whether the vote selected the label.
        n_pairs: P, how many pairs there are, those without a vote included.

    Returns:
        n_selected (P,) and n_shown (P,), in votes.

    Raises:
        ValueError: the two arrays differ in length, are of another type, or a position is out of range.

    Source: Tsipras et al. 2020, section 3.1.

    >>> n_selected, n_shown = count_votes(np.array([0, 0, 2]), np.array([True, False, True]), 3)
    >>> n_selected.tolist(), n_shown.tolist()
    ([1, 0, 1], [2, 0, 1])
    """
    pair, selected = np.asarray(pair), np.asarray(selected)
    _check_votes(pair, selected, n_pairs)
    if pair.size == 0:
        return np.zeros(n_pairs, np.int64), np.zeros(n_pairs, np.int64)
    n_shown = np.bincount(pair, minlength=n_pairs).astype(np.int64)
    n_selected = np.bincount(pair[selected], minlength=n_pairs).astype(np.int64)
    return n_selected, n_shown


def _check_votes(pair: IntArray, selected: NDArray[np.bool_], n_pairs: int) -> None:
    if pair.ndim != 1 or pair.shape != selected.shape:
        raise ValueError(
            f"Votes need one pair and one answer each, but pair has shape {pair.shape} and selected "
            f"{selected.shape}; pass two one-dimensional arrays of the same length."
        )
    if n_pairs < 0:
        raise ValueError(f"n_pairs is {n_pairs}; pass the number of image-label pairs, 0 or more.")
    if pair.size == 0:
        return
    if not np.issubdtype(pair.dtype, np.integer):
        raise ValueError(f"pair has type {pair.dtype}; pass the whole-number positions of the pairs.")
    if selected.dtype != np.bool_:
        raise ValueError(f"selected has type {selected.dtype}; pass True or False for every vote.")
    outside = np.flatnonzero((pair < 0) | (pair >= n_pairs))
    if outside.size:
        raise ValueError(
            f"Vote {outside[0]} is for pair {pair[outside[0]]}, but there are {n_pairs} pairs; "
            f"positions go from 0 to n_pairs - 1."
        )


def selection_frequency(n_selected: IntArray, n_shown: IntArray) -> NDArray[np.float64]:
    """Compute the fraction of the people shown a pair who selected it.

    Args:
        n_selected: (P,) votes that selected the pair.
        n_shown: (P,) all votes on the pair.

    Returns:
        (P,) fractions from 0 to 1; NaN where nobody was shown the pair, for that is not the same as 0.

    Raises:
        ValueError: shapes differ, a count is negative, or a pair was selected more often than shown.

    Source: Tsipras et al. 2020, section 3.1.

    >>> selection_frequency(np.array([3, 0, 0]), np.array([4, 5, 0])).tolist()
    [0.75, 0.0, nan]
    """
    n_selected, n_shown = np.asarray(n_selected), np.asarray(n_shown)
    check_counts(n_selected, n_shown)
    frequency = np.full(n_shown.shape, np.nan)
    np.divide(n_selected, n_shown, out=frequency, where=n_shown > 0)
    return frequency


def check_counts(n_selected: IntArray, n_shown: IntArray) -> None:
    """Raise ValueError, naming the first wrong pair, unless 0 <= n_selected <= n_shown for all (P,) pairs.

    >>> check_counts(np.array([2]), np.array([1]))
    Traceback (most recent call last):
    ...
    ValueError: Pair 0 was selected 2 times of 1 shown; count selections among the shown votes only.
    """
    if n_selected.shape != n_shown.shape:
        raise ValueError(
            f"n_selected has shape {n_selected.shape} and n_shown {n_shown.shape}; pass one of each per pair."
        )
    impossible = np.flatnonzero((n_selected < 0) | (n_selected > n_shown))
    if impossible.size:
        pair = impossible[0]
        raise ValueError(
            f"Pair {pair} was selected {n_selected[pair]} times of {n_shown[pair]} shown; "
            f"count selections among the shown votes only."
        )
