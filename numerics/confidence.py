"""Confidence after a few votes: a table learnt from images with many votes tells when to stop asking.

Source: Deng et al. 2009 (ImageNet), section 3.2 and figure 7. Of each class an initial subset gets ten votes or more an
image; these give the probability that an image is good after so many yes and no; the other images are voted on until
that is high or low enough. Not stated there and chosen here: the meaning of "good", the estimator of the table, the
thresholds and the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.float64]


class Decision(StrEnum):
    """The decision on a pair after its votes so far; slots are opened for MORE only."""

    ACCEPT = "accept"
    REJECT = "reject"
    MORE = "more"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class StoppingRule:
    """The rule for the end of voting on a pair.

    Attributes:
        accept: probability of being good at which a pair is accepted.
        reject: probability at which it is rejected.
        min_votes: votes without which nothing is decided, 1 or more.
        cap: votes after which nobody is asked any more.

    Raises:
        ValueError: a figure is out of its range.

    >>> StoppingRule()
    StoppingRule(accept=0.95, reject=0.05, min_votes=1, cap=10)
    """

    accept: float = 0.95
    reject: float = 0.05
    min_votes: int = 1
    cap: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.reject < self.accept <= 1:
            raise ValueError(
                f"reject is {self.reject} and accept {self.accept}; both are probabilities, reject the lower one."
            )
        if not 1 <= self.min_votes <= self.cap:
            raise ValueError(
                f"min_votes is {self.min_votes} and cap {self.cap}; ask for 1 vote or more, and at most for the cap."
            )


@dataclass(frozen=True)
class ConfidenceTable:
    """The confidence learnt from an initial subset of images, by number of yes (row) and no (column) votes.

    Attributes:
        p_good: (B + 1, B + 1) probability that an image is good; NaN where nothing was seen, and above B votes.
        n_images: (B + 1, B + 1) the number of images behind it: the sum over the images of the probability that such
            votes come first. Each anti-diagonal of B votes or fewer adds up to the size of the subset.
    """

    p_good: FloatArray
    n_images: FloatArray


def confidence_table(n_yes: IntArray, n_no: IntArray, max_votes: int = 10, min_votes: int = 10) -> ConfidenceTable:
    """Learn, from images with many votes, how likely an image is good after few.

    An image is good if more than half of all its votes are yes; a tie is not good. The votes of an image are taken as
    exchangeable: of Y yes and N no, the first y + n hold y yes with the hypergeometric probability
    C(Y, y) C(N, n) / C(Y + N, y + n). That is the average over all orders in which the same votes might have come, so
    every vote is used and the order of arrival is not. It also assumes that people come to images at random: where
    the same one votes first on all, as in some released files, the table promises too much. As "good" is known from
    these very votes, the table is also too sure where y + n comes near to the number of votes an image has.

    Args:
        n_yes: (I,) yes votes of each image of the initial subset.
        n_no: (I,) no votes.
        max_votes: B, the most votes the table knows.
        min_votes: the fewest votes an image must have; max_votes at least, so that every image is in every cell.

    Returns:
        The table.

    Raises:
        ValueError: counts are not whole, negative or of different shapes; an image has too few votes.

    Source: Deng et al. 2009, section 3.2; the estimator and what is good are our choice.

    >>> table = confidence_table(np.array([9, 10, 1]), np.array([1, 0, 9]))
    >>> float(table.p_good[1, 0].round(3)), float(table.p_good[0, 1].round(3)), float(table.n_images[1, 0])
    (0.95, 0.1, 2.0)
    >>> float(table.p_good[5, 5])
    nan
    """
    yes, no = np.asarray(n_yes), np.asarray(n_no)
    _check_counts(yes, no)
    if not 1 <= max_votes <= min_votes:
        raise ValueError(f"max_votes is {max_votes} and min_votes {min_votes}; 1 <= max_votes <= min_votes is needed.")
    few = np.flatnonzero(yes + no < min_votes)
    if few.size:
        raise ValueError(
            f"Image {few[0]} of the initial subset has {yes[few[0]] + no[few[0]]} votes; each needs {min_votes}: "
            f"leave it out or wait for its votes."
        )
    cases, times = np.unique(np.stack([yes, no], axis=1).astype(np.int64), axis=0, return_counts=True)
    first = _first_votes(cases[:, 0], cases[:, 1], max_votes) * times[:, None, None]
    n_images = first.sum(axis=0)
    n_good = first[cases[:, 0] > cases[:, 1]].sum(axis=0)
    p_good = np.full(n_images.shape, np.nan)
    np.divide(n_good, n_images, out=p_good, where=n_images > 0)
    return ConfidenceTable(p_good, n_images)


def _first_votes(yes: NDArray[np.int64], no: NDArray[np.int64], bound: int) -> FloatArray:
    """Return the (I, bound + 1, bound + 1) probability that the first y + n votes of an image are y yes and n no."""
    choose = _binomials(int((yes + no).max(initial=bound)), bound)
    y, n = np.indices((bound + 1, bound + 1))
    inside = y + n <= bound
    ways = choose[(yes + no)[:, None, None], np.where(inside, y + n, 0)]
    return np.where(inside, choose[yes][:, :, None] * choose[no][:, None, :] / ways, 0.0)


def _binomials(rows: int, bound: int) -> FloatArray:
    """Return (rows + 1, bound + 1) n choose k."""
    choose = np.zeros((rows + 1, bound + 1))
    choose[:, 0] = 1
    for row in range(1, rows + 1):
        choose[row, 1:] = choose[row - 1, 1:] + choose[row - 1, :-1]
    return choose


def _check_counts(n_yes: IntArray, n_no: IntArray) -> None:
    for name, counts in (("n_yes", n_yes), ("n_no", n_no)):
        if counts.size and not np.issubdtype(counts.dtype, np.integer):
            raise ValueError(f"{name} has type {counts.dtype}; pass whole numbers of votes.")
        if counts.size and counts.min() < 0:
            raise ValueError(f"{name} holds {counts.min()}; numbers of votes are 0 or more.")
    if n_yes.ndim != 1 or n_yes.shape != n_no.shape:
        raise ValueError(f"n_yes has shape {n_yes.shape} and n_no {n_no.shape}; pass one of each per pair.")


def decide(n_yes: IntArray, n_no: IntArray, p_good: FloatArray, rule: StoppingRule | None = None) -> NDArray[np.str_]:
    """Decide for each pair whether its votes suffice.

    A cell that the table does not know (NaN, or more votes than it has) asks for more. At the cap a pair that the table
    does not settle stays UNDECIDED: some images never get a convincing majority.

    Args:
        n_yes: (P,) yes votes of each pair.
        n_no: (P,) no votes.
        p_good: (B + 1, B + 1) probability of being good by yes and no votes, as of `confidence_table`.
        rule: thresholds and cap; None for 0.95, 0.05 and 10 votes.

    Returns:
        (P,) a `Decision` each.

    Raises:
        ValueError: counts are not whole, negative or of different shapes, or p_good is no square table of
            probabilities.

    Source: Deng et al. 2009, section 3.2; thresholds and cap are our choice.

    >>> cat = np.array([[np.nan, 0.07, 0.02], [0.85, 0.46, np.nan], [0.97, np.nan, np.nan]])
    >>> decide(np.array([0, 1, 2, 0, 6]), np.array([0, 1, 0, 2, 4]), cat).tolist()
    ['more', 'more', 'accept', 'reject', 'undecided']
    """
    rule = rule or StoppingRule()
    yes, no = np.asarray(n_yes), np.asarray(n_no)
    _check_counts(yes, no)
    confidence = _looked_up(yes, no, _checked_table(p_good))
    enough = yes + no >= rule.min_votes
    return np.select(
        [enough & (confidence >= rule.accept), enough & (confidence <= rule.reject), yes + no >= rule.cap],
        [Decision.ACCEPT.value, Decision.REJECT.value, Decision.UNDECIDED.value],
        Decision.MORE.value,
    )


def _checked_table(p_good: FloatArray) -> FloatArray:
    table = np.asarray(p_good, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"p_good has shape {table.shape}; it must be square, rows for yes and columns for no votes.")
    if ((table < 0) | (table > 1)).any():
        raise ValueError("p_good holds a value outside 0 to 1; its cells are probabilities, or NaN where unknown.")
    return table


def _looked_up(n_yes: IntArray, n_no: IntArray, table: FloatArray) -> FloatArray:
    """Return (P,) the table's cell of each pair, NaN outside of it."""
    bound = table.shape[0] - 1
    inside = (n_yes <= bound) & (n_no <= bound)
    cells = table[np.minimum(n_yes, bound).astype(np.int64), np.minimum(n_no, bound).astype(np.int64)]
    return np.where(inside, cells, np.nan)


