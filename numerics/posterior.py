"""Uncertainty of selection frequencies: posterior and interval of each pair, and the noise floor of their decisions.

The votes of a pair are draws with a frequency of its own; the frequencies of all pairs follow a beta distribution that
their counts say (empirical Bayes, beta-binomial). What a second panel of as many people would say follows from both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numerics.beta import beta_quantile

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.float64]

LEVEL = 0.95
# A pair is decided yes if at least this share of its panel selected it.
THRESHOLD = 0.5
MOST_ROUNDS = 5000
TOLERANCE = 1e-7
# The weight of all other pairs on one pair, in votes: bounds without which a few counts could make it 0 or infinite.
LEAST_WEIGHT, MOST_WEIGHT = 0.02, 1000.0


@dataclass(frozen=True)
class BetaPrior:
    """A beta distribution of frequencies: its mean is a / (a + b), and it weighs as much as a + b votes.

    >>> BetaPrior(1.0, 3.0).mean
    0.25
    """

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)


@dataclass(frozen=True)
class FrequencyPosterior:
    """Posterior mean (P,) of each pair's frequency, and the bounds of its credible interval."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class NoiseFloor:
    """Expected differences of a second panel of the same size from the first.

    Attributes:
        n_pairs, n_yes: pairs with votes, and those of them decided yes.
        otherwise: share of pairs that the second panel would decide otherwise; NaN without pairs.
        yes_lost: share of the yes decisions that would not repeat; NaN without one.
        no_lost: share of the no decisions that would not repeat; NaN without one.
    """

    n_pairs: int
    n_yes: int
    otherwise: float
    yes_lost: float
    no_lost: float


def fit_prior(n_selected: IntArray, n_shown: IntArray) -> BetaPrior:
    """Estimate the distribution of frequencies from the counts of all pairs, by maximum likelihood.

    One pair with a single yes and one with a single no are added, so that the mean stays off 0 and 1.

    Args:
        n_selected: (P,) votes that selected each pair.
        n_shown: (P,) all its votes; pairs without a vote say nothing.

    Returns:
        The distribution. Counts that vary no more than chance allows give the largest weight, MOST_WEIGHT.

    Raises:
        ValueError: counts are negative, of different shapes, or more selected than shown.

    Source: the beta-binomial distribution: Skellam 1948; the fixed point: Minka 2000, “Estimating a Dirichlet
    distribution”, equation 65.

    >>> rng = np.random.default_rng(1)
    >>> prior = fit_prior(rng.binomial(9, rng.beta(0.5, 2, 20_000)), np.full(20_000, 9))
    >>> round(prior.a, 1), round(prior.b, 1)
    (0.5, 2.0)
    """
    yes, shown = _checked(n_selected, n_shown)
    yes, shown = np.append(yes, [1, 0]), np.append(shown, [1, 1])
    place = np.arange(shown.max())
    # Pairs with more than i yes, no and votes in all: the sums of the fixed point run over i instead of over pairs.
    above_yes, above_no, above = (_above(counts, len(place)) for counts in (yes, shown - yes, shown))
    mean = above_yes.sum() / above.sum()
    a, b = mean, 1 - mean
    for _ in range(MOST_ROUNDS):
        of_all = (above / (a + b + place)).sum()
        a, b, before = a * (above_yes / (a + place)).sum() / of_all, b * (above_no / (b + place)).sum() / of_all, (a, b)
        if a + b > MOST_WEIGHT or abs(a - before[0]) + abs(b - before[1]) < TOLERANCE * (a + b):
            break
    weight = a + b
    bounded = float(np.clip(weight, LEAST_WEIGHT, MOST_WEIGHT))
    return BetaPrior(float(a) * bounded / float(weight), float(b) * bounded / float(weight))


