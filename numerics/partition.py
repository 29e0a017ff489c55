"""Groups of the labels of one image, its objects, by a search of every possible grouping.

Labels that the same annotator selects are meant for different objects. So the labels are split into exactly k
blocks such that as few co-selected pairs as possible fall into one block (a maximum k-cut of the co-selection
graph). Every partition is tried, hence the result is optimal and every optimum is listed.

A partition is written as a restricted growth string: the block number of each label, where blocks are
numbered in the order of their first label. Every partition has exactly one such string.

Memory: the strings of all partitions take one byte per label and partition, a few times that while they are
built; the products on top of them are computed in pieces of `PIECE` cells. 12 labels peak at 60 MB, however many
images are searched together; the worst shape that `check_size` lets pass, 62 labels in 60 objects, at 265 MB.
Each optimal partition adds some 25 bytes, which matters only where nearly all are optimal.

Source: Tsipras et al. 2020, section 3.2, "Partitioning labels into objects".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Partitions = NDArray[np.int8]
Weights = NDArray[np.integer]
Floats = NDArray[np.floating]

MAX_PARTITIONS = 2_000_000
"""Largest number of partitions that is searched: 12 labels never exceed it (1,379,400 at 5 objects)."""
MAX_BLOCKS = int(np.iinfo(np.int8).max)
"""Largest number of objects: block numbers are stored in one byte."""
PIECE = 2**21
"""Cells of a temporary array; at 4 bytes a cell, 8 MB."""
SMALL = 2**17
"""Cells up to which the table of a shape is kept for the next call: at most 128 tables of half a megabyte."""


class PartitionTooLarge(ValueError):
    """An error: the labels have more partitions than are searched exhaustively."""


@lru_cache(maxsize=1024)
def stirling(n: int, k: int) -> int:
    """Count the ways to split n labels into exactly k non-empty blocks (Stirling number of the second kind).

    Raises:
        ValueError: n or k is negative.

    >>> [stirling(4, k) for k in range(6)]
    [0, 1, 7, 6, 1, 0]
    """
    if n < 0 or k < 0:
        raise ValueError(f"There are no {n} labels in {k} blocks; pass numbers of 0 or more.")
    row = [1] + [0] * k
    for _ in range(n):
        row = [0] + [block * row[block] + row[block - 1] for block in range(1, k + 1)]
    return row[k]


def check_size(n_labels: int, n_blocks: int) -> None:
    """Check that every partition of the labels can be tried.

    Raises:
        ValueError: there is no such partition.
        PartitionTooLarge: there are more than `MAX_PARTITIONS` of them, or more than `MAX_BLOCKS` blocks.

    >>> check_size(12, 6)
    >>> check_size(13, 6)
    Traceback (most recent call last):
    ...
    numerics.partition.PartitionTooLarge: 13 labels in 6 objects have more than 2,000,000 \
