"""Agreement of people: Krippendorff's alpha with its interval, shared answers of two people, labels in contradiction.

Sources: Krippendorff 2011, “Computing Krippendorff's Alpha-Reliability” (nominal data, any number of observers, missing
answers); Efron and Tibshirani 1993, chapter 13 (percentile interval of the bootstrap).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.float64]

REPLICATES = 1000
LEVEL = 0.95
# With fewer groups, draws of them hardly differ, and an interval would promise too much.
FEWEST_GROUPS = 10
# Replicates drawn together: this many numbers at most are in memory.
NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha: 1 for agreement throughout, 0 for that of chance.

    Attributes:
        value: NaN where it is not defined: no pair with two answers, or the same answer throughout.
        low, high: the bootstrap interval; NaN with fewer than FEWEST_GROUPS groups.
        n_pairs: pairs with two answers or more.
        n_answers: answers on these pairs.
    """

    value: float
    low: float
    high: float
    n_pairs: int
    n_answers: int


def answer_counts(pair: IntArray, answer: IntArray, n_pairs: int, n_answers: int) -> NDArray[np.int64]:
    """Count each answer on each pair.

    Args:
        pair: (V,) position of the pair of each vote, from 0 to n_pairs - 1.
        answer: (V,) answer of each vote, from 0 to n_answers - 1.
        n_pairs: P.
        n_answers: A.

    Returns:
        (P, A) numbers of votes.

    Raises:
        ValueError: the arrays differ in length, or a position is out of range.

    >>> answer_counts(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0, 2], [1, 0]]
    """
    pair, answer = np.asarray(pair, np.int64), np.asarray(answer, np.int64)
    check_votes({"pair": (pair, n_pairs), "answer": (answer, n_answers)})
    return np.bincount(pair * n_answers + answer, minlength=n_pairs * n_answers).reshape(n_pairs, n_answers)


def check_votes(columns: Mapping[str, tuple[IntArray, int]]) -> None:
    """Raise ValueError unless all columns are as long as the first, and hold positions below their bounds."""
    (first, (head, _)), *_ = columns.items()
    for name, (column, bound) in columns.items():
        if column.ndim != 1 or column.shape != head.shape:
            raise ValueError(f"{name} has shape {column.shape} and {first} {head.shape}; pass one of each per vote.")
        outside = np.flatnonzero((column < 0) | (column >= bound))
        if outside.size:
            raise ValueError(f"Vote {outside[0]} has {name} {column[outside[0]]}; positions go from 0 to {bound - 1}.")


def krippendorff_alpha(counts: IntArray) -> float:
    """Compute Krippendorff's alpha of nominal answers.

    Pairs with one answer say nothing of agreement and are left out, as in the source.

    Args:
        counts: (P, A) how many people gave each answer on each pair.

    Returns:
        1 - observed / expected disagreement; NaN where no disagreement could be expected.

    Raises:
        ValueError: counts have another number of dimensions, or are negative.

    Source: Krippendorff 2011, section C, whose example this is (four observers, twelve units):

    >>> units = ["111", "2223", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"]
    >>> counts = np.array([[unit.count(value) for value in "12345"] for unit in units])
    >>> round(krippendorff_alpha(counts), 3)
    0.743
    """
    return float(_alphas(_statistics(_checked(counts)).sum(axis=0)))


def alpha_with_interval(
    counts: IntArray,
    group: IntArray | None = None,
    *,
    rng: np.random.Generator,
    n_replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Alpha:
    """Compute Krippendorff's alpha with a bootstrap interval over groups of pairs.

    Whole groups are drawn with replacement: the pairs of one photograph are no independent observations, so its
    photograph is the group of a pair. Groups with equal statistics are drawn together, so that 100,000 groups take
    little longer than 100. The interval says how alpha would vary with other photographs and the same people.

    Args:
        counts: (P, A) how many people gave each answer on each pair.
        group: (P,) position of each pair's group from 0; None for a group of each pair.
        rng: the source of chance.
        n_replicates: draws of the bootstrap.
        level: share of the replicates between the bounds.

    Returns:
        The figure; its bounds are percentiles of the replicates in which alpha is defined.

    Raises:
        ValueError: as `krippendorff_alpha`, or group has another length.

    Source: Efron and Tibshirani 1993, section 13.3; whole groups: Davison and Hinkley 1997, section 3.8.

    >>> votes = np.array([[9, 0], [8, 1], [0, 9], [1, 8]] * 25)
    >>> alpha = alpha_with_interval(votes, rng=np.random.default_rng(1))
    >>> alpha.low < 0.78 < alpha.high, round(alpha.value, 2), alpha.n_pairs, alpha.n_answers
    (True, 0.78, 100, 900)
    """
    table = _checked(counts)
    several = table.sum(axis=1) > 1
    per_pair = _statistics(table)[several]
    value = float(_alphas(per_pair.sum(axis=0)))
    drawn = _replicates(_by_group(per_pair, group, several), rng, n_replicates)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if drawn.size else (np.nan, np.nan)
    return Alpha(value, float(low), float(high), int(several.sum()), int(table[several].sum()))


def _checked(counts: IntArray) -> NDArray[np.int64]:
    table = np.asarray(counts)
    if table.ndim != 2 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"counts have shape {table.shape} and type {table.dtype}; pass whole numbers, a row per pair.")
    if table.size and table.min() < 0:
        raise ValueError(f"counts hold {table.min()}; numbers of votes are 0 or more.")
    return table.astype(np.int64)


