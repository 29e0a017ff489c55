"""Potential labels: the union of what the classifiers rank highest and the dataset's label, with where each is from."""

import os
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from candidates.actions import ShortPredictions, ensure_classifier, find_potential_labels, store_predictions
from candidates.models import PotentialLabel
from candidates.reads import NoPredictions, distribution, n_unpredicted
from catalog.actions import change_settings
from catalog.models import Dataset, Image, Label
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db

N_IMAGES = 10_000 if os.environ.get("SOAK") else 1000


def dataset_of(labels: list[int | None], *, n_labels: int = 20, **figures: Any) -> Dataset:
    """An image without a file per dataset label, named 0, 1, ..."""
    dataset = make_dataset(n_labels=n_labels, **figures)
    labels_by_index: dict[int | None, Label] = {label.index: label for label in dataset.label_set.labels.all()}
    images = [
        Image(dataset=dataset, name=str(n), dataset_label=labels_by_index.get(label)) for n, label in enumerate(labels)
    ]
    Image.objects.bulk_create(images)
    return dataset


def predict(dataset: Dataset, name: str, tops: Sequence[list[int] | None]):
    """Predictions of a classifier for the images in order; None for none."""
    classifier = ensure_classifier(label_set=dataset.label_set, name=name)
    images = dataset.images.order_by("pk")
    rows: list[Any] = [(image.pk, top, []) for image, top in zip(images, tops, strict=True) if top]
    store_predictions(classifier=classifier, predictions=rows)
    return classifier


def stored_labels(dataset: Dataset) -> dict[str, dict[int, tuple[bool, list]]]:
    """Image name -> label index -> (is it the dataset's, [(classifier, rank), ...])."""
    images: dict[str, dict] = {image.name: {} for image in dataset.images.all()}
    for row in PotentialLabel.objects.filter(image__dataset=dataset).select_related("image", "label"):
        sources = [(source["classifier"], source["rank"]) for source in row.sources]
        images[row.image.name][row.label.index] = (row.is_dataset_label, sources)
    return images


def test_each_label_tells_which_classifiers_name_it_at_which_rank():
    dataset = dataset_of([9, 4], top_k=2)
    predict(dataset, "b", [[4, 7, 8], [4, 5, 6]])
    predict(dataset, "a", [[7, 2, 1], None])
    assert find_potential_labels(dataset=dataset) == 6
    assert stored_labels(dataset) == {
        "0": {
            2: (False, [("a", 2)]),
            4: (False, [("b", 1)]),
            7: (False, [("a", 1), ("b", 2)]),
            9: (True, []),
        },
        "1": {4: (True, [("b", 1)]), 5: (False, [("b", 2)])},
    }
    assert distribution(dataset).tolist() == [0, 0, 1, 0, 1]


def test_without_always_dataset_label_only_classifiers_propose():
    dataset = dataset_of([9, 4], top_k=1, always_dataset_label=False)
    predict(dataset, "a", [[7], [4]])
    find_potential_labels(dataset=dataset)
    assert stored_labels(dataset) == {"0": {7: (False, [("a", 1)])}, "1": {4: (True, [("a", 1)])}}


def test_the_settings_choose_the_classifiers_and_their_order_is_no_matter():
    dataset = dataset_of([None], top_k=1)
    for name, label in (("a", 1), ("b", 2), ("c with a blank", 3)):
        predict(dataset, name, [[label]])
    change_settings(dataset=dataset, classifiers="'c with a blank' a")
    find_potential_labels(dataset=dataset)
    assert set(stored_labels(dataset)["0"]) == {1, 3}
    change_settings(dataset=dataset, classifiers="")
    find_potential_labels(dataset=dataset)
    assert set(stored_labels(dataset)["0"]) == {1, 2, 3}


def test_they_are_computed_anew_and_nothing_of_before_stays():
    dataset = dataset_of([1], top_k=3)
    predict(dataset, "a", [[4, 5, 6]])
    other = dataset_of([2], top_k=1)
    predict(other, "a", [[3]])
    find_potential_labels(dataset=other)
    assert [find_potential_labels(dataset=dataset) for _ in range(2)] == [4, 4]
    change_settings(dataset=dataset, top_k=1)
    assert find_potential_labels(dataset=dataset) == 2
    assert set(stored_labels(dataset)["0"]) == {1, 4}
    assert set(stored_labels(other)["0"]) == {2, 3}


def test_an_image_nobody_predicted_has_its_dataset_label_alone_or_none():
    dataset = dataset_of([5, None, 1], top_k=1)
    classifier = predict(dataset, "a", [None, None, [0]])
    find_potential_labels(dataset=dataset)
    assert [len(labels) for labels in stored_labels(dataset).values()] == [1, 0, 2]
    assert distribution(dataset).tolist() == [1, 1, 1]
    assert n_unpredicted(dataset, [classifier]) == {"a": 2}


def test_no_predictions_at_all_is_an_error_with_the_way_out():
    dataset = dataset_of([5])
    with pytest.raises(NoPredictions) as refused:
        find_potential_labels(dataset=dataset)
    assert "has no predictions yet. Run ./manage predict" in refused.value.for_shell
    predict(dataset, "a", [[1, 2, 3, 4, 5]])
    change_settings(dataset=dataset, classifiers="a b")
    with pytest.raises(NoPredictions, match="no predictions by: b"):
        find_potential_labels(dataset=dataset)


def test_predictions_with_too_few_labels_are_an_error_and_what_was_there_stays():
    dataset = dataset_of([5], top_k=2)
    predict(dataset, "a", [[1, 2]])
    find_potential_labels(dataset=dataset)
    change_settings(dataset=dataset, top_k=3)
    with pytest.raises(ShortPredictions) as refused:
        find_potential_labels(dataset=dataset)
    assert "a has only 2 labels for an image, but top_k is 3. Lower top_k" in refused.value.for_shell
    assert set(stored_labels(dataset)["0"]) == {1, 2, 5}


def test_a_label_set_smaller_than_top_k_is_no_error():
    dataset = dataset_of([0], n_labels=3, top_k=5)
    predict(dataset, "a", [[2, 0, 1]])
    assert find_potential_labels(dataset=dataset) == 3


def test_a_dataset_without_images_has_an_empty_distribution():
    assert distribution(make_dataset()).tolist() == []


def test_the_labels_of_many_images_are_what_counting_by_hand_gives():
    rng = random.Random(1)
    dataset = dataset_of([rng.randrange(1000) for _ in range(N_IMAGES)], n_labels=1000)
    tops = {name: [rng.sample(range(1000), 5) for _ in range(N_IMAGES)] for name in ("a", "b", "c")}
    for name, rows in tops.items():
        predict(dataset, name, rows)
    n_labels = find_potential_labels(dataset=dataset)
    dataset_labels = dataset.images.order_by("pk").values_list("dataset_label__index", flat=True)
    union = [{label, *a, *b, *c} for label, a, b, c in zip(dataset_labels, *tops.values(), strict=True)]
    assert n_labels == sum(map(len, union)) == PotentialLabel.objects.filter(image__dataset=dataset).count()
    assert distribution(dataset).tolist() == np.bincount([len(labels) for labels in union]).tolist()
