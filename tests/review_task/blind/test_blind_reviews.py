"""Opening a blind review, and its outcome: twelve images by hand."""

from typing import Any

import numpy as np
import pytest

from catalog.models import Classifier, Image, Prediction
from numerics.verdicts import final_states, label_sets
from review_task.actions import add_label, add_predictions, close_review, give_verdict, open_review
from review_task.blind.actions import BlindReviewOpen, EarlierReviewOpen, open_blind_review
from review_task.blind.reads import outcome_of
from review_task.errors import NoFurtherLabels, NothingToReview, ReviewClosed
from review_task.models import Item, Review
from review_task.opening.reads import UnknownNames
from review_task.progress.reads import states_of
from tests.factories import make_dataset, make_images
from tests.review_task.blind.studies import (
    give_all,
    make_blind,
    make_reviewed,
    make_reviewers,
    names_of,
    rows_of,
)

pytestmark = pytest.mark.django_db

C, W, U, D = "correct", "wrong", "unclear", "dontknow"


class TestTwelveImages:
    """Two reviewers. For each image: what they say of each label in the first review, what people say, and what two
    reviewers say in the second one; a seeded label is wrong. Labels are 0 to 7, and 0 is the dataset's.
    """

    IMAGES: dict[str, tuple[dict[int, tuple[str, str]], list[int], dict[int, tuple[str, str]], str]] = {
        "nothing new": ({0: (C, C), 1: (W, W)}, [0], {0: (C, C), 1: (W, W)}, "unchanged"),
        "people agree": ({0: (C, C), 1: (W, W)}, [0, 1], {0: (C, C), 1: (W, W)}, "unchanged"),
        "people err": ({0: (C, C)}, [2], {0: (C, C), 2: (W, W)}, "unchanged"),
        "people are unclear": ({0: (C, C)}, [2], {0: (C, D), 2: (U, U)}, "unchanged"),
        "people add": ({0: (C, C)}, [2], {0: (C, C), 2: (C, C)}, "added"),
        "a reviewer added": ({0: (C, C)}, [], {0: (C, C), 4: (C, C)}, "added"),
        "right after all": ({0: (C, C), 1: (W, W)}, [0], {0: (C, C), 1: (C, C)}, "modified"),
        "wrong after all": ({0: (C, C), 1: (W, W)}, [], {0: (W, W), 1: (W, W)}, "modified"),
        "taken for another": ({0: (C, C), 5: (W, W)}, [3], {0: (W, W), 3: (C, C), 5: (W, W)}, "added modified"),
        "still unclear": ({0: (C, C), 1: (C, W)}, [1], {0: (C, C), 1: (U, U)}, "unchanged"),
        "clear at last": ({0: (C, C), 1: (W, C)}, [1], {0: (C, C), 1: (C, C)}, "modified"),
        "in dispute": ({0: (C, C)}, [6], {0: (W, W), 6: (C, W)}, "waiting"),
    }
    SETS = {
        "nothing new": {C: [0], W: [1]},
        "people err": {C: [0], W: [2]},
        "people are unclear": {C: [0], U: [2]},
        "people add": {C: [0, 2]},
        "a reviewer added": {C: [0, 4]},
        "right after all": {C: [0, 1]},
        "wrong after all": {W: [0, 1]},
        "taken for another": {C: [3], W: [0, 5]},
        "still unclear": {C: [0], U: [1]},
        "in dispute": {W: [0], U: [6]},
    }

    def first_review(self) -> Review:
        dataset = make_dataset(n_labels=8)
        images = dict(zip(self.IMAGES, make_images(dataset, 12), strict=True))
        self.words = {image.pk: words for words, image in images.items()}
        said = [(images[words].name, label, 2) for words, row in self.IMAGES.items() for label in row[0]]
        review = open_review(dataset=dataset, title="first", n_reviewers=2, predictions=said)
        self.users = make_reviewers(dataset, 2)
        give_all(review, self.users, lambda n, item: self.IMAGES[self.words[item.image_id]][0][item.label.index][n])
        added, label = images["a reviewer added"], dataset.label_set.labels.get(index=4)
        add_label(page=review.pages.get(), user=self.users[0], image=added, label=label)
        return close_review(review=review)

    def second_review(self, earlier: Review) -> Review:
        names = {words: Image.objects.get(pk=pk).name for pk, words in self.words.items()}
        people = [(names[words], label) for words, row in self.IMAGES.items() for label in row[1]]
        return open_blind_review(earlier=earlier, title="second", n_reviewers=2, labels=people, seed=4)

    def say_again(self, number: int, item: Item) -> str:
        verdicts = self.IMAGES[self.words[item.image_id]][2]
        assert (item.label.index in verdicts) != (item.origin == Item.Origin.SEEDED)
        return verdicts.get(item.label.index, (W, W))[number]

    def test_they_have_the_outcome_and_the_label_sets_of_the_table(self):
        second = self.second_review(self.first_review())
        assert not outcome_of(second).flags.unchanged.any(), "nobody has judged anything"
        give_all(second, self.users, self.say_again)
        close_review(review=second)
        outcome = outcome_of(second)
        flags = {name: getattr(outcome.flags, name) for name in ("unchanged", "added", "modified", "waiting")}
        for n, image_id in enumerate(outcome.image_ids):
            words = " ".join(name for name, flag in flags.items() if flag[n])
            assert words == self.IMAGES[self.words[image_id]][3], self.words[image_id]
        assert {name: int(flag.sum()) for name, flag in flags.items()} == {
            "unchanged": 5,
            "added": 3,
            "modified": 4,
            "waiting": 1,
        }
        self.check_label_sets(second)

    def check_label_sets(self, review: Review) -> None:
        table = states_of(review)
        states = final_states(table.counts, table.settled, review.n_reviewers)
        image_ids, positions = np.unique(table.image_id, return_inverse=True)
        indexes = dict(review.batch.dataset.label_set.labels.values_list("pk", "index"))
        seeded = set(review_items(review).filter(origin="seeded").values_list("image_id", "label__index"))
        sets = label_sets(positions, np.array([indexes[pk] for pk in table.label_id]), states, len(image_ids))
        for image_id, labels in zip(image_ids.tolist(), sets, strict=True):
            rest = {state: [x for x in of_state if (image_id, x) not in seeded] for state, of_state in labels.items()}
            words = self.words[image_id]
            if words in self.SETS:
                assert {state: left for state, left in rest.items() if left} == self.SETS[words], words

    def test_each_image_has_a_label_that_only_models_say(self):
        second = self.second_review(self.first_review())
        for image_id, words in self.words.items():
            _, people, _, _ = self.IMAGES[words]
            rows = review_items(second).filter(image=image_id).values_list("label__index", "n_models")
            assert [label for label, n in rows if n and label not in people], words