def _statistics(table: NDArray[np.int64]) -> FloatArray:
    """Return (P, 1 + A): the disagreement within each pair, and its answers; zeros for a pair with one answer."""
    answers = table.sum(axis=1)
    several = answers > 1
    within = (answers**2 - (table**2).sum(axis=1)) / np.maximum(answers - 1, 1)
    return np.where(several[:, None], np.column_stack([within, table]), 0.0)


def _alphas(statistics: FloatArray) -> FloatArray:
    """Return alpha for sums of the statistics of pairs, (…, 1 + A) to (…)."""
    within, answers = statistics[..., 0], statistics[..., 1:]
    n = answers.sum(axis=-1)
    between = n**2 - (answers**2).sum(axis=-1)
    # Sums of whole numbers, so no expected disagreement is exactly 0.
    nothing = np.full(np.shape(within), np.nan)
    alphas: FloatArray = 1 - (n - 1) * np.divide(within, between, out=nothing, where=between > 0)
    return alphas


def _by_group(per_pair: FloatArray, group: IntArray | None, several: NDArray[np.bool_]) -> FloatArray:
    if group is None:
        return per_pair
    positions = np.asarray(group)
    if positions.shape != several.shape:
        raise ValueError(f"group has shape {positions.shape}; pass one of each of the {several.size} pairs.")
    _, dense = np.unique(positions[several], return_inverse=True)
    return np.column_stack([np.bincount(dense, weights=column) for column in per_pair.T])


def _replicates(per_group: FloatArray, rng: np.random.Generator, n_replicates: int) -> FloatArray:
    """Return the defined ones of the alphas of as many draws of whole groups."""
    n_groups = len(per_group)
    if n_groups < FEWEST_GROUPS:
        return np.zeros(0)
    kinds, times = np.unique(per_group, axis=0, return_counts=True)
    drawn = []
    at_once = max(1, NUMBERS_AT_ONCE // len(kinds))
    for first in range(0, n_replicates, at_once):
        often = rng.multinomial(n_groups, times / n_groups, size=min(at_once, n_replicates - first))
        drawn.append(_alphas(often @ kinds))
    alphas: FloatArray = np.concatenate(drawn)
    defined: FloatArray = alphas[np.isfinite(alphas)]
    return defined


@dataclass(frozen=True)
class SharedAnswers:
    """Pairs of people who answered the same (image, label) pairs, each once, with `first` below `second`.

    Attributes:
        first, second: (N,) positions of the two.
        n_both: (N,) pairs that both answered.
        n_same: (N,) of these, with the same answer.
        kappa: (N,) Cohen's kappa on them: 0 for the agreement that their own shares of answers give by chance; NaN
            where both gave one and the same answer throughout.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    n_both: NDArray[np.int64]
    n_same: NDArray[np.int64]
    kappa: FloatArray


def shared_answers(pair: IntArray, worker: IntArray, answer: IntArray, n_workers: int, n_answers: int) -> SharedAnswers:
    """Compare the answers of each two people on the pairs that both answered: the filled cells of their matrix.

    Args:
        pair: (V,) position of the pair of each vote; at most one vote of a person on a pair.
        worker: (V,) position of its person, from 0 to n_workers - 1.
        answer: (V,) its answer, from 0 to n_answers - 1.
        n_workers: W.
        n_answers: A.

    Returns:
        The pairs of people with a pair in common, by first and second.

    Raises:
        ValueError: the arrays differ in length, or a position is out of range.

    Source: kappa: Cohen 1960.

    >>> pair, worker, answer = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1]), np.array([1, 1, 0, 0, 1, 0])
    >>> shared = shared_answers(pair, worker, answer, 2, 2)
    >>> shared.n_both.tolist(), shared.n_same.tolist(), shared.kappa.round(2).tolist()
    ([3], [2], [0.4])
    """
    pair, worker, answer = (np.asarray(column, np.int64) for column in (pair, worker, answer))
    check_votes(
        {"worker": (worker, n_workers), "answer": (answer, n_answers), "pair": (pair, int(pair.max(initial=0)) + 1)}
    )
    order = np.lexsort((worker, pair))
    pair, worker, answer = pair[order], worker[order], answer[order]
    both: list[NDArray[np.int64]] = []
    cells: list[NDArray[np.int64]] = []
    for apart in range(1, int(np.bincount(pair).max(initial=1)) if pair.size else 1):
        same = np.flatnonzero(pair[:-apart] == pair[apart:])
        both.append(worker[same] * n_workers + worker[same + apart])
        cells.append(answer[same] * n_answers + answer[same + apart])
    if not both:
        return _no_shared_answers()
    people, position = np.unique(np.concatenate(both), return_inverse=True)
    tables = answer_counts(position, np.concatenate(cells), len(people), n_answers**2)
    return _shared(people // n_workers, people % n_workers, tables.reshape(-1, n_answers, n_answers))


def _no_shared_answers() -> SharedAnswers:
    none = np.zeros(0, np.int64)
    return SharedAnswers(none, none, none, none, np.zeros(0))


def _shared(first: NDArray[np.int64], second: NDArray[np.int64], tables: NDArray[np.int64]) -> SharedAnswers:
    """Return the figures of (N, A, A) tables of answers of first by answers of second."""
    n_both = tables.sum(axis=(1, 2))
    n_same = np.trace(tables, axis1=1, axis2=2)
    by_chance = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1)
    # All in whole numbers until the last line, so that a denominator of 0 is exactly 0.
    above, possible = n_same * n_both - by_chance, n_both**2 - by_chance
    kappa = np.divide(above, possible, out=np.full(n_both.shape, np.nan), where=possible > 0)
    return SharedAnswers(first, second, n_both, n_same, kappa)


@dataclass(frozen=True)
class Contradictions:
    """Pairs of labels between which people do not decide, each once, with `first` below `second`; the worst first.

    Attributes:
        first, second: (N,) positions of the labels.
        n_images: (N,) images that were asked about both.
        expected: (N,) the number of these images on which two people would contradict each other.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    n_images: IntArray
    expected: FloatArray


