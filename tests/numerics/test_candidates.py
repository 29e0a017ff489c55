from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.candidates import PruningRule, Split, candidate_labels

# Images of the released study: votes as {label: (selected, shown)}, the dataset's label, and what went on.
RELEASED = [
    ({325: (7, 8), 322: (4, 9), 321: (4, 5), 326: (6, 7), 324: (4, 9)}, 325, [321, 322, 324, 325, 326]),
    ({47: (7, 8), 39: (8, 8), 40: (4, 8), 42: (2, 4), 46: (3, 8)}, 47, [39, 40, 47]),
    ({442: (8, 8), 497: (6, 6), 663: (4, 6), 494: (4, 9)}, 442, [442, 497, 663]),
    (
        {668: (6, 7), 538: (8, 9), 497: (6, 8), 832: (6, 8), 663: (5, 8), 884: (4, 8), 698: (4, 9)},
        668,
        [497, 538, 663, 668, 832, 884],
    ),
]


def prune(votes, dataset_label, **rule):
    return candidate_labels(
        list(votes),
        [selected for selected, _ in votes.values()],
        [shown for _, shown in votes.values()],
        dataset_label,
        PruningRule(**rule),
    )


@pytest.mark.parametrize(("votes", "dataset_label", "expected"), RELEASED)
def test_released_images_keep_their_published_candidates(votes, dataset_label, expected):
    assert prune(votes, dataset_label) == (Split.FOLLOW_UP, expected)


def test_a_released_image_with_nothing_near_its_own_label_is_settled():
    assert prune({704: (7, 9), 705: (2, 8)}, 704) == (Split.SETTLED, [704])


def test_exactly_half_the_frequency_of_the_own_label_is_enough():
    assert prune({1: (6, 9), 2: (3, 9)}, 1)[0] == Split.FOLLOW_UP
    assert prune({1: (6, 9), 2: (2, 9)}, 1)[0] == Split.SETTLED
    # 1/3 of 3/5 is 1/5: in floating point 3/5 / 3 is above 1/5.
    assert prune({1: (3, 5), 2: (1, 5)}, 1, ratio=(1, 3))[0] == Split.FOLLOW_UP


def test_labels_with_too_few_votes_do_not_qualify_however_often_selected():
    assert prune({1: (5, 5), 2: (4, 4)}, 1) == (Split.SETTLED, [1])
    assert prune({1: (5, 5), 2: (4, 4)}, 1, min_shown=4) == (Split.FOLLOW_UP, [1, 2])


@pytest.mark.parametrize("votes", [{1: (4, 4), 2: (9, 9)}, {1: (0, 0), 2: (9, 9)}, {2: (9, 9)}, {}])
def test_an_own_label_with_too_few_votes_decides_nothing(votes):
    assert prune(votes, 1) == (Split.TOO_FEW_VOTES, [])


def test_an_own_label_that_nobody_selected_rejects_the_image():
    assert prune({1: (0, 5), 2: (9, 9), 3: (0, 9)}, 1) == (Split.REJECTED, [])


def test_an_own_label_neither_seen_enough_nor_selected_has_too_few_votes():
    assert prune({1: (0, 4)}, 1) == (Split.TOO_FEW_VOTES, [])


def test_of_equally_frequent_labels_the_lowest_index_stays():
    votes = {9: (8, 8)} | dict.fromkeys((7, 6, 5, 4), (4, 8)) | {8: (6, 12)}
    assert prune(votes, 9, max_other_labels=2) == (Split.FOLLOW_UP, [4, 5, 9])


def test_frequencies_too_close_for_floating_point_are_still_ordered():
    huge = 10**18
    votes = {1: (huge, huge), 2: (huge - 2, huge), 3: (huge - 1, huge)}
    assert prune(votes, 1, max_other_labels=1) == (Split.FOLLOW_UP, [1, 3])


@st.composite
def images(draw):
    labels = draw(st.lists(st.integers(0, 30), unique=True, max_size=12))
    shown = [draw(st.integers(0, 12)) for _ in labels]
    return {label: (draw(st.integers(0, n)), n) for label, n in zip(labels, shown, strict=True)}


def plain_candidates(votes, dataset_label, min_shown, ratio, max_other_labels):
    base_selected, base_shown = votes.get(dataset_label, (0, 0))
    if base_shown < min_shown:
        return "too_few_votes", []
    if base_selected == 0:
        return "rejected", []
    floor = Fraction(*ratio) * Fraction(base_selected, base_shown)
    frequency = {
        label: Fraction(selected, shown)
        for label, (selected, shown) in votes.items()
        if label != dataset_label and shown >= min_shown and Fraction(selected, shown) >= floor
    }
    candidates = sorted(sorted(frequency), key=frequency.__getitem__, reverse=True)[:max_other_labels]
    return ("follow_up", sorted({dataset_label, *candidates})) if candidates else ("settled", [dataset_label])


@given(images(), st.integers(0, 30), st.integers(1, 6), st.sampled_from([(1, 2), (1, 3), (3, 4), (1, 1)]))
def test_pruning_agrees_with_a_plain_reading_of_the_rule(votes, dataset_label, at_most, ratio):
    split, labels = prune(votes, dataset_label, ratio=ratio, max_other_labels=at_most)
    assert (split, labels) == plain_candidates(votes, dataset_label, 5, ratio, at_most)
    assert all(type(label) is int for label in labels)


def test_arrays_and_lists_give_the_same():
    as_arrays = candidate_labels(np.array([4, 9]), np.array([7, 8]), np.array([9, 9]), 9, PruningRule())
    assert as_arrays == candidate_labels([4, 9], [7, 8], [9, 9], 9) == (Split.FOLLOW_UP, [4, 9])


@pytest.mark.parametrize(
    ("labels", "selected", "shown", "message"),
    [
        ([1, 2], [1], [5, 5], "2 labels, 1 selected counts"),
        ([1, 1], [1, 1], [5, 5], "Label 1 occurs more than once"),
        ([1, 2], [1, 6], [5, 5], "selected 6 times of 5 shown"),
        ([[1, 2]], [[1, 2]], [[5, 5]], "pass one of each per label"),
    ],
)
def test_impossible_votes_are_refused_with_the_reason(labels, selected, shown, message):
    with pytest.raises(ValueError, match=message):
        candidate_labels(labels, selected, shown, 1)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"min_shown": 0}, "min_shown is 0; it must be a whole number"),
        ({"min_shown": 2.5}, "min_shown is 2.5"),
        ({"max_other_labels": -1}, "max_other_labels is -1"),
        ({"max_other_labels": True}, "max_other_labels is True"),
        ({"ratio": (0, 2)}, "above 0 and at most 1"),
        ({"ratio": (3, 2)}, "ratio is 3/2"),
        ({"ratio": (1, 0)}, "ratio is 1/0"),
        ({"ratio": (0.5, 1)}, "two whole numbers"),
        ({"ratio": (1, 2, 3)}, "two whole numbers"),
    ],
)
def test_a_rule_with_impossible_figures_is_refused(figures, message):
    with pytest.raises(ValueError, match=message):
        PruningRule(**figures)
