from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.potential import distribution, potential_labels
from tests.processor_time import at_most


def plain_union(predictions, dataset_labels, top_k, always):
    """(image, label) to the rank each classifier gives it, read one at a time."""
    ranks: dict[Any, Any] = {}
    for classifier, rows in enumerate(predictions):
        for image, row in enumerate(rows):
            for place, label in enumerate(row[:top_k]):
                if label >= 0:
                    ranks.setdefault((image, label), [0] * len(predictions))[classifier] = place + 1
    for image, label in enumerate(dataset_labels):
        if always and label >= 0:
            ranks.setdefault((image, label), [0] * len(predictions))
    return dict(sorted(ranks.items()))


@st.composite
def ensembles(draw):
    n_images, n_classifiers = draw(st.integers(0, 5)), draw(st.integers(0, 4))
    top_k = draw(st.integers(1, 4))
    predictions = []
    for _ in range(n_classifiers):
        width = draw(st.integers(top_k, 5))
        rows = [draw(st.permutations(range(6)))[:width] for _ in range(n_images)]
        silent = draw(st.integers(0, width))
        rows = [row[: width - silent] + [-1] * silent for row in rows]
        predictions.append(np.array(rows, np.int64).reshape(n_images, width))
    dataset_labels = draw(st.lists(st.integers(-1, 7), min_size=n_images, max_size=n_images))
    return predictions, np.array(dataset_labels, np.int64), top_k, draw(st.booleans())


@given(ensembles())
def test_the_union_and_its_provenance_agree_with_a_plain_reading(ensemble):
    predictions, dataset_labels, top_k, always = ensemble
    union = potential_labels(*ensemble)
    expected = plain_union([rows.tolist() for rows in predictions], dataset_labels.tolist(), top_k, always)
    assert list(zip(union.image.tolist(), union.label.tolist(), strict=True)) == list(expected)
    assert union.ranks.shape == (len(expected), len(predictions))
    assert union.ranks.tolist() == list(expected.values())
    assert union.proposed_by.tolist() == [[rank > 0 for rank in ranks] for ranks in expected.values()]
    assert union.best_rank.tolist() == [min(filter(None, ranks), default=0) for ranks in expected.values()]
    assert union.is_dataset_label.tolist() == [label == dataset_labels[image] for image, label in expected]
    assert union.n_labels.tolist() == [
        sum(position == image for position, _ in expected) for image in range(dataset_labels.size)
    ]


def test_one_array_of_all_classifiers_and_a_list_of_arrays_give_the_same():
    stacked = np.array([[[3, 1], [0, 2]], [[1, 4], [2, 5]]])
    array, many = (potential_labels(form, np.array([1, -1]), top_k=2) for form in (stacked, list(stacked)))
    assert array.label.tolist() == many.label.tolist() == [1, 3, 4, 0, 2, 5]
    assert array.ranks.tolist() == many.ranks.tolist() == [[2, 1], [1, 0], [0, 2], [1, 0], [2, 1], [0, 2]]


def test_the_dataset_label_is_marked_even_where_it_is_not_added():
    union = potential_labels([np.array([[4], [5]])], np.array([4, 9]), top_k=1, always_dataset_label=False)
    assert union.label.tolist() == [4, 5]
    assert union.is_dataset_label.tolist() == [True, False]


def test_a_dataset_label_that_no_classifier_names_has_no_rank():
    union = potential_labels([np.array([[4]])], np.array([9]), top_k=1)
    assert union.label.tolist() == [4, 9]
    assert union.best_rank.tolist() == [1, 0]


def test_without_classifiers_only_the_dataset_labels_are_left():
    union = potential_labels([], np.array([4, -1, 4]))
    assert (union.image.tolist(), union.label.tolist()) == ([0, 2], [4, 4])
    assert union.best_rank.tolist() == [0, 0]
    assert distribution(union.n_labels).tolist() == [1, 2]


def test_only_the_first_labels_of_a_classifier_count():
    union = potential_labels([np.array([[9, 8, 7, 6, 5]])], np.array([-1]), top_k=2)
    assert union.label.tolist() == [8, 9]


@given(st.lists(st.integers(0, 30)))
def test_the_distribution_counts_every_image_once(n_labels):
    counts = distribution(np.array(n_labels, np.int64))
    assert counts.tolist() == [n_labels.count(n) for n in range(max(n_labels, default=-1) + 1)]


@pytest.mark.parametrize(
    ("predictions", "dataset_labels", "top_k", "message"),
    [
        ([[[1, 2]]], [0], 3, "Classifier 0 has its first 2 labels, but top_k is 3"),
        ([[[1]], [[1], [2]]], [0], 1, "Classifier 1 has predictions for 2 images of 1"),
        ([[[1, 2]], [[3, 3]]], [0], 2, "Classifier 1 names label 3 more than once for image 0"),
        ([[[1, -2]]], [0], 2, "classifier 0: a value is -2"),
        ([[[1.0]]], [0], 1, "classifier 0: the type is float64"),
        ([[1, 2]], [0], 1, "classifier 0: the shape is"),
        ([[[1]]], [[0]], 1, "dataset_labels: the shape is"),
        ([[[1]]], [0], 0, "top_k is 0"),
        ([[[2**62], [1], [1]]], [0] * 3, 1, "without large gaps"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_with_the_reason(predictions, dataset_labels, top_k, message):
    with pytest.raises(ValueError, match=message):
        potential_labels([np.array(rows) for rows in predictions], np.array(dataset_labels), top_k)


def test_a_distribution_of_impossible_numbers_is_refused():
    with pytest.raises(ValueError, match="a value is -1; the least is 0"):
        distribution(np.array([3, -1]))


def test_fifty_thousand_images_and_ten_classifiers_take_seconds():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 1000, (10, 50_000, 1))
    predictions = (start + np.array([0, 7, 31, 2, 99])) % 1000
    with at_most(10):
        union = potential_labels(predictions, start[0, :, 0])
    assert np.count_nonzero(union.ranks) == 10 * 50_000 * 5
    assert union.best_rank.max() <= 5
    assert distribution(union.n_labels).sum() == 50_000
