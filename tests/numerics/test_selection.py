import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.selection import count_votes, selection_frequency


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())))
def test_votes_are_counted_as_a_plain_loop_counts_them(votes):
    expected_selected, expected_shown = [0] * 10, [0] * 10
    for pair, selected in votes:
        expected_shown[pair] += 1
        expected_selected[pair] += selected
    n_selected, n_shown = count_votes(
        np.array([pair for pair, _ in votes], int), np.array([selected for _, selected in votes], bool), 10
    )
    assert n_selected.tolist() == expected_selected
    assert n_shown.tolist() == expected_shown
    assert n_selected.dtype == n_shown.dtype == np.int64


def test_no_votes_at_all_leave_every_pair_at_zero():
    n_selected, n_shown = count_votes(np.array([]), np.array([]), 3)
    assert n_selected.tolist() == n_shown.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("pair", "selected", "n_pairs", "message"),
    [
        ([0, 1], [True], 2, "same length"),
        ([[0]], [[True]], 2, "one-dimensional"),
        ([0, 2], [True, True], 2, "Vote 1 is for pair 2, but there are 2 pairs"),
        ([-1], [True], 2, "Vote 0 is for pair -1"),
        ([0.5], [True], 2, "pair has type float64"),
        ([0], [1], 2, "selected has type int64"),
        ([], [], -1, "n_pairs is -1"),
    ],
)
def test_impossible_votes_are_refused_with_the_reason(pair, selected, n_pairs, message):
    with pytest.raises(ValueError, match=message):
        count_votes(np.array(pair), np.array(selected), n_pairs)


def test_a_pair_never_shown_has_no_frequency_rather_than_zero():
    frequency = selection_frequency(np.array([0, 0, 9, 2]), np.array([0, 9, 9, 8]))
    assert np.isnan(frequency[0])
    assert frequency[1:].tolist() == [0.0, 1.0, 0.25]
    assert frequency.dtype == np.float64


@pytest.mark.parametrize(
    ("n_selected", "n_shown", "message"),
    [
        ([1, 4], [1, 3], "Pair 1 was selected 4 times of 3 shown"),
        ([-1], [3], "Pair 0 was selected -1 times"),
        ([0], [-2], "0 times of -2 shown"),
        ([1, 1], [1], "pass one of each per pair"),
    ],
)
def test_impossible_counts_are_refused_with_the_reason(n_selected, n_shown, message):
    with pytest.raises(ValueError, match=message):
        selection_frequency(np.array(n_selected), np.array(n_shown))
