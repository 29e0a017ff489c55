"""Potential labels: the top labels of every classifier, and the dataset's own label.

Source: Tsipras et al. 2020, section 3.1: the top-5 of ten classifiers and the dataset's label, about 14 an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
NONE = -1
"""In a place for a label: there is none."""


@dataclass(frozen=True)
class PotentialLabels:
    """P image-label pairs in ascending order of image, then label, with the classifiers that proposed them.

    Attributes:
        image: (P,) position of the image.
        label: (P,) label index.
        ranks: (P, M) rank that each classifier gives the label, from 1; 0 where it is not among its first.
        is_dataset_label: (P,) whether the label is the dataset's own for this image.
        n_images: N, images without a pair included.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    ranks: NDArray[np.int16]
    is_dataset_label: NDArray[np.bool_]
    n_images: int

    @property
    def proposed_by(self) -> NDArray[np.bool_]:
        """Return (P, M) the classifiers that propose the pair."""
        return self.ranks > 0

    @property
    def best_rank(self) -> NDArray[np.int16]:
        """Return (P,) the best rank that any classifier gives, from 1; 0 where only the dataset names the label."""
        if self.ranks.shape[1] == 0:
            return np.zeros(self.image.size, np.int16)
        unnamed = np.iinfo(np.int16).max
        best = np.where(self.ranks > 0, self.ranks, unnamed).min(axis=1)
        return np.where(best == unnamed, 0, best).astype(np.int16)

    @property
    def n_labels(self) -> NDArray[np.int64]:
        """Return (N,) the number of potential labels of each image."""
        return np.bincount(self.image, minlength=self.n_images).astype(np.int64)


def potential_labels(
    predictions: Sequence[IntArray] | IntArray,
    dataset_labels: IntArray,
    top_k: int = 5,
    always_dataset_label: bool = True,
) -> PotentialLabels:
    """Unite, per image, the first labels of every classifier with the dataset's own label.

    Args:
        predictions: M classifiers' label indexes, best first, as one (M, N, K) array or M arrays (N, K) whose K may
            differ but is top_k or more; -1 where a classifier names no label.
        dataset_labels: (N,) the dataset's label of each image; -1 for none.
        top_k: how many of a classifier's labels count.
        always_dataset_label: whether the dataset's label is a potential label even if no classifier names it.

    Returns:
        The union, each pair once.

    Raises:
        ValueError: shapes do not match, a value is no label, or a classifier names a label twice for one image.

    Source: Tsipras et al. 2020, section 3.1.

    >>> union = potential_labels([np.array([[4, 7]]), np.array([[7, 2]])], np.array([9]), top_k=2)
    >>> union.label.tolist(), union.best_rank.tolist(), union.is_dataset_label.tolist()
    ([2, 4, 7, 9], [2, 1, 1, 0], [False, False, False, True])
    >>> union.ranks.tolist()
    [[0, 2], [1, 0], [2, 1], [0, 0]]
    """
    truth = _whole_numbers(dataset_labels, 1, "dataset_labels")
    tops = [_top(labels, classifier, truth.size, top_k) for classifier, labels in enumerate(predictions)]
    stacked = np.stack(tops) if tops else np.empty((0, truth.size, top_k), np.int64)
    is_label, added = stacked >= 0, truth >= 0 if always_dataset_label else np.zeros(truth.size, np.bool_)
    classifier, image, place = np.nonzero(is_label)
    n_codes = int(max(stacked.max(initial=0), truth.max(initial=0))) + 1
    if n_codes * truth.size > np.iinfo(np.int64).max:
        raise ValueError(f"A label index is {n_codes - 1}; number the labels from 0 without large gaps.")
    proposed = image * n_codes + stacked[is_label]
    codes, pair = np.unique(
        np.concatenate([proposed, np.flatnonzero(added) * n_codes + truth[added]]), return_inverse=True
    )
    ranks = np.zeros((codes.size, len(tops)), np.int16)
    ranks[pair[: proposed.size], classifier] = place + 1
    if np.count_nonzero(ranks) < proposed.size:
        _raise_twice(proposed, classifier, n_codes)
    pair_image, label = np.divmod(codes, n_codes)
    return PotentialLabels(pair_image, label, ranks, truth[pair_image] == label, truth.size)


def distribution(n_labels: IntArray) -> NDArray[np.int64]:
    """Count the images that have 0, 1, 2, ... potential labels.

    Args:
        n_labels: (N,) number of labels of each image.

    Returns:
        (max + 1,) images by their number of labels; empty without images.

    Raises:
        ValueError: not one whole number, 0 or more, per image.

    Source: Tsipras et al. 2020, section 3.1 (about 14 potential labels an image).

    >>> distribution(np.array([2, 3, 2, 0])).tolist()
    [1, 0, 2, 1]
    """
    counts = _whole_numbers(n_labels, 1, "n_labels", lowest=0)
    return np.bincount(counts).astype(np.int64)


def _top(labels: IntArray, classifier: int, n_images: int, top_k: int) -> NDArray[np.int64]:
    """Return (N, top_k) first labels of one classifier."""
    ranked = _whole_numbers(labels, 2, f"The predictions of classifier {classifier}")
    if not 1 <= top_k <= np.iinfo(np.int16).max:
        raise ValueError(f"top_k is {top_k}; how many of a classifier's labels count is 1 or more.")
    if ranked.shape[0] != n_images:
        raise ValueError(
            f"Classifier {classifier} has predictions for {ranked.shape[0]} images of {n_images}; pass one row "
            f"per image, of -1 where there is none."
        )
    if ranked.shape[1] < top_k:
        raise ValueError(
            f"Classifier {classifier} has its first {ranked.shape[1]} labels, but top_k is {top_k}; "
            f"lower top_k, or fill its rows up with -1."
        )
    return ranked[:, :top_k]


def _whole_numbers(values: IntArray, ndim: int, name: str, lowest: int = NONE) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != ndim:
        raise ValueError(f"{name}: the shape is {array.shape}; pass an array of {ndim} dimension(s).")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: the type is {array.dtype}; pass whole numbers.")
    if array.size and array.min() < lowest:
        raise ValueError(f"{name}: a value is {array.min()}; the least is {lowest}.")
    return array.astype(np.int64)


def _raise_twice(proposed: NDArray[np.int64], classifier: NDArray[np.int64], n_codes: int) -> None:
    for member in np.unique(classifier):
        codes, times = np.unique(proposed[classifier == member], return_counts=True)
        if times.max() > 1:
            image, label = divmod(int(codes[times.argmax()]), n_codes)
            raise ValueError(
                f"Classifier {member} names label {label} more than once for image {image}; "
                f"pass each label at its best rank only."
            )
