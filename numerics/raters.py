"""Worker models: what is true of a pair and how each person answers, estimated together without looking at a truth.

Source: Dawid and Skene 1979. With two states and two answers each person has two coins: one for pairs that show the
label, one for pairs that do not. With two states and three answers “maybe” is an answer like the others, and the votes
say what it is worth (Beyer et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numerics.agreement import check_votes

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.float64]

# Pseudo-answers of each person in each state, shared out as all people answer: few answers change little.
SMOOTHING = 2.0
MOST_ROUNDS = 300
# The largest change of a posterior after which a further round changes no decision.
TOLERANCE = 1e-4
# Probabilities are kept off 0, so that one person alone cannot rule out a state.
SMALLEST = 1e-10


@dataclass(frozen=True)
class RaterModel:
    """A worker model.

    Attributes:
        posterior: (P, S) probability of each state of each pair; NaN for a pair without a vote.
        prior: (S,) share of each state.
        answers: (W, S, A) probability of each answer of each person in each state.
        n_rounds: rounds of expectation and maximisation.
        converged: whether the last round changed no posterior by more than the tolerance.
    """

    posterior: FloatArray
    prior: FloatArray
    answers: FloatArray
    n_rounds: int
    converged: bool


def dawid_skene(
    pair: IntArray,
    worker: IntArray,
    answer: IntArray,
    *,
    first: FloatArray,
    n_workers: int,
    smoothing: float = SMOOTHING,
    most_rounds: int = MOST_ROUNDS,
    tolerance: float = TOLERANCE,
) -> RaterModel:
    """Estimate the state of each pair and how each person answers in each state, by expectation-maximisation.

    Rounds begin with votes counted alike: an answer speaks for the states as `first` says, and a pair begins with the
    mean of its votes. This names the states, so they cannot change places.

    Args:
        pair: (V,) position of the pair of each vote, from 0; all votes of a pair count.
        worker: (V,) position of its person, from 0 to n_workers - 1.
        answer: (V,) its answer, from 0 to A - 1.
        first: (A, S) how an answer speaks for the states before anything is learnt; rows add up to 1.
        n_workers: W.
        smoothing: pseudo-answers of a person in a state, shared out as all people together answer in it; 0 for the
            maximum of the likelihood, as in the source.
        most_rounds: rounds at most.
        tolerance: the largest change of a posterior after which the rounds end.

    Returns:
        The model.

    Raises:
        ValueError: the arrays differ in length, a position is out of range, first has no row that adds up to 1.

    Source: Dawid and Skene 1979, section 3; smoothing towards all people is our choice.

    >>> pair, worker = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    >>> answer = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1])
    >>> model = dawid_skene(pair, worker, answer, first=np.eye(2), n_workers=3)
    >>> model.posterior[:, 1].round().tolist(), model.converged
    ([1.0, 1.0, 0.0, 0.0, 1.0, 0.0], True)
    """
    pair, worker, answer = (np.asarray(column, np.int64) for column in (pair, worker, answer))
    speaks = _checked_first(first)
    n_pairs = int(pair.max(initial=-1)) + 1
    check_votes({"pair": (pair, n_pairs), "worker": (worker, n_workers), "answer": (answer, len(speaks))})
    n_answers = len(speaks)
    votes = _Votes(pair, worker * n_answers + answer, n_pairs, n_workers * n_answers)
    posterior = votes.per_pair(np.tile(speaks, (n_workers, 1))) / np.maximum(votes.n_votes, 1)[:, None]
    prior, answers = votes.learnt(posterior, n_answers, smoothing)
    n_rounds, change = 0, np.inf
    while n_rounds < most_rounds and change > tolerance:
        updated = votes.judged(prior, answers)
        change = float(np.abs(updated - posterior).max(initial=0.0))
        posterior, n_rounds = updated, n_rounds + 1
        prior, answers = votes.learnt(posterior, n_answers, smoothing)
    posterior = np.where(votes.n_votes[:, None] > 0, posterior, np.nan)
    return RaterModel(posterior, prior, answers, n_rounds, change <= tolerance)


def _checked_first(first: FloatArray) -> FloatArray:
    table = np.asarray(first, np.float64)
    if table.ndim != 2 or table.size == 0 or (table < 0).any() or not np.allclose(table.sum(axis=1), 1):
        raise ValueError("first needs a row of shares per answer, a column per state, and rows that add up to 1.")
    return table


class _Votes:
    """Votes in the order of their pairs. State 0 is what the other states leave over; it costs no pass of its own."""

    def __init__(self, pair: NDArray[np.int64], cell: NDArray[np.int64], n_pairs: int, n_cells: int) -> None:
        order = np.argsort(pair, kind="stable")
        self.pair, self.cell = pair[order], cell[order]
        self.n_pairs, self.n_cells = n_pairs, n_cells
        self.n_votes = np.bincount(pair, minlength=n_pairs)
        self.in_cells = np.bincount(cell, minlength=n_cells).astype(np.float64)

    def per_pair(self, values: FloatArray) -> FloatArray:
        """Add up, over the votes of each pair, what their cells say: (cells, S) to (P, S)."""
        sums = [np.bincount(self.pair, weights=v[self.cell], minlength=self.n_pairs) for v in values.T]
        return np.column_stack(sums)

    def learnt(self, posterior: FloatArray, n_answers: int, smoothing: float) -> tuple[FloatArray, FloatArray]:
        """Return the shares of states (S,), and of answers by person and state (W, S, A)."""
        seen = self.n_votes > 0
        prior = posterior[seen].mean(axis=0) if seen.any() else np.full(posterior.shape[1], 1 / posterior.shape[1])
        later = [np.bincount(self.cell, weights=p[self.pair], minlength=self.n_cells) for p in posterior.T[1:]]
        cells = [np.maximum(self.in_cells - sum(later), 0.0), *later]
        counts = np.stack([column.reshape(-1, n_answers) for column in cells], axis=1)
        return prior, _shares(counts + smoothing * _shares(counts.sum(axis=0)))

    def judged(self, prior: FloatArray, answers: FloatArray) -> FloatArray:
        """Return the posterior (P, S) of the states, for answers by person and state (W, S, A)."""
        spoken = np.log(np.maximum(answers, SMALLEST)).transpose(0, 2, 1).reshape(-1, len(prior))
        against = np.zeros((self.n_pairs, len(prior)))
        against[:, 1:] = self.per_pair(spoken[:, 1:] - spoken[:, :1])
        likelihood = against + np.log(np.maximum(prior, SMALLEST))
        likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        posterior: FloatArray = likelihood / likelihood.sum(axis=1, keepdims=True)
        return posterior


def _shares(counts: FloatArray) -> FloatArray:
    """Return the share of each answer, over the last axis; equal shares where there is no answer at all."""
    total = counts.sum(axis=-1, keepdims=True)
    equal = np.full(counts.shape, 1 / counts.shape[-1])
    shares: FloatArray = np.divide(counts, total, out=equal, where=total > 0)
    return shares


# No speaks for absent, yes for present, and maybe for each by half.
TWO_ANSWERS = np.array([[1.0, 0.0], [0.0, 1.0]])
THREE_ANSWERS = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


def presence(
    pair: IntArray,
    worker: IntArray,
    answer: IntArray,
    *,
    n_workers: int,
    three: bool = False,
    smoothing: float = SMOOTHING,
) -> RaterModel:
    """Estimate whether the label of each pair is in its image: two states, absent (0) and present (1).

    Args:
        pair, worker: as `dawid_skene`.
        answer: (V,) 0 no, 1 yes, and with `three` also 2 maybe.
        n_workers: W.
        three: whether “maybe” is among the answers.
        smoothing: as `dawid_skene`.

    Returns:
        The model; `posterior[:, 1]` is the probability that the label is there.

    Raises:
        ValueError: as `dawid_skene`.

    Source: two states and three answers: Beyer et al. 2020, whose published labels are those above 0.8.

    >>> pair, worker, answer = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([1, 2, 0, 0])
    >>> model = presence(pair, worker, answer, n_workers=2, three=True)
    >>> model.posterior[:, 1].round(1).tolist()
    [1.0, 0.0]
    """
    first = THREE_ANSWERS if three else TWO_ANSWERS
    return dawid_skene(pair, worker, answer, first=first, n_workers=n_workers, smoothing=smoothing)
