"""On real votes the rules give what Tsipras et al. published, except where the release broke ties otherwise."""

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from numerics.objects import annotate, annotate_many
from numerics.partition import co_selection, optimal_partitions
from tests.processor_time import at_most

RELEASED = Path(__file__).resolve().parents[3] / "shared" / "released"
VOTES, EXPECTED = RELEASED / "classify_votes.csv.gz", RELEASED / "classify_expected.csv.gz"

pytestmark = pytest.mark.skipif(
    not (VOTES.exists() and EXPECTED.exists()), reason=f"the released votes are not in {RELEASED}"
)


def rows(path):
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture(scope="module")
def items():
    """Image to (selections, mains, dataset label)."""
    answers = defaultdict(list)
    for row in rows(VOTES):
        answers[row["image"]].append(row)
    return {
        image: (
            [[int(label) for label in row["selected"].split()] for row in selections],
            [int(row["main"]) for row in selections],
            int(selections[0]["dataset_label"]),
        )
        for image, selections in answers.items()
    }


@pytest.fixture(scope="module")
def published():
    return {
        row["image"]: {
            "main_label": int(row["main_label"]),
            "n_objects": int(row["n_objects"]),
            "main_object": int(row["main_object"]),
            "dataset_label_object": int(row["dataset_label_object"]) if row["dataset_label_object"] else None,
            "objects": [
                {int(label): tuple(values) for label, values in image_object.items()}
                for image_object in json.loads(row["objects"])
            ],
        }
        for row in rows(EXPECTED)
    }


@pytest.fixture(scope="module")
def annotations(items):
    return dict(zip(items, annotate_many(list(items.values())), strict=True))


def labels_of(image_object):
    return frozenset(of["label"] for of in image_object["labels"])


def holding(objects, index):
    """The labels of the published object with this index."""
    return None if index is None else frozenset(objects[index])


def test_all_images_are_there(items, published):
    assert len(items) == 3313
    assert set(items) == set(published)


def test_main_label_and_number_of_objects_are_as_published_on_every_image(annotations, published):
    for image, annotation in annotations.items():
        assert (annotation.main_label, annotation.n_objects) == (
            published[image]["main_label"],
            published[image]["n_objects"],
        ), image
    assert sum(annotation.n_objects > 1 for annotation in annotations.values()) == 1032


def test_where_the_optimum_is_unique_the_objects_are_as_published(annotations, published):
    unique = {image: annotation for image, annotation in annotations.items() if annotation.n_optimal_partitions == 1}
    assert len(unique) == 3313 - 205
    for image, annotation in unique.items():
        release = published[image]
        theirs = {frozenset(of): of for of in release["objects"]}
        assert {labels_of(ours) for ours in annotation.objects} == set(theirs), image
        for ours in annotation.objects:
            for of in ours["labels"]:
                share, frequency = theirs[labels_of(ours)][of["label"]]
                assert (of["share"], of["frequency"]) == pytest.approx((share, frequency), abs=1e-6), image


def test_where_the_optimum_is_unique_the_dataset_label_is_in_the_published_object(annotations, published):
    for image, annotation in annotations.items():
        if annotation.n_optimal_partitions == 1:
            index = annotation.dataset_label_object
            ours = None if index is None else labels_of(annotation.objects[index])
            release = published[image]
            assert ours == holding(release["objects"], release["dataset_label_object"]), image


def test_where_nothing_is_tied_the_main_object_is_as_published(annotations, published):
    compared = 0
    for image, annotation in annotations.items():
        votes = sorted(ours["main_votes"] for ours in annotation.objects)
        if annotation.n_optimal_partitions == 1 and votes[-2:] != votes[-1:] * 2:
            release = published[image]
            assert labels_of(annotation.objects[annotation.main_object]) == holding(
                release["objects"], release["main_object"]
            ), image
            compared += 1
    assert compared > 3000


def test_where_several_partitions_are_optimal_the_published_one_is_among_them(items, annotations, published):
    several = [image for image, item in annotations.items() if item.n_optimal_partitions > 1]
    assert len(several) == 205
    for image in several:
        selections, objects = items[image][0], published[image]["objects"]
        labels = sorted(label for item in objects for label in item)
        assert labels == sorted(label for item in annotations[image].objects for label in labels_of(item))
        partitions, _ = optimal_partitions(co_selection(selections, labels), len(objects))
        assert len(partitions) == annotations[image].n_optimal_partitions
        block = {label: index for index, item in enumerate(objects) for label in item}
        theirs = [block[label] for label in labels]
        renumbered = [list(dict.fromkeys(theirs)).index(of) for of in theirs]
        assert renumbered in partitions.tolist(), image


def test_the_published_number_of_main_objects_without_the_dataset_label_is_within_the_range(annotations, published):
    release = {
        image
        for image, item in published.items()
        if item["n_objects"] > 1 and item["dataset_label_object"] not in (None, item["main_object"])
    }
    may = {image for image, item in annotations.items() if item.main_may_differ}
    must = {image for image, item in annotations.items() if item.main_must_differ}
    assert len(release) == 315
    assert must <= release <= may
    ours = {
        image
        for image, item in annotations.items()
        if item.n_objects > 1 and item.dataset_label_object not in (None, item.main_object)
    }
    assert must <= ours <= may


def test_what_the_release_leaves_out_is_unplaced(items, annotations, published):
    unplaced = 0
    for image, (selections, _, _) in items.items():
        release = {label for item in published[image]["objects"] for label in item}
        left_out = {label for selection in selections for label in selection} - release
        assert annotations[image].unplaced == sorted(left_out), image
        unplaced += bool(left_out)
    assert unplaced > 0


def test_alone_or_together_gives_the_same(items, annotations):
    for image in list(items)[::50]:
        assert annotate(*items[image]) == annotations[image]


def test_annotating_all_images_takes_less_than_five_seconds_of_processor_time(items):
    with at_most(5):
        assert len(annotate_many(list(items.values()))) == len(items)
