"""Blind reviews of generated studies, compared with a slow and plain model of what they hold and what became of it."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from catalog.models import Classifier, Prediction
from review_task.actions import add_label, close_review, give_verdicts, open_review, take_part
from review_task.blind.actions import EarlierReviewOpen, open_blind_review
from review_task.blind.reads import drafts_of_review, further_labels_of, outcome_of
from review_task.errors import BadReview, NothingToReview
from review_task.models import Item, Review
from review_task.opening.reads import UnknownNames
from tests.chance import seeds
from tests.factories import make_dataset, make_images
from tests.review_task.blind.studies import give_all, make_blind, make_reviewed, make_reviewers, names_of, rows_of
from workforce.actions import exclude_submission
from workforce.models import HIT, Batch

pytestmark = pytest.mark.django_db

N_LABELS = 8
LETTERS = ("correct", "wrong", "unclear", "dontknow")


class GeneratedStudy:
    """A closed first review, labels of people and of a second ensemble, and a blind review of all that."""

    def __init__(self, seed: int):
        self.random = random = np.random.default_rng(seed)
        n_images = int(random.integers(3, 9))
        said = {place: sorted(self.labels(1, 3)) for place in range(n_images)}
        self.earlier = make_reviewed(said, n_labels=N_LABELS)
        self.names = names_of(self.earlier)
        self.models = {(self.names[place], label) for place, labels in said.items() for label in labels}
        # The dataset's label is reviewed where no model says it.
        self.of_dataset = {(name, 0) for name in self.names} - self.models
        self.people = {(name, label) for name in self.names for label in self.labels(0, 3)}
        self.later = {(name, label): int(random.integers(1, 50)) for name in self.names for label in self.labels(0, 2)}
        self.people.add((self.names[0], 1))
        self.review = open_blind_review(
            earlier=self.earlier,
            title="blind",
            n_reviewers=2,
            labels=sorted(self.people),
            predictions=[(*pair, n) for pair, n in self.later.items()],
            seed=seed,
            images_per_page=3,
        )

    def labels(self, fewest: int, most: int) -> list[int]:
        n = int(self.random.integers(fewest, most + 1))
        return [int(label) for label in self.random.choice(N_LABELS, n, replace=False)]

    def say(self, number: int, earlier: list[str]) -> str:
        """Return what reviewer `number` says, mostly the same as the one before, and note it."""
        if number == 0 or self.random.random() < 0.3:
            earlier.append(str(self.random.choice(LETTERS, p=(0.5, 0.3, 0.1, 0.1))))
        else:
            earlier.append(earlier[0])
        return earlier[-1]

    def model(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Return origin and number of models of each label but the seeded ones, by image and label."""
        labels = dict.fromkeys(self.people, ("people", 0))
        labels |= {pair: ("models", n) for pair, n in self.later.items()}
        for pair in self.models:
            labels[pair] = ("models", max(1, self.later.get(pair, 0)))
        for pair in self.of_dataset:
            labels[pair] = ("dataset", self.later.get(pair, 0))
        return labels


@pytest.mark.parametrize("seed", seeds(5))
def test_a_blind_review_has_the_labels_of_everybody_once_and_a_drawn_one_where_models_alone_say_nothing(seed):
    study = GeneratedStudy(seed)
    rows = rows_of(study.review)
    stored = {(name, label): (origin, n) for name, label, origin, n in rows}
    assert len(stored) == len(rows), "a label of an image stands once"
    seeded = {pair for pair, (origin, _) in stored.items() if origin == Item.Origin.SEEDED}
    assert {pair: value for pair, value in stored.items() if pair not in seeded} == study.model()
    of_models_alone = {pair[0] for pair, (_, n) in study.model().items() if n and pair not in study.people}
    drawn = [name for name, _ in seeded]
    assert len(drawn) == len(set(drawn)) and not of_models_alone.intersection(drawn)
    # Only where nothing is left to draw an image has none: labels that models say of other images.
    said = {label for (_, label), (_, n) in study.model().items() if n}
    for name in set(study.names) - of_models_alone - set(drawn):
        assert said <= {label for other, label in study.model() if other == name}


@pytest.mark.parametrize("seed", range(2))
def test_images_are_divided_into_whole_portions_and_no_image_is_on_two_pages(seed):
    study = GeneratedStudy(seed)
    pages = list(study.review.pages.order_by("number"))
    assert [page.number for page in pages] == list(range(1, len(pages) + 1)) and {page.label for page in pages} == {
        None
    }
    per_page = [set(page.items.values_list("image__name", flat=True)) for page in pages]
    assert [len(names) for names in per_page[:-1]] == [3] * (len(pages) - 1) and 1 <= len(per_page[-1]) <= 3
    assert sorted(name for names in per_page for name in names) == sorted(study.names)
    for page in pages:
        assert page.hit.slots.count() == 2
        # The labels of an image follow one another, in positions without a gap.
        rows = list(page.items.order_by("position").values_list("position", "image_id"))
        assert [position for position, _ in rows] == list(range(len(rows)))
        changes = sum(first[1] != second[1] for first, second in zip(rows, rows[1:], strict=False))
        assert changes == len({image for _, image in rows}) - 1


