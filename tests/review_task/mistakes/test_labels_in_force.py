"""The label sets in force and the mistakes under them, for generated studies, against a slow and plain model."""

from collections.abc import Collection

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from catalog.class_pairs.actions import add_pair, withdraw_pair
from catalog.models import Classifier, Dataset, Image, Label, Prediction
from review_task.actions import give_verdicts, mark_problem, open_review, take_part
from review_task.files.label_sets import label_set_row, label_sets_of
from review_task.mistakes.actions import NoMistakes, NoPredictions, OpenedQueue, open_mistakes
from review_task.mistakes.reads import (
    LabelSetOfImage,
    UnknownClassifier,
    classifier_named,
    classifiers_of,
    equivalents_in,
    label_sets_in_force,
    mistakes_among,
    problematic_images_of,
    queue_of_classifier,
    top_predictions,
)
from review_task.models import Item, LabelsInForce, Review
from tests.chance import seeds
from tests.factories import make_dataset, make_images
from tests.review_task.panels import items_of, make_reviewers, predict
from workforce.actions import exclude_submission, readmit_submission
from workforce.models import Submission

pytestmark = pytest.mark.django_db

N_LABELS = 6
CORRECT, WRONG, UNCLEAR, DONT_KNOW = "correct", "wrong", "unclear", "dontknow"


