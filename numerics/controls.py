"""The other classes most similar to a class: their images are its negative controls.

A negative control is an image that surely does not show the class of its grid. From the most similar other class, it
tells workers who look from workers who guess (Recht et al. 2019, ImageNetV2: the single most similar class). The
measure of similarity is not published there; three are offered here, and may be used one after the other. A ranking is
an array (C, R): for each class, other classes from the most similar on, filled up with -1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
Ranking = NDArray[np.int64]
Node = TypeVar("Node", bound=Hashable)
NONE = -1
"""In a place of a ranking: no further class."""


def hierarchy_similarity(
    hypernyms: Iterable[tuple[Node, Node]], classes: Sequence[Node]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measure how near each two classes are in a hierarchy of concepts, and find the pairs that lie on one line.

    The similarity is that of Wu and Palmer: 2 d / (2 d + a + b), where d is the depth of a common ancestor (a root
    has depth 1) and a and b are the steps up to it from the two classes. A concept may have several parents: depth and
    steps go the shortest way, and the common ancestor that gives most counts.

    Args:
        hypernyms: (child, parent) edges, without cycles.
        classes: C nodes; one without edges is similar to nothing.

    Returns:
        similarity (C, C): symmetric, from 0 (no common ancestor) to 1 (the same node).
        in_line (C, C): whether one class is the other, or above it: images of the one may well show the other, so
        neither can be the other's negative control.

    Raises:
        ValueError: the edges go round in a circle.

    Source: our choice, with the measure of Wu and Palmer 1994, "Verb semantics and lexical selection".

    >>> edges = [("tench", "fish"), ("goldfish", "fish"), ("fish", "animal"), ("dog", "animal")]
    >>> similarity, in_line = hierarchy_similarity(edges, ["tench", "goldfish", "dog", "fish"])
    >>> similarity.round(2).tolist()[0], in_line.tolist()[0]
    ([1.0, 0.67, 0.4, 0.8], [True, False, False, True])
    """
    parents: dict[Node, list[Node]] = defaultdict(list)
    for child, parent in hypernyms:
        parents[child].append(parent)
    depth = _depths(parents, classes)
    steps = [_steps_up(node, parents) for node in classes]
    below: dict[Node, list[int]] = defaultdict(list)
    for member, ancestors in enumerate(steps):
        for ancestor in ancestors:
            below[ancestor].append(member)
    similarity = np.zeros((len(classes), len(classes)))
    for ancestor, members in below.items():
        square = np.ix_(members, members)
        up = np.array([steps[member][ancestor] for member in members])
        near = 2 * depth[ancestor] / (2 * depth[ancestor] + up[:, None] + up)
        similarity[square] = np.maximum(similarity[square], near)
    return similarity, _in_line(classes, below)


def _depths(parents: Mapping[Node, Sequence[Node]], classes: Sequence[Node]) -> dict[Node, int]:
    """Count the nodes on the shortest way from a root down to each node, both ends included."""
    depth: dict[Node, int] = {}
    try:
        order = list(TopologicalSorter(dict.fromkeys(classes, ()) | dict(parents)).static_order())
    except CycleError as error:
        circle = " -> ".join(map(str, error.args[1]))
        raise ValueError(f"The hierarchy goes round in a circle: {circle}; remove one of these edges.") from error
    for node in order:
        depth[node] = 1 + min((depth[parent] for parent in parents.get(node, ())), default=0)
    return depth


def _steps_up(node: Node, parents: Mapping[Node, Sequence[Node]]) -> dict[Node, int]:
    """Return every ancestor of a node, itself included, with the fewest steps up to it."""
    steps = {node: 0}
    level = [node]
    while level:
        level = [parent for child in level for parent in parents.get(child, ())]
        level = [parent for parent in dict.fromkeys(level) if parent not in steps]
        reached = max(steps.values()) + 1
        steps.update(dict.fromkeys(level, reached))
    return steps


def _in_line(classes: Sequence[Node], below: Mapping[Node, Sequence[int]]) -> NDArray[np.bool_]:
    in_line = np.zeros((len(classes), len(classes)), np.bool_)
    for index, node in enumerate(classes):
        in_line[index, below[node]] = True
    return in_line | in_line.T


def confusion_counts(predictions: IntArray, dataset_labels: IntArray, n_classes: int) -> NDArray[np.int64]:
    """Count how often a classifier gives each label to images of each class.

    Args:
        predictions: (N,) label indexes, or (N, K) the first K of each image; -1 where there is none.
        dataset_labels: (N,) the dataset's label of each image; -1 for none.
        n_classes: C, labels go from 0 to C - 1.

    Returns:
        (C, C) images with the dataset label of the row and the predicted label of the column. Counts of several
        classifiers may be added up.

    Raises:
        ValueError: shapes do not match, or a label is out of range.

    >>> confusion_counts(np.array([[0, 1], [1, 2], [1, -1]]), np.array([0, 0, 1]), 3).tolist()
    [[1, 2, 1], [0, 1, 0], [0, 0, 0]]
    """
    ranked = np.asarray(predictions)
    ranked = ranked[:, None] if ranked.ndim == 1 else ranked
    truth = np.asarray(dataset_labels)
    if ranked.ndim != 2 or truth.shape != ranked.shape[:1]:
        raise ValueError(f"Predictions have shape {ranked.shape} and labels {truth.shape}; pass a row per label.")
    for name, labels in (("A prediction", ranked), ("A dataset label", truth)):
        if labels.size and not NONE <= labels.min() <= labels.max() < n_classes:
            raise ValueError(
                f"{name} is {labels.min() if labels.min() < NONE else labels.max()}, but the {n_classes} classes go "
                f"from 0 to {n_classes - 1} (-1: none)."
            )
    valid = (ranked >= 0) & (truth >= 0)[:, None]
    code = (truth[:, None].astype(np.int64) * n_classes + ranked)[valid]
    return np.bincount(code, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64)


