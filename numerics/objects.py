"""The annotation of one image: its objects, their labels, and the main object.

Source: Tsipras et al. 2020, section 3.2; details that the text leaves open follow the paper's released data.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from numerics.consensus import main_label, number_of_objects
from numerics.partition import (
    Partitions,
    PartitionTooLarge,
    check_size,
    choose,
    co_selection,
    growth_strings,
    optimal_rows,
)

Item = tuple[Sequence[Sequence[int]], Sequence[int], int | None]
"""Selections, main labels and dataset label of one image, as `annotate` takes them."""

PIECE = 2**16
"""Partitions evaluated together when very many are optimal."""


class LabelShare(TypedDict):
    """A label of an object; share is of the object's selections, frequency of the image's annotators."""

    label: int
    share: float
    frequency: float


class ImageObject(TypedDict):
    """An object: the label that names it, all its labels, and how many annotators call one of them main."""

    label: int
    labels: list[LabelShare]
    main_votes: int


@dataclass(frozen=True)
class Objects:
    """The agreement of the annotators of one image.

    Attributes:
        main_label: the label most often called the main one; ties: met first in the order of submission.
        n_objects: the most frequent number of labels selected; ties: met first.
        n_annotators: how many answers this rests on.
        n_optimal_partitions: how many groupings of the labels are equally good; 1 if the objects are certain.
        objects: ordered by their lowest label; labels within by selections, most first (ties: lowest index).
        unplaced: with more than one object, labels nobody selected together with another; ascending.
        main_object: index of the object with most main votes; ties: the object that holds main_label, else
            the one with the lowest label. `annotate` always finds one: some main label lies in an object.
        dataset_label_object: index of the object that holds the dataset's label; None if no object does.
        main_may_differ: with more than one object, whether some choice among the optimal partitions, and
            among their objects tied for most main votes, parts the main object from the dataset label's.
        main_must_differ: whether every such choice does. Both are False if no object holds the dataset label.
    """

    main_label: int
    n_objects: int
    n_annotators: int
    n_optimal_partitions: int
    objects: list[ImageObject]
    unplaced: list[int]
    main_object: int | None
    dataset_label_object: int | None
    main_may_differ: bool
    main_must_differ: bool


@dataclass(frozen=True)
class _Tally:
    """The answers on one image, counted."""

    selections: list[list[int]]
    dataset_label: int | None
    n_objects: int
    main_label: int
    n_selected: Counter[int]
    main_votes: Counter[int]
    placed: list[int]
    unplaced: list[int]


def annotate(selections: Sequence[Sequence[int]], mains: Sequence[int], dataset_label: int | None = None) -> Objects:
    """Turn the CLASSIFY answers on one image into its objects.

    Args:
        selections: V sequences of label indexes, one per annotator in the order of submission: the labels
            selected, one for each object the annotator sees.
        mains: (V,) the label that each annotator calls the main one.
        dataset_label: the label that the dataset gives the image, if any.

    Raises:
        ValueError: there are no answers, a selection is empty or has a label twice, or a main label is not
            selected.
        PartitionTooLarge: the labels are too many to try every grouping.

    Source: Tsipras et al. 2020, section 3.2.

    >>> annotation = annotate([[4, 7], [4, 7], [7], [4, 9], [9, 4]], [4, 7, 7, 4, 4], dataset_label=9)
    >>> [(item["label"], [share["label"] for share in item["labels"]]) for item in annotation.objects]
    [(4, [4]), (7, [7, 9])]
    >>> annotation.main_object, annotation.dataset_label_object, annotation.main_must_differ
    (0, 1, True)
    """
    (result,) = annotate_many([(selections, mains, dataset_label)])
    if isinstance(result, PartitionTooLarge):
        raise result
    return result


def annotate_many(items: Sequence[Item]) -> list[Objects | PartitionTooLarge]:
    """Annotate many images, as `annotate` does; images with equally many labels and objects are searched together.

    Args:
        items: N triples of the arguments of `annotate`.

    Returns:
        One result per item, in order; the error in its place where the labels are too many, so that one such
        image does not keep the others from being annotated.

    Raises:
        ValueError: as `annotate`, naming the item; nothing is annotated then.

    Source: Tsipras et al. 2020, section 3.2.

    >>> [annotation.n_objects for annotation in annotate_many([([[4]], [4], None), ([[4, 7]], [7], 4)])]
    [1, 2]
    """
    tallies = [_tally(image, item) for image, item in enumerate(items)]
    shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for image, tally in enumerate(tallies):
        shapes[len(tally.placed), tally.n_objects].append(image)
    results: dict[int, Objects | PartitionTooLarge] = {}
    for (n_labels, n_objects), members in shapes.items():
        group = [tallies[image] for image in members]
        results.update(zip(members, _annotate_group(group, n_labels, n_objects), strict=True))
    return [results[image] for image in range(len(tallies))]


def _tally(image: int, item: Item) -> _Tally:
    selections = [[int(label) for label in selection] for selection in item[0]]
    mains = [int(label) for label in item[1]]
    _check_answers(image, selections, mains)
    n_objects = number_of_objects(selections)
    n_selected = Counter(label for selection in selections for label in selection)
    together = {label for selection in selections if len(selection) > 1 for label in selection}
    # A selection of n_objects labels exists, so for n_objects > 1 at least so many labels are placed.
    placed = set(n_selected) if n_objects == 1 else together
    return _Tally(
        selections=selections,
        dataset_label=item[2],
        n_objects=n_objects,
        main_label=main_label(mains),
        n_selected=n_selected,
        main_votes=Counter(mains),
        placed=sorted(placed),
        unplaced=sorted(set(n_selected) - placed),
    )


def _check_answers(image: int, selections: list[list[int]], mains: list[int]) -> None:
    if not selections:
        raise ValueError(f"Image {image} has no answers; annotate an image once it has at least one.")
    if len(selections) != len(mains):
        raise ValueError(
            f"Image {image} has {len(selections)} selections but {len(mains)} main labels; every annotator gives both."
        )
    for annotator, (selection, main) in enumerate(zip(selections, mains, strict=True)):
        if not selection:
            message = f"Annotator {annotator} of image {image} selected nothing; leave out answers without labels."
            raise ValueError(message)
        if len(set(selection)) < len(selection):
            raise ValueError(
                f"Annotator {annotator} of image {image} selected a label twice: {selection}; pass every label once."
            )
        if main not in selection:
            raise ValueError(
                f"Annotator {annotator} of image {image} calls {main} the main label but selected {selection}; "
                f"the main label must be one of those selected."
            )


def _annotate_group(group: list[_Tally], n_labels: int, n_objects: int) -> Iterator[Objects | PartitionTooLarge]:
    """Annotate images that all have `n_labels` labels to place in `n_objects` objects."""
    if n_objects == 1:
        everything = np.zeros((1, n_labels), np.int8)
        yield from (_objects(tally, everything) for tally in group)
        return
    try:
        check_size(n_labels, n_objects)
    except PartitionTooLarge as error:
        yield from [error] * len(group)
        return
    weights = np.stack([co_selection(tally.selections, tally.placed) for tally in group])
    strings = growth_strings(n_labels, n_objects)
    for tally, rows in zip(group, optimal_rows(weights, n_objects)[0], strict=True):
        yield _objects(tally, strings[rows])


def _objects(tally: _Tally, partitions: Partitions) -> Objects:
    """Compute the annotation from the answers and all (M, L) optimal partitions of the placed labels."""
    blocks: list[int] = partitions[choose(partitions, [tally.n_selected[label] for label in tally.placed])].tolist()
    block_of = dict(zip(tally.placed, blocks, strict=True))
    objects = [
        _object(tally, [label for label in tally.placed if block_of[label] == block])
        for block in range(tally.n_objects)
    ]
    may, must = _main_differs(tally, partitions)
    return Objects(
        main_label=tally.main_label,
        n_objects=tally.n_objects,
        n_annotators=len(tally.selections),
        n_optimal_partitions=len(partitions),
        objects=objects,
        unplaced=tally.unplaced,
        main_object=_main_object(objects, block_of.get(tally.main_label)),
        dataset_label_object=None if tally.dataset_label is None else block_of.get(tally.dataset_label),
        main_may_differ=may,
        main_must_differ=must,
    )


def _object(tally: _Tally, labels: list[int]) -> ImageObject:
    n_selected = tally.n_selected
    labels.sort(key=lambda label: (-n_selected[label], label))
    selections = sum(n_selected[label] for label in labels)
    shares: list[LabelShare] = [
        {
            "label": label,
            "share": n_selected[label] / selections,
            "frequency": n_selected[label] / len(tally.selections),
        }
        for label in labels
    ]
    main_votes = sum(tally.main_votes[label] for label in labels)
    return {"label": labels[0], "labels": shares, "main_votes": main_votes}


def _main_object(objects: list[ImageObject], holds_main_label: int | None) -> int:
    """Return the index of the object with most main votes; objects come in the order of their lowest label."""
    votes = [image_object["main_votes"] for image_object in objects]
    most = max(votes)
    if holds_main_label is not None and votes[holds_main_label] == most:
        return holds_main_label
    return votes.index(most)


def _main_differs(tally: _Tally, partitions: Partitions) -> tuple[bool, bool]:
    """Tell whether the main object may, and must, differ from the dataset label's, over all ties."""
    if tally.n_objects == 1 or tally.dataset_label not in tally.placed:
        return False, False
    column = tally.placed.index(tally.dataset_label)
    main_votes = np.array([tally.main_votes[label] for label in tally.placed])
    may, must = False, True
    for start in range(0, len(partitions), PIECE):
        differs, agrees = _compare_main(partitions[start : start + PIECE], main_votes, column, tally.n_objects)
        may, must = may or bool(differs.any()), must and not agrees.any()
    return may, must


def _compare_main(
    partitions: Partitions, main_votes: NDArray[np.int64], column: int, n_objects: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell (M,) whether a block without, and (M,) whether the block with the label in `column` has most main votes."""
    votes = np.stack([(partitions == block) @ main_votes for block in range(n_objects)])
    most = votes == votes.max(axis=0)
    agrees = most[partitions[:, column], np.arange(len(partitions))]
    return most.sum(axis=0) > agrees, agrees