def _checked(n_selected: IntArray, n_shown: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    yes, shown = np.asarray(n_selected, np.int64), np.asarray(n_shown, np.int64)
    if yes.ndim != 1 or yes.shape != shown.shape:
        raise ValueError(f"n_selected has shape {yes.shape} and n_shown {shown.shape}; pass one of each per pair.")
    if yes.size and (yes.min() < 0 or (yes > shown).any()):
        raise ValueError("A pair was selected more often than shown, or fewer than 0 times.")
    return yes, shown


def _above(counts: NDArray[np.int64], bound: int) -> FloatArray:
    """Return for each i below the bound how many counts are larger than i."""
    return (len(counts) - np.cumsum(np.bincount(counts, minlength=bound + 1))[:bound]).astype(np.float64)


def posterior_of(n_selected: IntArray, n_shown: IntArray, prior: BetaPrior, level: float = LEVEL) -> FrequencyPosterior:
    """Compute the posterior of each pair's frequency and its equal-tailed credible interval.

    Args:
        n_selected: (P,) votes that selected each pair.
        n_shown: (P,) all its votes; a pair without a vote gets the prior.
        prior: as of `fit_prior`.
        level: probability within the bounds.

    Returns:
        The posterior.

    Raises:
        ValueError: as `fit_prior`.

    Source: the beta distribution is conjugate to the binomial: Gelman et al. 2013, section 2.4.

    >>> posterior = posterior_of(np.array([0, 9]), np.array([9, 9]), BetaPrior(1.0, 1.0))
    >>> posterior.mean.round(3).tolist(), posterior.low.round(3).tolist(), posterior.high.round(3).tolist()
    ([0.091, 0.909], [0.003, 0.692], [0.308, 0.997])
    """
    yes, shown = _checked(n_selected, n_shown)
    kinds, position = _kinds(yes, shown)
    a = (prior.a + kinds[:, 0]).astype(np.float64)
    b = (prior.b + kinds[:, 1] - kinds[:, 0]).astype(np.float64)
    low, high = (beta_quantile(np.full(a.shape, p), a, b) for p in ((1 - level) / 2, (1 + level) / 2))
    return FrequencyPosterior((a / (a + b))[position], low[position], high[position])


def _kinds(yes: NDArray[np.int64], shown: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different (yes, shown) and the position of each pair among them."""
    kinds, position = np.unique(np.stack([yes, shown], axis=1), axis=0, return_inverse=True)
    return kinds, position.reshape(-1)


def decided_yes(n_selected: IntArray, n_shown: IntArray, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Decide each pair: at least this share of its panel selected it. A pair without a vote is not decided yes.

    >>> decided_yes(np.array([2, 3, 0]), np.array([5, 5, 0])).tolist()
    [False, True, False]
    """
    yes, shown = _checked(n_selected, n_shown)
    return (shown > 0) & (yes >= _fewest_yes(shown, threshold))


def _fewest_yes(shown: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    # A threshold of 0.7 times 10 votes is 7, whatever the last binary digit says.
    fewest: NDArray[np.int64] = np.maximum(np.ceil(threshold * shown - 1e-9).astype(np.int64), 1)
    return fewest


def decided_otherwise(
    n_selected: IntArray, n_shown: IntArray, prior: BetaPrior, threshold: float = THRESHOLD
) -> FloatArray:
    """Compute how likely a second panel of the same size would decide each pair otherwise.

    Args:
        n_selected: (P,) votes that selected each pair.
        n_shown: (P,) all its votes.
        prior: as of `fit_prior`.
        threshold: the share of a panel that decides yes.

    Returns:
        (P,) probabilities, from the posterior predictive (beta-binomial) distribution; NaN for pairs without a vote.

    Raises:
        ValueError: as `fit_prior`.

    Source: posterior predictive distribution: Gelman et al. 2013, section 2.4.

    >>> decided_otherwise(np.array([0, 3, 5]), np.array([5, 5, 5]), BetaPrior(1.0, 1.0)).round(3).tolist()
    [0.061, 0.392, 0.061]
    """
    yes, shown = _checked(n_selected, n_shown)
    kinds, position = _kinds(yes, shown)
    at_least = np.array([_predicted_yes(int(y), int(v), prior, threshold) for y, v in kinds])
    otherwise = np.where(decided_yes(kinds[:, 0], kinds[:, 1], threshold), 1 - at_least, at_least)
    return np.where(kinds[:, 1] > 0, otherwise, np.nan)[position] if len(kinds) else np.zeros(0)


def _predicted_yes(yes: int, shown: int, prior: BetaPrior, threshold: float) -> float:
    """Return the probability that a second panel decides yes, after so many yes of its size in the first."""
    a, b = prior.a + yes, prior.b + shown - yes
    chances = beta_binomial(shown, a, b)
    return float(chances[_fewest_yes(np.array([shown]), threshold)[0] :].sum())


def beta_binomial(n: int, a: float, b: float) -> FloatArray:
    """Return (n + 1,) probabilities of 0 to n yes of n votes whose frequency is beta distributed.

    Source: Skellam 1948.

    >>> beta_binomial(2, 1.0, 1.0).round(3).tolist()
    [0.333, 0.333, 0.333]
    """
    place = np.arange(n)
    yes = np.concatenate([[0.0], np.cumsum(np.log(a + place) - np.log(place + 1))])
    no = np.concatenate([[0.0], np.cumsum(np.log(b + place) - np.log(place + 1))])
    of_all = np.sum(np.log(a + b + place) - np.log(place + 1))
    chances: FloatArray = np.exp(yes + no[::-1] - of_all)
    return chances


def noise_floor(
    n_selected: IntArray, n_shown: IntArray, otherwise: FloatArray, threshold: float = THRESHOLD
) -> NoiseFloor:
    """Sum up how often a second panel would decide otherwise: the least error that any comparison with these has.

    Args:
        n_selected: (P,) votes that selected each pair.
        n_shown: (P,) all its votes; pairs without a vote do not count.
        otherwise: (P,) as of `decided_otherwise`.
        threshold: the share of a panel that decides yes.

    Returns:
        The floor.

    Raises:
        ValueError: as `fit_prior`.

    Source: our choice; see `decided_otherwise`.

    >>> noise_floor(np.array([0, 3]), np.array([5, 5]), np.array([0.1, 0.4]))
    NoiseFloor(n_pairs=2, n_yes=1, otherwise=0.25, yes_lost=0.4, no_lost=0.1)
    """
    yes, shown = _checked(n_selected, n_shown)
    decided, voted = decided_yes(yes, shown, threshold), shown > 0
    shares = (_mean(otherwise[mask]) for mask in (voted, decided, voted & ~decided))
    return NoiseFloor(int(voted.sum()), int(decided.sum()), *shares)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else float("nan")
