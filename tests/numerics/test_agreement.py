import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.agreement import (
    alpha_with_interval,
    answer_counts,
    contradictions,
    krippendorff_alpha,
    shared_answers,
)

tables = st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=8).map(np.array)


def alpha_by_coincidences(counts):
    """Krippendorff's alpha as he writes it: by the matrix of coincidences, pair of answers by pair of answers."""
    n_answers = counts.shape[1]
    coincidences = np.zeros((n_answers, n_answers))
    for unit in counts:
        answers = np.repeat(np.arange(n_answers), unit)
        for one, other in itertools.permutations(range(len(answers)), 2):
            coincidences[answers[one], answers[other]] += 1 / (len(answers) - 1)
    totals = coincidences.sum(axis=1)
    n = totals.sum()
    expected = n * n - (totals**2).sum()
    return 1 - (n - 1) * (n - np.trace(coincidences)) / expected if expected > 1e-9 else np.nan


@given(tables)
@settings(max_examples=50)
def test_alpha_is_that_of_the_matrix_of_coincidences(counts):
    assert krippendorff_alpha(counts) == pytest.approx(alpha_by_coincidences(counts), nan_ok=True)


def test_alpha_is_one_where_all_agree_and_undefined_where_nothing_varies():
    assert krippendorff_alpha(np.array([[3, 0], [0, 2]])) == 1
    assert np.isnan(krippendorff_alpha(np.array([[3, 0], [2, 0]])))
    assert np.isnan(krippendorff_alpha(np.array([[1, 0], [0, 1]]))), "nobody answered with another"
    assert np.isnan(krippendorff_alpha(np.zeros((0, 2), int)))


def test_alpha_is_near_zero_for_answers_by_chance():
    counts = np.random.default_rng(2).multinomial(9, [0.7, 0.3], size=20_000)
    assert abs(krippendorff_alpha(counts)) < 0.01


def simulated(rng, n_images, per_image=3):
    """Counts of pairs whose frequencies hang together within an image."""
    frequency = rng.beta(0.5, 1.5, n_images).repeat(per_image)
    yes = rng.binomial(5, frequency)
    return np.stack([5 - yes, yes], axis=1), np.arange(n_images).repeat(per_image)


def test_the_interval_holds_the_alpha_of_all_images_as_often_as_it_says():
    truth = krippendorff_alpha(simulated(np.random.default_rng(1), 100_000)[0])
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        alpha = alpha_with_interval(*simulated(rng, 150), rng=rng, n_replicates=300)
        inside += alpha.low <= truth <= alpha.high
    assert 180 <= inside <= 198


def test_pairs_of_one_image_are_drawn_together():
    counts, image = simulated(np.random.default_rng(3), 200, per_image=10)
    apart = alpha_with_interval(counts, rng=np.random.default_rng(1))
    together = alpha_with_interval(counts, image, rng=np.random.default_rng(1))
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_the_interval_is_the_same_with_the_same_seed_and_undefined_with_few_images():
    counts, image = simulated(np.random.default_rng(3), 50)
    one, other = (alpha_with_interval(counts, image, rng=np.random.default_rng(5)) for _ in range(2))
    assert one == other
    alone = alpha_with_interval(np.array([[3, 2], [0, 5]] * 20), np.arange(40) % 9, rng=np.random.default_rng(5))
    assert np.isfinite(alone.value) and np.isnan([alone.low, alone.high]).all()


def test_an_interval_counts_only_pairs_with_two_answers():
    alpha = alpha_with_interval(np.array([[1, 0], [2, 1], [0, 2]]), rng=np.random.default_rng(1))
    assert (alpha.n_pairs, alpha.n_answers) == (2, 5)


def kappa_by_hand(one, other):
    n = len(one)
    same = sum(a == b for a, b in zip(one, other, strict=True)) / n
    chance = sum(one.count(answer) * other.count(answer) for answer in range(3)) / n**2
    return (same - chance) / (1 - chance) if chance < 1 else np.nan


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 3)), st.integers(0, 2), min_size=1))
@settings(max_examples=50)
def test_two_people_are_compared_on_the_pairs_that_both_answered(votes):
    pair, worker = np.array(list(votes)).T
    shared = shared_answers(pair, worker, np.array(list(votes.values())), 4, 3)
    expected = {}
    for first, second in itertools.combinations(range(4), 2):
        both = [place for place in range(7) if (place, first) in votes and (place, second) in votes]
        if both:
            expected[first, second] = [[votes[place, person] for place in both] for person in (first, second)]
    assert list(zip(shared.first.tolist(), shared.second.tolist(), strict=True)) == list(expected)
    for place, (one, other) in enumerate(expected.values()):
        assert shared.n_both[place] == len(one)
        assert shared.n_same[place] == sum(a == b for a, b in zip(one, other, strict=True))
        assert shared.kappa[place] == pytest.approx(kappa_by_hand(one, other), nan_ok=True)


def test_labels_that_people_take_for_each_other_come_first():
    """On image 0 half say a laptop and half a notebook; on image 1 both are there; on image 2 they agree on one."""
    image, label = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([620, 681, 7, 620, 681, 620, 681])
    n_selected, n_shown = np.array([5, 5, 1, 10, 10, 5, 0]), np.full(7, 10)
    two = contradictions(image, label, n_selected, n_shown, 1000)
    assert (two.first[0], two.second[0], two.n_images[0]) == (620, 681, 3)
    assert two.expected[0] == pytest.approx((5 / 9) ** 2 / 2)
    assert (np.diff(two.expected) <= 0).all()


def test_an_expected_contradiction_is_how_often_two_drawn_people_contradict():
    rng = np.random.default_rng(4)
    votes = {3: np.array([1] * 4 + [0] * 3), 8: np.array([1] * 2 + [0] * 7)}
    drawn = 0
    for _ in range(4000):
        (a, other_a), (b, other_b) = (rng.permutation(column)[:2] for column in votes.values())
        drawn += (a, b) in {(0, 1), (1, 0)} and (other_a, other_b) == (1 - a, 1 - b)
    two = contradictions(np.array([0, 0]), np.array([3, 8]), np.array([4, 2]), np.array([7, 9]), 9)
    assert drawn / 4000 == pytest.approx(two.expected[0], abs=0.02)


def test_a_single_vote_contradicts_nobody():
    two = contradictions(np.array([0, 0]), np.array([1, 2]), np.array([1, 1]), np.array([1, 2]), 3)
    assert two.first.size == 0


@pytest.mark.parametrize(
    ("problem", "call"),
    [
        ("rows|row per pair", lambda: krippendorff_alpha(np.array([1, 2]))),
        ("-1", lambda: krippendorff_alpha(np.array([[1, -1]]))),
        ("group", lambda: alpha_with_interval(np.array([[1, 2]]), np.array([0, 1]), rng=np.random.default_rng(1))),
        ("answer 2", lambda: answer_counts(np.array([0]), np.array([2]), 1, 2)),
        ("pair has shape|answer has shape", lambda: answer_counts(np.array([0, 1]), np.array([0]), 2, 2)),
        ("worker 5", lambda: shared_answers(np.array([0]), np.array([5]), np.array([0]), 2, 2)),
        ("more often", lambda: contradictions(np.array([0]), np.array([0]), np.array([3]), np.array([2]), 1)),
    ],
)
def test_wrong_arrays_are_refused_with_what_is_wrong(problem, call):
    with pytest.raises(ValueError, match=problem):
        call()
