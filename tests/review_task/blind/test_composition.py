"""The labels of a blind review, their seeding, and their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from review_task.blind.composition import all_labels, images_without_models, portions, seeded_predictions
from review_task.models import Item
from review_task.opening.drafts import ItemDraft

PEOPLE, MODELS, SEEDED, DATASET = (Item.Origin[name] for name in ("PEOPLE", "MODELS", "SEEDED", "DATASET"))


def by_models(*pairs, n_models=3):
    return {pair: ItemDraft(pair[0], pair[1], n_models) for pair in pairs}


def test_all_labels_are_those_of_the_review_of_people_and_of_other_models():
    earlier = by_models((1, 10), (1, 11), (2, 10)) | {(2, 12): ItemDraft(2, 12, 0, DATASET)}
    people, models = {(1, 10), (1, 13), (7, 10)}, {(2, 10): 9, (2, 14): 2, (2, 12): 1, (8, 10): 5}
    drafts = all_labels(earlier, people, models)
    assert drafts == by_models((1, 10), (1, 11)) | {
        (2, 10): ItemDraft(2, 10, 9),
        (2, 12): ItemDraft(2, 12, 1, DATASET),
        (1, 13): ItemDraft(1, 13, 0, PEOPLE),
        (2, 14): ItemDraft(2, 14, 2),
    }


def test_an_image_lacks_models_if_people_said_all_that_they_say():
    drafts = by_models((1, 10), (2, 10), (2, 11)) | {(3, 12): ItemDraft(3, 12, 0, DATASET)}
    assert images_without_models(drafts, {(1, 10), (2, 10), (3, 12)}) == [1, 3]
    assert images_without_models(drafts, set()) == [3]


def test_a_seeded_prediction_is_one_of_a_classifier_that_the_image_does_not_have():
    drafts = by_models((1, 10), (2, 10), (3, 10), (3, 11), (3, 12))
    predicted = {1: [[10, 11], [10]], 2: [[10]]}
    drawn = [seeded_predictions([1, 2, 3], drafts, predicted, seed) for seed in range(40)]
    assert all(set(pairs) <= {(1, 11), (2, 11), (2, 12)} for pairs in drawn)
    # Image 1 has one choice; image 2 gets what models say elsewhere; image 3 has every label that there is.
    assert all((1, 11) in pairs and len(pairs) == 2 for pairs in drawn)
    assert {pair for pairs in drawn for pair in pairs} == {(1, 11), (2, 11), (2, 12)}
    assert drawn[0][1, 11] == ItemDraft(1, 11, 1, SEEDED)


def test_a_draw_is_repeated_by_its_seed_whatever_the_order_of_images():
    drafts = by_models(*((image, 10) for image in range(30)))
    predicted = {image: [[11, 12, 13], [14]] for image in range(30)}
    first = seeded_predictions(range(30), drafts, predicted, 5)
    assert first == seeded_predictions(reversed(range(30)), drafts, predicted, 5)
    assert first != seeded_predictions(range(30), drafts, predicted, 6)
    # A classifier is drawn before its label, so that one with few labels is not rarer.
    by_second = sum(
        label == 14 for seed in range(20) for _, label in seeded_predictions(range(30), drafts, predicted, seed)
    )
    assert 230 < by_second < 370


labels_of_images = st.dictionaries(
    st.tuples(st.integers(1, 9), st.integers(10, 15)), st.sampled_from([PEOPLE, MODELS, SEEDED, DATASET]), min_size=1
)


@settings(deadline=None)
@given(labels_of_images, labels_of_images, st.integers(0, 2**62), st.integers(1, 4))
def test_the_order_depends_on_the_labels_alone_and_not_on_who_said_them(origins, others, seed, size):
    pages = portions({pair: ItemDraft(pair[0], pair[1], 1, origin) for pair, origin in origins.items()}, seed, size)
    # The same labels, stored in another order, with origins of another kind.
    turned = {pair: ItemDraft(pair[0], pair[1], 2, others.get(pair, PEOPLE)) for pair in reversed(origins)}
    again = portions(turned, seed, size)
    assert [[item[:2] for item in page.items] for page in pages] == [
        [item[:2] for item in page.items] for page in again
    ]
    assert sorted(item[:2] for page in pages for item in page.items) == sorted(origins)


def test_pages_are_portions_of_images_each_with_its_labels_together():
    drafts = by_models(*((image, label) for image in range(1, 8) for label in (10, 11, 12)))
    pages = portions(drafts, 3, 3)
    images = [[item.image_id for item in page.items] for page in pages]
    assert [len(set(page)) for page in images] == [3, 3, 1]
    assert all(page[n] == page[n + 1] == page[n + 2] for page in images for n in range(0, len(page), 3))
    assert all(page.label_id is None for page in pages)


@pytest.mark.parametrize("n_labels", [2, 3, 4])
def test_over_seeds_every_place_is_as_likely_for_labels_of_people(n_labels):
    """The label of people is the highest of each image, which any order by label, model or age would show."""
    n_images, n_seeds = 40, 25
    drafts = by_models(*((image, label) for image in range(n_images) for label in range(n_labels - 1)))
    drafts |= {(image, n_labels - 1): ItemDraft(image, n_labels - 1, 0, PEOPLE) for image in range(n_images)}
    places = np.zeros(n_labels)
    order_of_images = np.zeros((n_images, n_images))
    for seed in range(n_seeds):
        items = [item for page in portions(drafts, seed, 20) for item in page.items]
        for n, item in enumerate(items):
            places[n % n_labels] += item.origin == PEOPLE
            order_of_images[item.image_id, n // n_labels] += 1
    expected = n_images * n_seeds / n_labels
    chi_squared = ((places - expected) ** 2 / expected).sum()
    # The seeds are fixed. 99.9 % points of chi squared with 1, 2 and 3 degrees of freedom.
    assert chi_squared < {2: 10.8, 3: 13.8, 4: 16.3}[n_labels]
    # Neither does the age of an image tell where it stands.
    ages = (order_of_images * np.arange(n_images)).sum(axis=1) / n_seeds
    assert abs(np.corrcoef(np.arange(n_images), ages)[0, 1]) < 0.5
