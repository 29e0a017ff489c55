"""Scores become labels by one rule."""

import numpy as np
import pytest

from candidates.classifiers.interface import softmax, top_k


def test_the_best_come_first_and_ties_go_to_the_lowest_class():
    labels, scores = top_k(np.array([[0.2, 0.3, 0.2, 0.3], [0.0, 0.0, 0.0, 1.0]]), 3)
    assert labels.tolist() == [[1, 3, 0], [3, 0, 1]]
    assert labels.dtype == np.int32
    assert scores.dtype == np.float32
    assert np.allclose(scores, np.array([[0.3, 0.3, 0.2], [1, 0, 0]]))


def best_first(row: list[float]) -> list[int]:
    return sorted(range(len(row)), key=lambda label: (-row[label], label))


def test_every_top_k_is_the_beginning_of_the_whole_order():
    scores = np.random.default_rng(3).integers(0, 6, (40, 12)) / 6
    whole = [best_first(row.tolist()) for row in scores.astype(np.float32)]
    for k in range(1, 13):
        assert top_k(scores, k)[0].tolist() == [order[:k] for order in whole]


def test_no_pictures_have_no_labels_but_a_shape():
    labels, scores = top_k(np.empty((0, 10)), 5)
    assert labels.shape == scores.shape == (0, 5)


@pytest.mark.parametrize("k", [0, -1, 4])
def test_k_is_within_the_number_of_classes(k):
    with pytest.raises(ValueError, match="with 3 classes it must be from 1 to 3"):
        top_k(np.ones((1, 3)), k)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused_with_the_row(bad):
    with pytest.raises(ValueError, match="scores of picture 1 are not all numbers"):
        top_k(np.array([[1.0, 2.0], [bad, 1.0]]), 1)


def test_scores_of_one_picture_alone_are_refused():
    with pytest.raises(ValueError, match="1 axes"):
        top_k(np.ones(5), 1)


def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits():
    logits = np.array([[1.0, 3.0, 2.0], [-500.0, 500.0, 0.0]])
    shares = softmax(logits)
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(shares[0], np.exp([1, 3, 2]) / np.exp([1, 3, 2]).sum())
    assert shares[1].tolist() == [0, 1, 0]
