import csv
import gzip
from collections import defaultdict
from itertools import permutations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.confidence import Decision, StoppingRule, confidence_table, decide, expected_votes

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "released" / "real_golden_votes.csv.gz"

# Deng et al. 2009, figure 7: yes votes, no votes, probability of being good for "cat" and for "Burmese cat".
FIGURE_7 = [
    (0, 1, 0.07, 0.23),
    (1, 0, 0.85, 0.69),
    (1, 1, 0.46, 0.49),
    (2, 0, 0.97, 0.83),
    (0, 2, 0.02, 0.12),
    (3, 0, 0.99, 0.90),
    (2, 1, 0.85, 0.68),
]
CAT, BURMESE_CAT = 2, 3


def published(column):
    table = np.full((4, 4), np.nan)
    for row in FIGURE_7:
        table[row[0], row[1]] = row[column]
    return table


def decisions(column, **figures):
    yes, no = np.array(FIGURE_7)[:, :2].astype(np.int64).T
    return dict(
        zip(
            zip(yes.tolist(), no.tolist(), strict=True),
            decide(yes, no, published(column), StoppingRule(**figures)).tolist(),
            strict=True,
        )
    )


def test_on_the_published_table_two_votes_settle_an_easy_class():
    assert decisions(CAT) == {
        (0, 1): "more",
        (1, 0): "more",
        (1, 1): "more",
        (2, 0): "accept",
        (0, 2): "reject",
        (3, 0): "accept",
        (2, 1): "more",
    }


def test_on_the_published_table_no_three_votes_settle_a_hard_class():
    assert set(decisions(BURMESE_CAT).values()) == {Decision.MORE}


def test_the_published_table_follows_other_thresholds():
    loose = decisions(BURMESE_CAT, accept=0.9, reject=0.12)
    assert {votes for votes, said in loose.items() if said == Decision.ACCEPT} == {(3, 0)}
    assert {votes for votes, said in loose.items() if said == Decision.REJECT} == {(0, 2)}


def test_the_published_classes_need_votes_in_the_published_order():
    certain = np.array([1.0, 0.0])
    easy = expected_votes(certain, published(CAT))
    hard = expected_votes(certain, published(BURMESE_CAT), StoppingRule(accept=0.9, reject=0.12))
    assert easy.tolist() == [2, 2]
    assert hard.tolist() == [3, 2]


def test_at_the_cap_an_unsettled_pair_is_undecided():
    table = np.full((11, 11), 0.5)
    assert decide(np.array([5, 4, 9]), np.array([5, 5, 9]), table).tolist() == ["undecided", "more", "undecided"]


def test_at_the_cap_a_settled_pair_is_settled():
    table = np.full((11, 11), 0.5)
    table[8, 2], table[2, 8] = 0.96, 0.04
    assert decide(np.array([8, 2]), np.array([2, 8]), table).tolist() == ["accept", "reject"]


def test_the_thresholds_themselves_settle():
    table = np.array([[0.5, 0.05], [0.95, 0.5]])
    assert decide(np.array([1, 0]), np.array([0, 1]), table).tolist() == ["accept", "reject"]


def test_nothing_is_decided_before_the_least_number_of_votes():
    always = np.ones((6, 6))
    rule = StoppingRule(min_votes=3)
    assert decide(np.array([0]), np.array([0]), always).tolist() == ["more"]
    assert decide(np.array([2, 3]), np.array([0, 0]), always, rule).tolist() == ["more", "accept"]
    assert expected_votes(np.array([0.3]), always, rule).tolist() == [3]


def test_votes_beyond_the_table_ask_for_more_up_to_the_cap():
    assert decide(np.array([3, 0, 9]), np.array([0, 3, 1]), np.ones((3, 3))).tolist() == ["more", "more", "undecided"]


def test_a_table_learnt_from_clear_images_is_clear():
    table = confidence_table(np.array([10, 10, 0]), np.array([0, 0, 10]))
    assert table.p_good[0, 0] == pytest.approx(2 / 3)
    assert table.p_good[1:, 0].tolist() == [1] * 10
    assert table.p_good[0, 1:].tolist() == [0] * 10
    assert np.isnan(table.p_good[1:, 1:]).all()


def test_a_tie_of_all_votes_is_not_good():
    assert confidence_table(np.array([5]), np.array([5])).p_good[5, 5] == 0
    assert confidence_table(np.array([6]), np.array([5])).p_good[5, 5] == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda votes: sum(votes) >= 3), max_size=6))
def test_a_table_agrees_with_the_hypergeometric_distribution_image_by_image(votes):
    yes, no = np.array(votes, np.int64).reshape(-1, 2).T
    table = confidence_table(yes, no, max_votes=3, min_votes=3)
    for y in range(4):
        for n in range(4):
            seen = [comb(a, y) * comb(b, n) / comb(a + b, y + n) if y + n <= 3 else 0 for a, b in votes]
            good = sum(weight for weight, (a, b) in zip(seen, votes, strict=True) if a > b)
            assert table.n_images[y, n] == pytest.approx(sum(seen))
            expected = good / sum(seen) if sum(seen) else np.nan
            assert table.p_good[y, n] == pytest.approx(expected, nan_ok=True)


def test_a_table_is_the_average_over_all_orders_in_which_the_votes_may_have_come():
    images = [(True, True, True, False, True), (False, True, False, False, True), (True, False, True, True, False)]
    yes = np.array([sum(votes) for votes in images])
    table = confidence_table(yes, 5 - yes, max_votes=4, min_votes=5)
    seen, good = np.zeros((5, 5)), np.zeros((5, 5))
    for votes in images:
        for order in permutations(votes):
            for length in range(5):
                cell = sum(order[:length]), length - sum(order[:length])
                seen[cell] += 1 / 120
                good[cell] += (sum(votes) > 2.5) / 120
    np.testing.assert_allclose(table.n_images, seen, atol=1e-12)
    np.testing.assert_allclose(table.p_good[seen > 0], good[seen > 0] / seen[seen > 0], atol=1e-12)