def confusion_similarity(confusion: IntArray) -> NDArray[np.int64]:
    """Add up the confusion in both directions: images of the one class taken for the other, and vice versa.

    Classes whose things are often in one picture (desk and monitor) are confused too, and an image of the one may then
    show the other: bar such pairs in `rank_others`, or choose by hand.

    Args:
        confusion: (C, C) counts by dataset label and predicted label.

    Returns:
        (C, C) symmetric counts, 0 on the diagonal.

    Raises:
        ValueError: the matrix is not square.

    >>> confusion_similarity(np.array([[9, 2], [1, 5]])).tolist()
    [[0, 3], [3, 0]]
    """
    counts = np.asarray(confusion)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"The confusion has shape {counts.shape}; it must be square, one row and column a class.")
    total: NDArray[np.int64] = (counts + counts.T).astype(np.int64)
    np.fill_diagonal(total, 0)
    return total


def rank_others(similarity: NDArray[np.number], n: int = 10, barred: NDArray[np.bool_] | None = None) -> Ranking:
    """Rank, for each class, the n most similar other classes; ties: the lowest index.

    Args:
        similarity: (C, C); others with 0 or less have nothing in common with the class and are left out.
        n: how many to keep.
        barred: (C, C) pairs that must not stand for each other, such as `in_line` of `hierarchy_similarity`.

    Returns:
        (C, n) class indexes, filled up with -1.

    Raises:
        ValueError: the matrices are not square and of one shape, hold a NaN, or n is below 1.

    >>> rank_others(np.array([[1, .5, .5], [.5, 1, 0], [.5, 0, 1]]), n=2).tolist()
    [[1, 2], [0, -1], [0, -1]]
    """
    scores = np.array(similarity, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or np.isnan(scores).any():
        raise ValueError(f"The similarity, of shape {scores.shape}, must be square and without NaN.")
    if barred is not None and barred.shape != scores.shape:
        raise ValueError(f"barred has shape {barred.shape} and the similarity {scores.shape}; pass one of each a pair.")
    if n < 1:
        raise ValueError(f"n is {n}; keep 1 class or more.")
    np.fill_diagonal(scores, 0)
    if barred is not None:
        scores[barred] = 0
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    order[np.take_along_axis(scores, order, axis=1) <= 0] = NONE
    ranking = np.full((scores.shape[0], n), NONE, np.int64)
    ranking[:, : order.shape[1]] = order
    return ranking


def rank_chosen(chosen: Mapping[int, Sequence[int]], n_classes: int) -> Ranking:
    """Make a ranking from a list written by hand.

    Args:
        chosen: class to other classes, the most similar first; classes left out have none.
        n_classes: C.

    Returns:
        (C, R), R being the length of the longest list.

    Raises:
        ValueError: a class is unknown, its own negative, or twice in a list.

    >>> rank_chosen({0: [2, 1], 2: [0]}, 3).tolist()
    [[2, 1], [-1, -1], [0, -1]]
    """
    ranking = np.full((n_classes, max(map(len, chosen.values()), default=0)), NONE, np.int64)
    for label, similar in chosen.items():
        outside = [other for other in (label, *similar) if not 0 <= other < n_classes]
        if outside:
            message = f"The list for class {label} names class {outside[0]}; classes go from 0 to {n_classes - 1}."
            raise ValueError(message)
        if label in similar or len(set(similar)) < len(similar):
            raise ValueError(f"The list for class {label} is {list(similar)}; name other classes, each once.")
        ranking[label, : len(similar)] = similar
    return ranking


def in_turn(*rankings: Ranking) -> Ranking:
    """Join rankings one after the other: where the first has no further class, the next one follows.

    Args:
        rankings: (C, R) each, R may differ.

    Returns:
        (C, sum of R), each class at its first place.

    Raises:
        ValueError: no ranking, or rankings of different numbers of classes.

    >>> in_turn(np.array([[2, -1], [-1, -1], [0, 1]]), np.array([[1], [2], [1]])).tolist()
    [[2, 1, -1], [2, -1, -1], [0, 1, -1]]
    """
    if not rankings or len({ranking.shape[0] for ranking in rankings}) > 1:
        raise ValueError("Pass one ranking or more, all of the same classes.")
    joined = np.concatenate(rankings, axis=1).astype(np.int64)
    for place in range(1, joined.shape[1]):
        joined[(joined[:, :place] == joined[:, place, None]).any(axis=1), place] = NONE
    order = np.argsort(joined == NONE, axis=1, kind="stable")
    return np.take_along_axis(joined, order, axis=1)


def most_similar(ranking: Ranking) -> NDArray[np.int64]:
    """Return (C,) the first class of each row; -1 where there is none.

    >>> most_similar(np.array([[2, 1], [-1, -1]])).tolist()
    [2, -1]
    """
    return ranking[:, 0] if ranking.shape[1] else np.full(ranking.shape[0], NONE, np.int64)