def contradictions(
    image: IntArray, label: IntArray, n_selected: IntArray, n_shown: IntArray, n_labels: int
) -> Contradictions:
    """Find labels that are taken for each other: one person selects the first and not the second, another the reverse.

    A grid asks about one label, so hardly anyone answers both; the two persons are drawn from the votes instead, two
    different ones for each label. On an image with y of v votes for a label, one drawn vote is yes and another no with
    probability 2 y (v - y) / (v (v - 1)); of both labels at once, half of the product is a contradiction. It is 0 as
    soon as all agree on one of the two, so two labels of two objects in the image do not count.

    Args:
        image: (P,) position of the image of each pair.
        label: (P,) position of its label, from 0 to n_labels - 1.
        n_selected: (P,) votes that selected it.
        n_shown: (P,) all its votes.
        n_labels: L.

    Returns:
        The pairs of labels with an expected contradiction, the most first.

    Raises:
        ValueError: the arrays differ in length, a position is out of range, or more selected than shown.

    Source: our choice.

    >>> two = contradictions(np.array([0, 0, 0]), np.array([3, 5, 7]), np.array([2, 2, 4]), np.array([4, 4, 4]), 8)
    >>> two.first.tolist(), two.second.tolist(), two.n_images.tolist(), two.expected.round(3).tolist()
    ([3], [5], [1], [0.222])
    """
    image, label = np.asarray(image, np.int64), np.asarray(label, np.int64)
    yes, shown = np.asarray(n_selected, np.int64), np.asarray(n_shown, np.int64)
    if yes.size and (yes.min() < 0 or (yes > shown).any()):
        raise ValueError("A pair was selected more often than shown, or fewer than 0 times; pass its counts.")
    check_votes(
        {
            "label": (label, n_labels),
            "image": (image, int(image.max(initial=0)) + 1),
            "n_shown": (shown, int(shown.max(initial=0)) + 1),
        }
    )
    divided = 2 * yes * (shown - yes) / np.maximum(shown * (shown - 1), 1)
    order = np.lexsort((label, image))
    image, label, divided = image[order], label[order], divided[order]
    keys, products = [np.zeros(0, np.int64)], [np.zeros(0)]
    for apart in range(1, int(np.bincount(image).max(initial=1)) if image.size else 1):
        same = np.flatnonzero(image[:-apart] == image[apart:])
        keys.append(label[same] * n_labels + label[same + apart])
        products.append(divided[same] * divided[same + apart] / 2)
    labels, position, n_images = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    expected = np.bincount(position, np.concatenate(products), len(labels)).astype(np.float64)
    worst = np.argsort(-expected, kind="stable")
    worst = worst[expected[worst] > 0]
    return Contradictions(labels[worst] // n_labels, labels[worst] % n_labels, n_images[worst], expected[worst])