@pytest.mark.parametrize("seed", seeds(4))
def test_the_outcome_is_that_of_a_plain_model(seed):
    study = GeneratedStudy(seed)
    said: dict[int, list[str]] = {}
    for number, user in enumerate(make_reviewers(study.review.batch.dataset, 2)):
        for page in study.review.pages.select_related("hit", "review__batch__dataset").order_by("number"):
            verdicts = {item.public_id: study.say(number, said.setdefault(item.pk, [])) for item in page.items.all()}
            give_verdicts(page=page, user=user, verdicts=verdicts)
    outcome = outcome_of(close_review(review=study.review))
    reviewed = set(drafts_of_review(study.earlier))
    expected: dict[int, set[str]] = {}
    for item in Item.objects.filter(page__review=study.review):
        words = expected.setdefault(item.image_id, set())
        answers = {word for word in said[item.pk] if word != "dontknow"}
        if len(answers) != 1:
            words.add("waiting")
        elif (item.image_id, item.label_id) not in reviewed:
            words |= {"added"} if answers == {"correct"} else set()
        elif answers != {"correct"}:
            words.add("modified")
    for n, image_id in enumerate(outcome.image_ids.tolist()):
        names = {name for name in ("unchanged", "added", "modified", "waiting") if getattr(outcome.flags, name)[n]}
        words = expected.pop(image_id)
        assert names == ({"waiting"} if "waiting" in words else words or {"unchanged"})
        of_image = Item.objects.filter(page__review=study.review, image=image_id)
        assert {change.label_id for change in outcome.changes(n)} == set(of_image.values_list("label_id", flat=True))
    assert not expected


def test_the_same_seed_makes_the_same_review_and_another_a_different_one():
    earlier = make_reviewed({n: [0, 1, 2] for n in range(6)}, n_labels=N_LABELS)
    labels = [(name, 3) for name in names_of(earlier)]
    orders = []
    for seed in (5, 5, 6):
        review = open_blind_review(earlier=earlier, title="b", labels=labels, seed=seed)
        orders.append([row[:2] for row in rows_of(review)])
        close_review(review=review)
    assert orders[0] == orders[1] != orders[2] and sorted(orders[0]) == sorted(orders[2])


def test_who_said_a_label_does_not_move_it():
    """Each label stands in the same place, whether people or models say the third one."""
    places = []
    for by_people in (True, False):
        earlier = make_reviewed({n: [0, 1] for n in range(6)})
        third = [(name, 2) for name in names_of(earlier)]
        said = {"labels": third} if by_people else {"predictions": [(*pair, 4) for pair in third]}
        review = open_blind_review(earlier=earlier, title="b", seed=3, **said)
        names = names_of(earlier)
        places.append([(names.index(name), label) for name, label, *_ in rows_of(review)])
    assert places[0] == places[1]


# What is refused leaves nothing


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"title": ""}, BadReview, "a title of 1 to 200 characters"),
        ({"title": " \n\t "}, BadReview, "a title of 1 to 200 characters"),
        ({"title": "x" * 201}, BadReview, "a title of 1 to 200 characters"),
        ({"n_reviewers": 0}, BadReview, "1 to 100 reviewers"),
        ({"n_reviewers": 101}, BadReview, "1 to 100 reviewers"),
        ({"labels": [("absent.jpg", 1)]}, UnknownNames, "lacks 1 of the images or classes: absent.jpg"),
        ({"labels": [("absent.jpg", 1), ("ß/„x“.jpg", 1)]}, UnknownNames, "lacks 2 of the .*absent.jpg, ß/„x“.jpg"),
        ({"labels": (), "predictions": [("absent.jpg", 1, 1)]}, UnknownNames, "absent.jpg"),
        ({"labels": ()}, NothingToReview, "Nobody has said anything of the images of “first” since"),
    ],
)
def test_what_makes_no_blind_review_is_refused_and_leaves_nothing(options, error, words):
    earlier = make_reviewed({0: [0], 1: [0]})
    before = AuditEntry.objects.count(), Batch.objects.count(), HIT.objects.count()
    fields = {"title": "b", "labels": [(names_of(earlier)[0], 1)]} | options
    with pytest.raises(error, match=words):
        open_blind_review(earlier=earlier, **fields)
    assert (AuditEntry.objects.count(), Batch.objects.count(), HIT.objects.count()) == before
    assert Review.objects.get() == earlier