class GeneratedStudy:
    """Images with and without a dataset label, of some of which people and a reviewer said something."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.dataset = make_dataset(n_labels=N_LABELS)
        labels = {label.index: label for label in self.dataset.label_set.labels.all()}
        targets = [(None, 0, 1, 2)[self.random.integers(4)] for _ in range(12)]
        self.images = Image.objects.bulk_create(
            [
                Image(dataset=self.dataset, name=f"{n}.jpg", dataset_label=None if of is None else labels[of])
                for n, of in enumerate(targets)
            ]
        )
        self.targets = {image.pk: of for image, of in zip(self.images, targets, strict=True)}
        self.people = {image.pk: self.some() for image in self.images if self.random.random() < 0.4}
        self.verdicts = self.review()
        predicted = [int(self.random.integers(N_LABELS)) for _ in self.images]
        self.predicted = dict(zip([image.pk for image in self.images], predicted, strict=True))
        self.classifier = predict(self.dataset, self.images, predicted)

    def some(self) -> list[int]:
        return [int(label) for label in self.random.choice(N_LABELS, int(self.random.integers(1, 3)), replace=False)]

    def review(self) -> dict[int, dict[int, str]]:
        """Have one reviewer judge labels of some images; of some they judge a part. Returns what they said."""
        said = [(image.name, label, 1) for image in self.images if self.random.random() < 0.6 for label in self.some()]
        review = open_review(dataset=self.dataset, title="t", predictions=said, with_dataset_label=False)
        (ann,) = make_reviewers(self.dataset, 1)
        stored: dict[int, dict[int, str]] = {}
        for page in review.pages.select_related("hit", "review__batch__dataset"):
            verdicts = {}
            for item in page.items.select_related("label"):
                if self.random.random() < 0.85:
                    verdict = str(self.random.choice([CORRECT, WRONG, UNCLEAR, DONT_KNOW]))
                    verdicts[item.public_id] = verdict
                    stored.setdefault(item.image_id, {})[item.label.index] = verdict
            give_verdicts(page=page, user=ann, verdicts=verdicts)
        return stored

    def plain_set(self, image_id: int) -> tuple[str, set[int], set[int]] | None:
        """Return source, correct and unclear labels of an image; one who does not know leaves a label unclear."""
        said = self.verdicts.get(image_id, {})
        correct = {label for label, verdict in said.items() if verdict == CORRECT}
        wrong = {label for label, verdict in said.items() if verdict == WRONG}
        unclear = set(said) - correct - wrong
        if correct:
            return "reviews", correct, unclear
        people = set(self.people.get(image_id, ())) - wrong - unclear
        if people:
            return "people", people, unclear
        target = self.targets[image_id]
        if target is not None and target not in wrong | unclear:
            return "dataset", {target}, unclear
        return None


@pytest.mark.parametrize("seed", seeds(6))
def test_label_sets_and_mistakes_are_those_of_a_plain_model(seed):
    study = GeneratedStudy(seed)
    sets = label_sets_in_force(study.dataset, study.people)
    plain = {image.pk: study.plain_set(image.pk) for image in study.images}
    present = {image_id: value for image_id, value in plain.items() if value is not None}
    assert {pk: (row.source, set(row.correct), set(row.unclear)) for pk, row in sets.items()} == present
    mistakes = {
        image_id: study.predicted[image_id]
        for image_id, (_, correct, unclear) in present.items()
        if study.predicted[image_id] not in correct | unclear
    }
    opened = open_mistakes(dataset=study.dataset, classifier=study.classifier, people=study.people)
    assert {item.image_id: item.label.index for item in items_of(opened.review)} == mistakes
    assert opened.n_new.total() == len(mistakes)
    assert opened.n_predictions == len(present) and opened.n_without_labels == len(study.images) - len(present)
    for row in LabelsInForce.objects.filter(item__page__review=opened.review).select_related("item"):
        source, correct, _ = present[row.item.image_id]
        assert (row.source, row.labels) == (source, sorted(correct))
    # Opened again, it adds nothing and says so.
    again = open_mistakes(dataset=study.dataset, classifier=study.classifier, people=study.people)
    assert (again.review, again.is_new, again.n_new.total()) == (opened.review, False, 0)
    assert LabelsInForce.objects.filter(item__page__review=opened.review).count() == len(mistakes)


labels = st.integers(0, 5)
sets_of_images = st.dictionaries(
    st.integers(0, 8), st.tuples(st.frozensets(labels, max_size=3), st.frozensets(labels, max_size=2)), max_size=9
)


@given(st.dictionaries(st.integers(0, 8), labels, max_size=9), sets_of_images, st.dictionaries(labels, st.sets(labels)))
def test_a_mistake_is_outside_the_set_and_names_nothing_in_it(predictions, sets, same):
    in_force = {image: LabelSetOfImage("dataset", *both) for image, both in sets.items()}
    outside, different = mistakes_among(predictions, in_force), mistakes_among(predictions, in_force, same)
    for image, label in predictions.items():
        allowed: set[int] = set().union(*sets[image]) if image in sets else set(range(6))
        assert (image in outside) == (label not in allowed)
        assert (image in different) == (label not in allowed and not same.get(label, set()) & allowed)
    assert different.items() <= outside.items() <= predictions.items()


# Problematic images


def marked(n_reviewers: int, n_marks: int) -> tuple[Dataset, Review, list[Submission]]:
    dataset = make_dataset()
    (image,) = Image.objects.bulk_create([Image(dataset=dataset, name="a.jpg")])
    review = open_review(dataset=dataset, title="t", n_reviewers=n_reviewers, predictions=[(image.name, 1, 1)])
    page, users = review.pages.get(), make_reviewers(dataset, n_reviewers)
    parts = [take_part(page=page, user=user) for user in users]
    for user in users[:n_marks]:
        mark_problem(page=page, user=user, image=image, reason="edited")
    return dataset, review, parts


@pytest.mark.parametrize(("n_reviewers", "n_marks"), [(1, 0), (1, 1), (2, 1), (3, 1), (3, 2), (5, 2), (5, 3)])
def test_half_of_those_who_took_part_make_an_image_problematic(n_reviewers, n_marks):
    dataset, _, _ = marked(n_reviewers, n_marks)
    assert len(problematic_images_of(dataset)) == (n_marks > 0 and 2 * n_marks >= n_reviewers)


def test_neither_the_mark_nor_the_part_of_an_excluded_reviewer_counts():
    dataset, _, (ann, ben, cem) = marked(3, 1)
    assert not problematic_images_of(dataset)
    exclude_submission(submission=ben, reason="a test")
    assert len(problematic_images_of(dataset)) == 1, "one of two"
    exclude_submission(submission=ann, reason="a test")
    assert not problematic_images_of(dataset), "who marked it is excluded"
    exclude_submission(submission=cem, reason="a test")
    assert not problematic_images_of(dataset)
    readmit_submission(submission=ann)
    assert len(problematic_images_of(dataset)) == 1


def test_the_file_of_label_sets_does_not_count_the_mark_of_an_excluded_reviewer_either():
    dataset, _, (ann, _) = marked(2, 1)
    rows = [label_set_row(item) for item in label_sets_of(dataset)]
    assert [(row["problematic"], row["reasons"]) for row in rows] == [(True, ["edited"])]
    exclude_submission(submission=ann, reason="a test")
    rows = [label_set_row(item) for item in label_sets_of(dataset)]
    assert [(row["problematic"], row["reasons"]) for row in rows] == [(False, [])]


def test_a_mark_of_another_study_is_of_no_account():
    marked(1, 1)
    dataset, _, _ = marked(1, 0)
    assert problematic_images_of(dataset) == set()


def test_a_problematic_image_enters_no_queue_and_is_counted_once():
    dataset, _, _ = marked(1, 1)
    label = dataset.label_set.labels.get(index=0)
    dataset.images.update(dataset_label=label)
    (other,) = Image.objects.bulk_create([Image(dataset=dataset, name="b.jpg", dataset_label=label)])
    classifier = predict(dataset, [dataset.images.get(name="a.jpg"), other], [2, 2])
    opened = open_mistakes(dataset=dataset, classifier=classifier)
    assert opened.n_problematic == 1 and [item.image for item in items_of(opened.review)] == [other]


# Equivalent classes


def pair(dataset: Dataset, first: int, second: int, kind: str = "equivalent"):
    members = [dataset.label_set.labels.get(index=index) for index in (first, second)]
    return add_pair(
        label_set=dataset.label_set,
        first=members[0],
        second=members[1],
        kind=kind,
        provenance="a paper",
        added_by=None,
    )[0]


def test_equivalence_goes_both_ways_and_not_on_to_others_and_ends_when_it_is_withdrawn():
    dataset = make_dataset(n_labels=N_LABELS)
    pair(dataset, 0, 1), pair(dataset, 1, 2)
    withdraw_pair(pair=pair(dataset, 3, 4))
    pair(dataset, 0, 5, "confusable")
    assert dict(equivalents_in(dataset.label_set)) == {0: {1}, 1: {0, 2}, 2: {1}}
    assert not equivalents_in(make_dataset().label_set)


@pytest.mark.parametrize("kind", ["confusable", "subset"])
def test_only_equivalent_classes_excuse_a_prediction(kind):
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 1), [1])
    pair(dataset, 0, 1, kind)
    assert open_mistakes(dataset=dataset, classifier=classifier).n_new.total() == 1


def test_a_classifier_that_says_equivalents_alone_makes_no_mistake():
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 2), [1, 1])
    pair(dataset, 0, 1)
    with pytest.raises(NoMistakes, match=f"“{classifier}” makes no mistake"):
        open_mistakes(dataset=dataset, classifier=classifier)
    assert not Review.objects.exists()


# Classifiers


ODD_NAMES = ["ViT “3B”/a'b", "Größe", "שלום", "<b>net</b>", "%(names)s %s", "x" * 100]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_classifier_of_any_name_gets_its_queue(name):
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 1), [1], name)
    assert classifier_named(dataset, name) == classifier
    opened = open_mistakes(dataset=dataset, classifier=classifier)
    assert opened.review.title == f"Mistakes of {name}"
    with pytest.raises(UnknownClassifier) as error:
        classifier_named(dataset, name + "?")
    assert f"“{name}?” has no predictions on “{dataset}”" in str(error.value) and str(error.value).endswith(f"{name}.")


def test_a_study_without_predictions_says_so():
    dataset = make_dataset()
    with pytest.raises(UnknownClassifier, match="Classifiers with predictions: none"):
        classifier_named(dataset, "net")
    other = make_dataset()
    classifier = predict(other, make_images(other, 1), [1])
    with pytest.raises(NoPredictions, match=f"“{classifier}” has no predictions on “{dataset}”"):
        open_mistakes(dataset=dataset, classifier=classifier)
    assert not classifiers_of(dataset) and not top_predictions(dataset, classifier)
    assert [*classifiers_of(other)] == [classifier]


def test_each_classifier_has_a_queue_of_its_own_until_it_is_closed():
    dataset = make_dataset()
    images = make_images(dataset, 2)
    first, second = (predict(dataset, images, predicted) for predicted in ([1, 0], [1, 2]))
    queues = {
        classifier: open_mistakes(dataset=dataset, classifier=classifier).review for classifier in (first, second)
    }
    assert {classifier: queue_of_classifier(dataset, classifier) for classifier in queues} == queues
    assert queue_of_classifier(make_dataset(), first) is None
    assert Item.objects.filter(page__review=queues[second]).count() == 2


def test_queries_do_not_grow_with_images():
    numbers = []
    for n_images in (2, 40):
        dataset = make_dataset()
        label: Label = dataset.label_set.labels.get(index=0)
        rows = [Image(dataset=dataset, name=f"{n}", dataset_label=label) for n in range(n_images)]
        classifier = predict(dataset, Image.objects.bulk_create(rows), [1] * n_images)
        with CaptureQueriesContext(connection) as queries:
            opened: OpenedQueue = open_mistakes(dataset=dataset, classifier=classifier)
        assert opened.n_new.total() == n_images
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]


def test_the_ranks_below_the_first_are_no_mistakes():
    dataset = make_dataset()
    (image,) = make_images(dataset, 1)
    classifier = Classifier.objects.create(label_set=dataset.label_set, name="n", network="n")
    Prediction.objects.create(classifier=classifier, image=image, labels=[0, 1, 2])
    assert top_predictions(dataset, classifier) == {image.pk: 0}
    with pytest.raises(NoMistakes):
        open_mistakes(dataset=dataset, classifier=classifier)


def people_of(*groups: Collection[int]) -> dict[int, Collection[int]]:
    dataset = make_dataset()
    images = make_images(dataset, len(groups), label=None)
    return {image.pk: group for image, group in zip(images, groups, strict=True)}


def test_people_are_heard_where_the_dataset_says_nothing():
    people = people_of([1], [2, 3], [])
    dataset = Image.objects.get(pk=next(iter(people))).dataset
    sets = label_sets_in_force(dataset, people)
    assert [set(row.correct) for row in sets.values()] == [{1}, {2, 3}] and {row.source for row in sets.values()} == {
        "people"
    }
