import itertools
import json
import os
from collections import Counter
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import objects
from numerics.objects import annotate, annotate_many
from numerics.partition import PartitionTooLarge


@st.composite
def answers(draw, n_labels=5, annotators=6):
    """Selections and mains of one image, with a dataset label that may be selected, unselected or missing."""
    labels = st.integers(0, n_labels - 1).map(lambda number: 10 * number)
    selections = draw(st.lists(st.lists(labels, unique=True, min_size=1, max_size=4), min_size=1, max_size=annotators))
    mains = [draw(st.sampled_from(selection)) for selection in selections]
    return selections, mains, draw(st.none() | labels)


@cache
def groupings(labels, k):
    """Partitions of ascending labels into k blocks, as tuples of blocks ordered by their lowest labels."""
    partitions = set()
    for numbers in itertools.product(range(k), repeat=len(labels)):
        blocks = [tuple(x for x, n in zip(labels, numbers, strict=True) if n == block) for block in range(k)]
        if all(blocks):
            partitions.add(tuple(sorted(blocks)))
    return frozenset(partitions)


def first_mode(values):
    return max(values, key=lambda value: (values.count(value), -values.index(value)))


def plain_annotation(selections, mains, dataset_label):
    """The rules of one image read aloud, without arrays."""
    k = first_mode([len(selection) for selection in selections])
    votes = Counter(label for selection in selections for label in selection)
    together = {label for selection in selections if len(selection) > 1 for label in selection}
    nodes = sorted(votes if k == 1 else together)

    def inside(blocks):
        return sum(
            len(set(block) & set(s)) * (len(set(block) & set(s)) - 1) // 2 for block in blocks for s in selections
        )

    def name(block):
        return min(block, key=lambda label: (-votes[label], label))

    def string(blocks):
        return [next(index for index, block in enumerate(blocks) if label in block) for label in nodes]

    def main_blocks(blocks):
        counts = [sum(main in block for main in mains) for block in blocks]
        return [index for index, count in enumerate(counts) if count == max(counts)]

    everything = groupings(tuple(nodes), k)
    least = min(map(inside, everything))
    optimal = [blocks for blocks in everything if inside(blocks) == least]
    chosen = min(optimal, key=lambda blocks: (-sum(votes[name(block)] for block in blocks), string(blocks)))
    main = first_mode(mains)
    tied = main_blocks(chosen)
    differs = [
        dataset_label not in blocks[index]
        for blocks in optimal
        for index in main_blocks(blocks)
        if k > 1 and dataset_label in nodes
    ]
    return {
        "main_label": main,
        "n_objects": k,
        "n_annotators": len(mains),
        "n_optimal_partitions": len(optimal),
        "objects": [
            {
                "label": name(block),
                "labels": [
                    {
                        "label": label,
                        "share": votes[label] / sum(votes[other] for other in block),
                        "frequency": votes[label] / len(mains),
                    }
                    for label in sorted(block, key=lambda label: (-votes[label], label))
                ],
                "main_votes": sum(main in block for main in mains),
            }
            for block in chosen
        ],
        "unplaced": sorted(set(votes) - set(nodes)),
        "main_object": next((index for index in tied if main in chosen[index]), tied[0]),
        "dataset_label_object": next((index for index, block in enumerate(chosen) if dataset_label in block), None),
        "main_may_differ": any(differs),
        "main_must_differ": bool(differs) and all(differs),
    }


@given(answers())
def test_an_annotation_is_what_a_plain_reading_of_the_rules_gives(item):
    assert asdict(annotate(*item)) == plain_annotation(*item)


@settings(max_examples=100 if os.environ.get("SOAK") else 30)
@given(st.lists(answers(n_labels=4), max_size=8))
def test_images_annotated_together_come_out_as_if_alone_and_in_order(items):
    assert annotate_many(items) == [annotate(*item) for item in items]


def test_labels_for_one_thing_share_an_object_and_others_do_not():
    terrier, toy_terrier, ball = 199, 158, 805
    annotation = annotate([[terrier, ball], [toy_terrier, ball], [ball, terrier]], [ball, toy_terrier, ball], terrier)
    assert [[share["label"] for share in item["labels"]] for item in annotation.objects] == [
        [terrier, toy_terrier],
        [ball],
    ]
    assert [item["label"] for item in annotation.objects] == [terrier, ball]
    assert [item["main_votes"] for item in annotation.objects] == [1, 2]
    assert (annotation.main_object, annotation.dataset_label_object) == (1, 0)
    assert annotation.main_may_differ
    assert annotation.main_must_differ
    assert annotation.objects[0]["labels"][0] == {"label": terrier, "share": 2 / 3, "frequency": 2 / 3}


def test_with_one_object_every_selected_label_is_in_it():
    annotation = annotate([[7], [9], [9], [3, 7]], [7, 9, 9, 3], 4)
    assert [share["label"] for share in annotation.objects[0]["labels"]] == [7, 9, 3]
    assert annotation.unplaced == []
    assert (annotation.n_objects, annotation.n_optimal_partitions, annotation.main_object) == (1, 1, 0)
    assert annotation.dataset_label_object is None
    assert not annotation.main_may_differ


def test_a_label_only_ever_selected_alone_is_kept_as_unplaced():
    annotation = annotate([[1, 2], [5], [1, 2]], [1, 5, 2], 5)
    assert annotation.unplaced == [5]
    assert [item["label"] for item in annotation.objects] == [1, 2]
    assert annotation.dataset_label_object is None
    assert (annotation.main_may_differ, annotation.main_must_differ) == (False, False)