def expected_votes(p_yes: FloatArray, p_good: FloatArray, rule: StoppingRule | None = None) -> FloatArray:
    """Compute the average number of votes that the rule takes, for images with a fixed probability of a yes.

    Exact, by adding up the chance of every state in which one more vote is asked for. Over classes it measures their
    difficulty: Deng et al. report about five votes for Burmese cats and far fewer for cats.

    Args:
        p_yes: (Q,) probabilities of a yes.
        p_good: (B + 1, B + 1) table as for `decide`.
        rule: as for `decide`.

    Returns:
        (Q,) votes, from rule.min_votes to rule.cap.

    Raises:
        ValueError: as for `decide`, or p_yes is not an array of probabilities.

    Source: Deng et al. 2009, section 3.2.

    >>> never = np.full((3, 3), np.nan)
    >>> expected_votes(np.array([0.0, 0.4]), never, StoppingRule(cap=7)).tolist()
    [7.0, 7.0]
    """
    rule, chance = rule or StoppingRule(), np.asarray(p_yes, dtype=np.float64)
    if chance.ndim != 1 or not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("p_yes must be an array of one dimension that holds probabilities from 0 to 1.")
    # state[:, y] is the chance that voting has gone on so far, with y yes votes.
    state = np.zeros((chance.size, rule.cap + 1))
    state[:, 0] = 1
    votes = np.zeros(chance.size)
    for n_votes in range(rule.cap):
        yes = np.arange(n_votes + 1)
        state[:, : n_votes + 1] *= decide(yes, n_votes - yes, p_good, rule) == Decision.MORE
        votes += state.sum(axis=1)
        grown = state * (1 - chance[:, None])
        grown[:, 1:] += state[:, :-1] * chance[:, None]
        state = grown
    return votes