partitions, too many to try them all; offer fewer candidate labels, or exclude the submissions that select \
the most.
    """
    if not 1 <= n_blocks <= n_labels:
        raise ValueError(
            f"{n_labels} labels cannot make {n_blocks} objects; every object needs a label of its own, "
            f"so pass 1 to {n_labels} objects."
        )
    if n_blocks > MAX_BLOCKS:
        raise PartitionTooLarge(
            f"{n_labels} labels in {n_blocks} objects are beyond the {MAX_BLOCKS} objects an image may have; "
            f"exclude the submissions that select the most labels."
        )
    # Each label after the first k goes into any of k blocks, so there are at least k ** (n - k) partitions:
    # this spares counting absurdly many.
    hopeless = n_blocks > 1 and n_labels - n_blocks >= MAX_PARTITIONS.bit_length()
    if hopeless or stirling(n_labels, n_blocks) > MAX_PARTITIONS:
        raise PartitionTooLarge(
            f"{n_labels} labels in {n_blocks} objects have more than {MAX_PARTITIONS:,} partitions, too many "
            f"to try them all; offer fewer candidate labels, or exclude the submissions that select the most."
        )


def growth_strings(n: int, k: int) -> Partitions:
    """List all partitions of n labels into exactly k blocks.

    Returns:
        (S, n), S = stirling(n, k): a row gives the block number of each label. Rows are in lexicographic
        order. The array is read-only, for small ones are shared between calls.

    Raises:
        ValueError, PartitionTooLarge: see `check_size`.

    >>> growth_strings(4, 3).tolist()
    [[0, 0, 1, 2], [0, 1, 0, 2], [0, 1, 1, 2], [0, 1, 2, 0], [0, 1, 2, 1], [0, 1, 2, 2]]
    """
    check_size(n, k)
    return (_kept_columns(n, k) if _is_small(n, k) else _columns(n, k)).T


def _is_small(n: int, k: int) -> bool:
    return stirling(n, k) * max(n, n * (n - 1) // 2) <= SMALL


def _columns(n: int, k: int) -> Partitions:
    """List the growth strings as (n, S), label by label: a comparison of two labels then reads two runs of memory.

    All strings grow by one label at a time. A string that uses b blocks so far goes on with any of 0..b (at
    most k - 1), but only with b when each label left must open a block of its own for k to be reached.
    """
    columns = np.zeros((1, 1), np.int8)
    used = np.ones(1, np.int8)
    for length in range(1, n):
        forced = k - used == n - length
        n_choices = np.where(forced, 1, np.minimum(used + 1, k))
        first = np.where(forced, used, 0) - (np.cumsum(n_choices) - n_choices)
        parent = np.repeat(np.arange(used.size), n_choices)
        longer = np.empty((length + 1, parent.size), np.int8)
        for label in range(length):
            longer[label] = columns[label, parent]
        longer[length] = np.arange(parent.size) + first[parent]
        columns, used = longer, np.maximum(used[parent], longer[length] + 1)
    columns.flags.writeable = False
    return columns


@lru_cache(maxsize=128)
def _kept_columns(n: int, k: int) -> Partitions:
    return _columns(n, k)


def _same_block(columns: Partitions) -> Floats:
    """Return (P, S): 1 where both labels of a pair are in one block; P runs over the pairs a < b in order."""
    first, second = np.triu_indices(columns.shape[0], 1)
    same: Floats = (columns[first] == columns[second]).astype(np.float32)
    return same


@lru_cache(maxsize=128)
def _kept_same_block(n: int, k: int) -> Floats:
    return _same_block(_kept_columns(n, k))


def _same_block_pieces(n: int, k: int, step: int) -> Iterator[tuple[int, Floats]]:
    """Yield `_same_block` of all partitions, at most `step` at a time, each with the row of its first partition."""
    if _is_small(n, k):
        table = _kept_same_block(n, k)
        yield from ((start, table[:, start : start + step]) for start in range(0, table.shape[1], step))
    else:
        columns = _columns(n, k)
        for start in range(0, columns.shape[1], step):
            yield start, _same_block(columns[:, start : start + step])


def co_selection(selections: Sequence[Sequence[int]], labels: Sequence[int]) -> NDArray[np.int64]:
    """Count, for every pair of labels, the annotators that selected both.

    Args:
        selections: V sequences of label indexes, one per annotator.
        labels: (L,) label indexes; other labels in the selections are ignored.

    Returns:
        (L, L), in annotators; symmetric, with 0 on the diagonal.

    Source: Tsipras et al. 2020, section 3.2.

    >>> co_selection([[4, 7], [7, 4], [9, 7], [4]], [4, 7, 9]).tolist()
    [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    """
    position = {label: index for index, label in enumerate(labels)}
    weights = np.zeros((len(labels), len(labels)), np.int64)
    for selection in selections:
        members = [position[label] for label in selection if label in position]
        if len(members) > 1:
            weights[np.ix_(members, members)] += 1
    np.fill_diagonal(weights, 0)
    return weights


def optimal_rows(weights: Weights, k: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Search the best partitions of many images that have the same number of labels and of objects.

    Args:
        weights: (N, L, L) symmetric co-selection counts, see `co_selection`; the diagonal is not read.
        k: number of blocks.

    Returns:
        For each image the rows of `growth_strings(L, k)` that are optimal, ascending, and
        (N,) the weight that stays inside blocks in them, in co-selections.

    Raises:
        ValueError: weights are of another shape, negative or too large to be added exactly; k is impossible.
        PartitionTooLarge: see `check_size`.

    Source: Tsipras et al. 2020, section 3.2.

    >>> rows, inside = optimal_rows(np.array([[[0, 5, 0], [5, 0, 1], [0, 1, 0]]]), 2)
    >>> rows[0].tolist(), inside.tolist()
    ([1], [0])
    """
    pairs = _pair_weights(weights)
    n_images, n_labels = weights.shape[:2]
    check_size(n_labels, k)
    least = np.full(n_images, np.inf, pairs.dtype)
    optima = []
    for start, same in _same_block_pieces(n_labels, k, max(1, PIECE // max(1, *pairs.shape))):
        inside = pairs @ same
        least = np.minimum(least, inside.min(axis=1))
        image, row = np.nonzero(inside == least[:, np.newaxis])
        optima.append((image, row + start, inside[image, row]))
    image, row, weight = (np.concatenate(parts) for parts in zip(*optima, strict=True))
    # A later piece may have lowered the least weight of an image: drop partitions that were best only until then.
    still = np.flatnonzero(weight == least[image])
    still = still[np.argsort(image[still], kind="stable")]
    ends = np.searchsorted(image[still], np.arange(1, n_images))
    return np.split(row[still], ends)[:n_images], least.astype(np.int64)


def _pair_weights(weights: Weights) -> Floats:
    """Return (N, P) weights of the pairs a < b, in the narrowest float that adds them exactly."""
    if weights.ndim != 3 or weights.shape[1] != weights.shape[2]:
        raise ValueError(f"weights has shape {weights.shape}; pass one square of labels by labels per image.")
    if not np.array_equal(weights, weights.transpose(0, 2, 1)):
        raise ValueError("weights is not symmetric; the weight of (a, b) is that of (b, a).")
    first, second = np.triu_indices(weights.shape[1], 1)
    pairs = weights[:, first, second]
    if pairs.min(initial=0) < 0:
        raise ValueError("weights has a negative entry; pass how many annotators selected both labels.")
    largest = pairs.sum(axis=1, dtype=np.float64).max(initial=0)
    if largest >= 2**53:
        raise ValueError("weights of an image add up to 2^53 or more, which cannot be added exactly.")
    return pairs.astype(np.float32 if largest < 2**24 else np.float64)


def optimal_partitions(weights: Weights, k: int) -> tuple[Partitions, int]:
    """Find all best partitions of one image's labels into exactly k blocks.

    Args:
        weights: (L, L) symmetric co-selection counts, see `co_selection`; the diagonal is not read.
        k: number of blocks.

    Returns:
        (M, L) every optimal partition as a growth string over the labels, in lexicographic order, and
        the weight that stays inside blocks in each of them, in co-selections: no partition has less.

    Raises:
        ValueError, PartitionTooLarge: see `optimal_rows`.

    Source: Tsipras et al. 2020, section 3.2.

    >>> partitions, inside = optimal_partitions(np.array([[0, 5, 1], [5, 0, 1], [1, 1, 0]]), 2)
    >>> partitions.tolist(), inside
    ([[0, 1, 0], [0, 1, 1]], 1)
    """
    rows, least = optimal_rows(np.asarray(weights)[np.newaxis], k)
    return growth_strings(len(weights), k)[rows[0]], int(least[0])


def choose(partitions: Partitions, n_selected: Sequence[int]) -> int:
    """Choose one of several optimal partitions by a fixed rule.

    It is the partition whose objects are named by the best supported labels: an object is named by its most
    selected label, and the selections of these names are summed over the objects. So a rarely selected label
    joins a common one rather than forming a separate object. Ties: the first in lexicographic order.

    Args:
        partitions: (M, L) growth strings in lexicographic order, see `optimal_partitions`.
        n_selected: (L,) how many annotators selected each label.

    Returns:
        A row of `partitions`.

    Raises:
        ValueError: there is no partition, or not one count per label.

    Source: ours; the papers name no rule. On 201 of 205 released images with several optima, the published
    partition is among the best by the first criterion.

    >>> choose(np.array([[0, 0, 1], [0, 1, 0]], np.int8), [9, 8, 1])
    1
    """
    if not len(partitions):
        raise ValueError("There are no partitions to choose from; pass the optimal ones.")
    if len(n_selected) != partitions.shape[1]:
        raise ValueError(f"{len(n_selected)} counts for {partitions.shape[1]} labels; pass one per label.")
    if len(partitions) == 1:
        return 0
    support = np.zeros(len(partitions), np.int64)
    for block in range(int(partitions.max()) + 1):
        name = np.zeros(len(partitions), np.int64)
        for column, count in enumerate(n_selected):
            np.maximum(name, (partitions[:, column] == block) * np.int64(count), out=name)
        support += name
    return int(support.argmax())