def test_each_number_of_votes_rests_on_the_whole_subset():
    rng = np.random.default_rng(0)
    yes, no = rng.integers(0, 20, (2, 300)) + 5
    table = confidence_table(yes, no)
    for votes in range(11):
        assert np.fliplr(table.n_images).diagonal(10 - votes).sum() == pytest.approx(300)
    assert (table.n_images[np.add.outer(range(11), range(11)) > 10] == 0).all()


def test_many_votes_on_an_image_do_not_overflow():
    table = confidence_table(np.array([600]), np.array([400]))
    assert table.n_images[1, 0] == pytest.approx(0.6)
    assert np.nansum(table.p_good) == 66


def test_an_empty_subset_teaches_nothing():
    table = confidence_table(np.empty(0, np.int64), np.empty(0, np.int64))
    assert np.isnan(table.p_good).all()
    assert not table.n_images.any()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.95), st.integers(0, 9))
def test_expected_votes_agree_with_a_simulation(p_yes, seed):
    rng = np.random.default_rng(seed)
    many = rng.binomial(12, rng.choice([0.2, 0.5, 0.85], 400))
    table = confidence_table(many, 12 - many).p_good
    answers = rng.random((4000, 10)) < p_yes
    votes = np.zeros(4000)
    asking = np.ones(4000, bool)
    for length in range(10):
        yes = answers[:, :length].sum(axis=1)
        asking &= decide(yes, length - yes, table) == Decision.MORE
        votes += asking
    # Five standard errors of the mean of 4,000 numbers from 1 to 10.
    assert expected_votes(np.array([p_yes]), table)[0] == pytest.approx(votes.mean(), abs=0.36)


def test_voters_of_a_harder_class_are_asked_for_more_votes():
    rng = np.random.default_rng(1)
    needed = []
    for skill in (0.95, 0.8, 0.65):
        p_yes = np.where(rng.random(2000) < 0.5, skill, 1 - skill)
        yes = rng.binomial(15, p_yes)
        needed.append(expected_votes(p_yes, confidence_table(yes, 15 - yes).p_good).mean())
    assert needed == sorted(needed)
    assert needed[0] < 2.5 < needed[2]


def until_settled(votes, table):
    """Return the final decision on each image, and the number of its votes; rows of votes in the order of arrival."""
    said, n_votes = np.full(len(votes), str(Decision.MORE), "<U9"), np.zeros(len(votes))
    for length in range(1, 11):
        asking = said == Decision.MORE
        yes = votes[asking, :length].sum(axis=1)
        said[asking] = decide(yes, length - yes, table)
        n_votes[asking] = length
    return said, n_votes


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"the released votes are not in {GOLDEN.parent}")
def test_on_real_votes_no_more_decisions_are_wrong_than_the_thresholds_allow():
    answers = defaultdict(list)
    with gzip.open(GOLDEN, "rt", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["image"], row["label"]].append(row["answer"] == "yes")
    votes = np.array([answers[pair] for pair in sorted(answers)])
    initial, rest = votes[::2], votes[1::2]
    table = confidence_table(initial.sum(axis=1), (~initial).sum(axis=1)).p_good
    # In the file the same rater comes first to every pair; people who come to a site do not.
    arrivals = np.random.default_rng(0).permuted(np.tile(rest, (20, 1)), axis=1)
    said, n_votes = until_settled(arrivals, table)
    good = arrivals.mean(axis=1) > 0.5
    assert (~good)[said == Decision.ACCEPT].mean() < 0.05
    assert good[said == Decision.REJECT].mean() < 0.05
    assert (said == Decision.UNDECIDED).mean() < 0.1
    assert n_votes.mean() < 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confidence_table(np.array([9, 4]), np.array([1, 5])), "Image 1 of the initial subset has 9 votes"),
        (lambda: confidence_table(np.array([10]), np.array([0]), max_votes=11), "max_votes is 11 and min_votes 10"),
        (lambda: confidence_table(np.array([11]), np.array([-1])), "n_no holds -1"),
        (lambda: confidence_table(np.array([9.5]), np.array([1])), "n_yes has type float64"),
        (lambda: confidence_table(np.array([9, 9]), np.array([1])), "pass one of each per pair"),
        (lambda: decide(np.array([1]), np.array([0]), np.ones((2, 3))), "must be square"),
        (lambda: decide(np.array([1]), np.array([0]), np.ones((0, 0))), "must be square"),
        (lambda: decide(np.array([1]), np.array([0]), np.array([[1.5]])), "outside 0 to 1"),
        (lambda: decide(np.array([-1]), np.array([0]), np.ones((2, 2))), "n_yes holds -1"),
        (lambda: expected_votes(np.array([1.5]), np.ones((2, 2))), "probabilities from 0 to 1"),
        (lambda: expected_votes(np.array([np.nan]), np.ones((2, 2))), "probabilities from 0 to 1"),
        (lambda: StoppingRule(accept=0.4, reject=0.6), "reject is 0.6 and accept 0.4"),
        (lambda: StoppingRule(accept=1.2), "both are probabilities"),
        (lambda: StoppingRule(min_votes=0), "min_votes is 0 and cap 10"),
        (lambda: StoppingRule(min_votes=11), "at most for the cap"),
    ],
)
def test_impossible_votes_tables_and_rules_are_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