def test_tied_main_votes_go_to_the_object_of_the_main_label_and_are_reported_as_a_range():
    annotation = annotate([[1, 2], [1, 2]], [2, 1], dataset_label=1)
    assert annotation.main_label == 2
    assert (annotation.main_object, annotation.dataset_label_object) == (1, 0)
    assert (annotation.main_may_differ, annotation.main_must_differ) == (True, False)


def test_tied_main_votes_without_the_main_label_go_to_the_object_of_the_lowest_label():
    annotation = annotate([[9], [9], [1, 2], [1, 2], [2, 1]] + [[2, 1]], [9, 9, 2, 1, 1, 2], dataset_label=2)
    assert annotation.main_label == 9
    assert annotation.unplaced == [9]
    assert annotation.main_object == 0
    assert (annotation.main_may_differ, annotation.main_must_differ) == (True, False)


def test_the_range_reaches_over_all_optimal_partitions():
    # Label 3 was selected with 1 and with 2, so that it may join either; its main votes go with it.
    annotation = annotate([[1, 2], [1, 2], [1, 3], [2, 3], [3, 1], [3, 2]], [1, 2, 3, 3, 1, 2], dataset_label=1)
    assert annotation.n_optimal_partitions > 1
    assert (annotation.main_may_differ, annotation.main_must_differ) == (True, False)


def test_no_dataset_label_means_no_object_of_it():
    annotation = annotate([[1, 2]], [1])
    assert annotation.dataset_label_object is None
    assert (annotation.main_may_differ, annotation.main_must_differ) == (False, False)


def test_numpy_answers_give_plain_numbers_that_json_takes():
    arrays: Any = ([np.array([1, 2]), np.array([2, 3])], np.array([1, 2]), np.int64(2))
    annotation = annotate(*arrays)
    assert json.loads(json.dumps(asdict(annotation))) == asdict(annotate([[1, 2], [2, 3]], [1, 2], 2))


def too_many(n=13):
    return (
        [list(range(n)), *[[first, first + 1, first + 2, first + 3, first + 4, first + 5] for first in range(3)]],
        [0, 0, 1, 2],
        0,
    )


def test_one_image_with_too_many_labels_does_not_keep_the_others_waiting():
    before, large, after = annotate_many([([[1]], [1], None), too_many(), ([[2, 3]], [3], 2)])
    assert isinstance(large, PartitionTooLarge)
    assert "13 labels in 6 objects" in str(large)
    assert not isinstance(before, PartitionTooLarge) and not isinstance(after, PartitionTooLarge)
    assert (before.main_label, after.main_label) == (1, 3)


def test_alone_an_image_with_too_many_labels_is_an_error():
    with pytest.raises(PartitionTooLarge, match="13 labels in 6 objects have more than 2,000,000 partitions"):
        annotate(*too_many())


def test_any_number_of_labels_fits_in_one_object():
    annotation = annotate([[label] for label in range(1000)], list(range(1000)), 5)
    assert len(annotation.objects[0]["labels"]) == 1000


def star():
    """Labels 0 and 9 stand alone; three pairs are parted over two more blocks, 2**3 ways up to a swap."""
    return [[0, 1, 2, 9], [0, 3, 4, 9], [0, 5, 6, 9]] * 2


def test_every_optimal_partition_counts():
    annotation = annotate(star(), [0] * 6, 0)
    assert (annotation.n_objects, annotation.n_optimal_partitions) == (4, 4)
    # A chain of neighbours selected together can be parted in two in one way only.
    chain = [[first, first + 1] for first in range(12)]
    assert annotate(chain, [pair[0] for pair in chain]).n_optimal_partitions == 1


@pytest.mark.parametrize(
    ("mains", "dataset_label", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], 0, (False, False)),
        ([0, 0, 0, 0, 0, 0], 9, (True, True)),
        # 1 and 3 share a block in some of the partitions only, and then have two of the main votes together.
        ([1, 3, 0, 0, 9, 9], 1, (True, False)),
        ([1, 3, 0, 9, 0, 9], 5, (True, False)),
        ([1, 3, 9, 9, 9, 0], 3, (True, True)),
        ([1, 3, 5, 0, 9, 6], 0, (True, True)),
        ([1, 3, 5, 0, 9, 0], 0, (True, False)),
        # Only in the first of the partitions do 1, 3 and 5 share a block and draw level with 0.
        ([1, 3, 0, 0, 0, 5], 0, (True, False)),
    ],
)
def test_the_range_over_several_partitions_is_the_same_looked_at_in_pieces(monkeypatch, mains, dataset_label, expected):
    whole = annotate(star(), mains, dataset_label)
    assert asdict(whole) == plain_annotation(star(), mains, dataset_label)
    assert (whole.main_may_differ, whole.main_must_differ) == expected
    monkeypatch.setattr(objects, "PIECE", 3)
    assert annotate(star(), mains, dataset_label) == whole


@pytest.mark.parametrize(
    ("selections", "mains", "message"),
    [
        ([], [], "Image 1 has no answers"),
        ([[1]], [1, 1], "1 selections but 2 main labels"),
        ([[1], []], [1, 1], "Annotator 1 of image 1 selected nothing"),
        ([[1], [4, 4]], [1, 4], r"Annotator 1 of image 1 selected a label twice: \[4, 4\]"),
        ([[1], [4, 5]], [1, 1], r"calls 1 the main label but selected \[4, 5\]"),
    ],
)
def test_impossible_answers_are_refused_naming_image_and_annotator(selections, mains, message):
    with pytest.raises(ValueError, match=message):
        annotate_many([([[1]], [1], None), (selections, mains, None)])