def review_items(review: Review) -> Any:
    return Item.objects.filter(page__review=review)


def test_people_and_models_stand_together_and_what_both_say_stands_once():
    review = make_blind({0: [0, 1], 1: [0]}, {0: [1, 2], 1: [3]})
    first, second = names_of(review)
    assert sorted(rows_of(review)) == sorted(
        [
            (first, 0, "models", 1),
            (first, 1, "models", 1),
            (first, 2, "people", 0),
            (second, 0, "models", 1),
            (second, 3, "people", 0),
        ]
    )


def test_a_second_ensemble_counts_as_models():
    earlier = make_reviewed({0: [0], 1: [0]})
    first, second = names_of(earlier)
    review = open_blind_review(earlier=earlier, title="b", predictions=[(first, 5, 12), (first, 0, 3)], seed=2)
    assert sorted(rows_of(review)) == sorted(
        [(first, 0, "models", 3), (first, 5, "models", 12), (second, 0, "models", 1)]
    )


def test_seeded_predictions_are_those_of_classifiers_on_the_site():
    earlier = make_reviewed({0: [0], 1: [0]})
    dataset = earlier.batch.dataset
    network = Classifier.objects.create(name="net", network="net", label_set=dataset.label_set)
    first, second = dataset.images.order_by("pk")
    Prediction.objects.create(classifier=network, image=first, labels=[0, 6, 99])
    labels = [(first.name, 0), (second.name, 4)]
    review = open_blind_review(earlier=earlier, title="b", labels=labels, seed=2)
    rows = [row for row in rows_of(review) if row[0] == first.name]
    assert sorted(rows) == [(first.name, 0, "models", 1), (first.name, 6, "seeded", 1)]


def test_only_images_with_other_labels_are_reviewed_if_so_decided():
    earlier = make_reviewed({0: [0], 1: [0], 2: [1]})
    names = names_of(earlier)
    labels = [(names[0], 0), (names[2], 3)]
    review = open_blind_review(earlier=earlier, title="b", labels=labels, seed=1, only_labelled=True)
    assert {row[0] for row in rows_of(review)} == {names[0], names[2]}


def test_without_a_seed_the_order_is_a_secret():
    earlier = make_reviewed({0: [0]})
    labels = [(names_of(earlier)[0], 1)]
    review = open_blind_review(earlier=earlier, title="b", labels=labels)
    close_review(review=review)
    other = open_blind_review(earlier=earlier, title="c", labels=labels)
    assert review.seed != other.seed and min(review.seed, other.seed) > 2**32


def test_what_cannot_be_reviewed_blindly_is_refused():
    earlier = make_reviewed({0: [0]})
    name = names_of(earlier)[0]
    with pytest.raises(NothingToReview, match="Nobody has said anything"):
        open_blind_review(earlier=earlier, title="b")
    with pytest.raises(UnknownNames, match=r"nowhere\.jpg"):
        open_blind_review(earlier=earlier, title="b", labels=[("nowhere.jpg", 0)])
    review = open_blind_review(earlier=earlier, title="b", labels=[(name, 3)])
    with pytest.raises(BlindReviewOpen, match="blind review “b”"):
        open_blind_review(earlier=earlier, title="c", labels=[(name, 3)])
    with pytest.raises(NoFurtherLabels):
        add_predictions(review=review, predictions=[(name, 5, 3)])
    assert Review.objects.count() == 2
    page = review.pages.get()
    user = make_reviewers(review.batch.dataset, 1)[0]
    close_review(review=review)
    with pytest.raises(ReviewClosed):
        give_verdict(page=page, user=user, item=page.items.all()[0], verdict=C)


def test_an_open_review_has_no_second_one():
    dataset = make_dataset()
    image = make_images(dataset, 1)[0]
    earlier = open_review(dataset=dataset, title="first", predictions=[(image.name, 0, 1)])
    with pytest.raises(EarlierReviewOpen, match="“first” is open") as error:
        open_blind_review(earlier=earlier, title="b", labels=[(image.name, 1)])
    assert error.value.for_page.endswith("Close it first.")


def test_a_blind_review_of_a_blind_review_keeps_all_its_labels():
    review = make_blind({0: [0]}, {0: [2]})
    close_review(review=review)
    again = open_blind_review(earlier=review, title="c", labels=[(names_of(review)[0], 5)], seed=9)
    assert {row[1:3] for row in rows_of(again)} == {(0, "models"), (2, "people"), (5, "people")}