def test_a_class_that_the_label_set_lacks_is_named():
    earlier = make_reviewed({0: [0]})
    with pytest.raises(UnknownNames, match=": 99"):
        open_blind_review(earlier=earlier, title="b", labels=[(names_of(earlier)[0], 99)])


def test_labels_of_images_that_the_earlier_review_lacks_are_no_labels_of_it():
    earlier = make_reviewed({0: [0]})
    (other,) = make_images(earlier.batch.dataset, 1)
    with pytest.raises(NothingToReview):
        open_blind_review(earlier=earlier, title="b", labels=[(other.name, 1)])
    name = names_of(earlier)[0]
    review = open_blind_review(earlier=earlier, title="b", labels=[(other.name, 1), (name, 1)])
    assert {row[0] for row in rows_of(review)} == {name}


def test_a_review_that_is_open_again_in_another_study_hinders_nobody():
    first, second = make_reviewed({0: [0]}), make_reviewed({0: [0]})
    for earlier in (first, second):
        open_blind_review(earlier=earlier, title="b", labels=[(names_of(earlier)[0], 1)])
    assert Review.objects.filter(stage="blind", batch__closed_at=None).count() == 2
    dataset = make_dataset()
    name = make_images(dataset, 1)[0].name
    still_open = open_review(dataset=dataset, title="„a“/b", predictions=[(name, 0, 1)])
    with pytest.raises(EarlierReviewOpen, match="“„a“/b” is open, so its label sets can change"):
        open_blind_review(earlier=still_open, title="b", labels=[(name, 1)])


def test_the_opening_is_recorded_once():
    review = make_blind({0: [0]}, {0: [1]}, n_reviewers=3)
    entries = AuditEntry.objects.filter(action="review.open", subject__startswith=f"review {review.pk} ")
    assert entries.get().after == {"title": "blind", "stage": "blind", "reviewers": 3}


# Labels that reviewers added


def test_only_labels_that_stand_and_whose_reviewers_count_are_further_labels():
    dataset = make_dataset(n_labels=N_LABELS)
    (image,) = make_images(dataset, 1)
    review = open_review(dataset=dataset, title="first", n_reviewers=2, predictions=[(image.name, 0, 1)])
    page, (ann, ben) = review.pages.get(), make_reviewers(dataset, 2)
    labels = {label.index: label for label in dataset.label_set.labels.all()}
    for index in (3, 4):
        add_label(page=page, user=ann, image=image, label=labels[index])
    add_label(page=page, user=ann, image=image, label=labels[4], is_set=False)
    add_label(page=page, user=ann, image=image, words="a thing outside the set")
    add_label(page=page, user=ben, image=image, label=labels[5])
    assert further_labels_of(review) == {(image.pk, labels[3].pk), (image.pk, labels[5].pk)}
    exclude_submission(submission=take_part(page=page, user=ben), reason="a test")
    assert further_labels_of(review) == {(image.pk, labels[3].pk)}
    close_review(review=review)
    blind = open_blind_review(earlier=review, title="b")
    assert {row[1] for row in rows_of(blind) if row[2] == "people"} == {3}


# Large studies


def test_queries_of_an_opening_and_of_an_outcome_do_not_grow_with_images():
    numbers = []
    for n_images in (3, 30):
        earlier = make_reviewed({n: [0, 1] for n in range(n_images)})
        labels = [(name, 1 + n % 3) for n, name in enumerate(names_of(earlier))]
        network = Classifier.objects.create(name=f"n{n_images}", network="n", label_set=earlier.batch.dataset.label_set)
        images = earlier.batch.dataset.images.all()
        Prediction.objects.bulk_create([Prediction(classifier=network, image=image, labels=[5]) for image in images])
        with CaptureQueriesContext(connection) as opening:
            review = open_blind_review(earlier=earlier, title="b", labels=labels, seed=1)
        close_review(review=review)
        with CaptureQueriesContext(connection) as reading:
            outcome_of(review)
        numbers.append((len(opening), len(reading)))
    assert numbers[0] == numbers[1]


def test_nobody_has_judged_a_review_that_was_closed_at_once():
    outcome = outcome_of(close_review(review=make_blind({0: [0], 1: [1]}, {0: [2]})))
    assert outcome.n_images == 2 and outcome.flags.waiting.all()
    assert [len(outcome.changes(n)) for n in range(2)] == [2, 2]


def test_a_label_that_stood_unreviewed_is_added_when_it_is_correct():
    earlier = make_reviewed({0: [0]}, n_reviewers=1)
    review = open_blind_review(earlier=earlier, title="b", labels=[(names_of(earlier)[0], 2)], seed=0)
    give_all(review, make_reviewers(review.batch.dataset, 1), lambda number, item: "correct")
    outcome = outcome_of(close_review(review=review))
    assert outcome.flags.added.all() and not outcome.flags.modified.any()
