import numpy as np
import pytest

from numerics.beta import beta_cdf, beta_quantile
from numerics.posterior import (
    MOST_WEIGHT,
    BetaPrior,
    beta_binomial,
    decided_otherwise,
    decided_yes,
    fit_prior,
    noise_floor,
    posterior_of,
)


def test_the_distribution_function_is_the_sum_of_binomial_chances():
    """P(Beta(k, n - k + 1) <= p) is the chance of k or more yes in n."""
    n, p = 12, 0.3
    chances = np.array([beta_binomial(n, p * 1e9, (1 - p) * 1e9)[k:].sum() for k in range(1, n + 1)])
    k = np.arange(1.0, n + 1)
    assert beta_cdf(np.full(n, p), k, n - k + 1) == pytest.approx(chances, abs=1e-6)


@pytest.mark.parametrize("b", [0.05, 0.9, 7.0, 3000.0])
@pytest.mark.parametrize("a", [0.05, 0.9, 7.0, 3000.0])
def test_a_quantile_is_where_the_distribution_function_has_its_probability(a, b):
    p = np.array([0.025, 0.5, 0.975])
    x = beta_quantile(p, np.full(3, a), np.full(3, b))
    assert (np.diff(x) >= 0).all() and ((x >= 0) & (x <= 1)).all()
    # Where a bound is within 15 digits of 0 or 1, no number is nearer.
    inside = (x > 1e-12) & (x < 1 - 1e-12)
    assert beta_cdf(x, np.full(3, a), np.full(3, b))[inside] == pytest.approx(p[inside], abs=1e-6)
    assert 1 - beta_quantile(1 - p, np.full(3, b), np.full(3, a)) == pytest.approx(x, abs=1e-9)


def test_quantiles_of_a_flat_and_of_a_sloping_density():
    p = np.array([0.01, 0.3, 0.99])
    assert beta_quantile(p, np.ones(3), np.ones(3)) == pytest.approx(p)
    assert beta_quantile(p, np.full(3, 2.0), np.ones(3)) == pytest.approx(np.sqrt(p))


@pytest.mark.parametrize(("a", "b"), [(0.14, 0.94), (2.0, 2.0), (8.0, 1.0)])
def test_the_distribution_of_frequencies_is_recovered_from_panels_of_different_sizes(a, b):
    rng = np.random.default_rng(5)
    n_shown = rng.integers(2, 11, 30_000)
    prior = fit_prior(rng.binomial(n_shown, rng.beta(a, b, n_shown.size)), n_shown)
    assert (prior.a, prior.b) == pytest.approx((a, b), rel=0.1)


@pytest.mark.parametrize(
    "counts", [([], []), ([0] * 50, [9] * 50), ([9] * 50, [9] * 50), ([0], [0]), ([1] * 50, [2] * 50), ([1, 0], [1, 1])]
)
def test_any_counts_give_a_distribution(counts):
    prior = fit_prior(*(np.array(column, int) for column in counts))
    assert prior.a > 0 and prior.b > 0 and np.isfinite(prior.mean) and prior.a + prior.b <= MOST_WEIGHT * 1.001


def test_pairs_as_like_as_chance_allows_hardly_differ():
    rng = np.random.default_rng(6)
    prior = fit_prior(rng.binomial(9, 0.4, 2000), np.full(2000, 9))
    assert prior.mean == pytest.approx(0.4, abs=0.02) and prior.a + prior.b > 50


def test_an_interval_holds_the_frequency_as_often_as_it_says():
    rng = np.random.default_rng(7)
    frequency = rng.beta(0.3, 1.5, 20_000)
    n_shown = rng.integers(1, 12, frequency.size)
    yes = rng.binomial(n_shown, frequency)
    posterior = posterior_of(yes, n_shown, fit_prior(yes, n_shown))
    inside = (posterior.low <= frequency) & (frequency <= posterior.high)
    assert inside.mean() == pytest.approx(0.95, abs=0.01)
    assert (posterior.low <= posterior.mean).all() and (posterior.mean <= posterior.high).all()


def test_more_votes_make_the_interval_narrower_and_none_leave_the_prior():
    posterior = posterior_of(np.array([0, 3, 30]), np.array([0, 9, 90]), BetaPrior(0.5, 1.0))
    assert (np.diff(posterior.high - posterior.low) < 0).all()
    assert posterior.mean[0] == pytest.approx(1 / 3)


def test_a_second_panel_decides_otherwise_as_often_as_foreseen():
    rng = np.random.default_rng(8)
    frequency = rng.beta(0.3, 1.0, 60_000)
    first, second = rng.binomial(5, frequency), rng.binomial(5, frequency)
    n_shown = np.full(frequency.size, 5)
    otherwise = decided_otherwise(first, n_shown, fit_prior(first, n_shown))
    was = (first >= 3) != (second >= 3)
    floor = noise_floor(first, n_shown, otherwise)
    assert floor.otherwise == pytest.approx(was.mean(), abs=0.005)
    assert floor.yes_lost == pytest.approx(was[first >= 3].mean(), abs=0.02)
    assert floor.no_lost == pytest.approx(was[first < 3].mean(), abs=0.01)
    for yes in range(6):
        assert otherwise[first == yes][0] == pytest.approx(was[first == yes].mean(), abs=0.03)


def test_a_decision_takes_its_share_of_the_panel_whatever_the_last_digit_says():
    assert decided_yes(np.array([7, 6]), np.array([10, 10]), 0.7).tolist() == [True, False]
    assert decided_yes(np.arange(5), np.full(5, 4)).tolist() == [False, False, True, True, True]
    assert not decided_yes(np.array([0]), np.array([9]), 0.0).any(), "without a yes there is no yes decision"


def test_pairs_without_votes_have_no_second_panel_and_do_not_count():
    otherwise = decided_otherwise(np.array([0, 2]), np.array([0, 3]), BetaPrior(1, 1))
    assert np.isnan(otherwise[0]) and otherwise[1] > 0
    floor = noise_floor(np.array([0, 2]), np.array([0, 3]), otherwise)
    assert (floor.n_pairs, floor.n_yes) == (1, 1) and np.isnan(floor.no_lost)
    empty = np.zeros(0, int)
    assert np.isnan(noise_floor(empty, empty, decided_otherwise(empty, empty, BetaPrior(1, 1))).otherwise)


@pytest.mark.parametrize(
    ("problem", "call"),
    [
        ("more often", lambda: fit_prior(np.array([3]), np.array([2]))),
        ("shape", lambda: posterior_of(np.array([1]), np.array([2, 2]), BetaPrior(1, 1))),
        ("0 to 1", lambda: beta_cdf(np.array([1.5]), np.ones(1), np.ones(1))),
        ("above 0", lambda: beta_cdf(np.array([0.5]), np.zeros(1), np.ones(1))),
        ("probability", lambda: beta_quantile(np.array([-0.1]), np.ones(1), np.ones(1))),
    ],
)
def test_wrong_figures_are_refused_with_what_is_wrong(problem, call):
    with pytest.raises(ValueError, match=problem):
        call()
