"""Reviews for tests, with reviewers who say what a test says."""

from collections.abc import Sequence

from django.contrib.auth.models import User

from access.models import Role
from catalog.models import Classifier, Dataset, Image, Prediction
from review_task.actions import give_verdict, open_review
from review_task.mistakes.actions import add_items, keep_without_labels, new_queue
from review_task.models import Item, Review
from tests.factories import make_dataset, make_images, make_member, unique

VERDICTS = {"c": "correct", "w": "wrong", "u": "unclear", "d": "dontknow", "-": "unreviewed"}


def make_reviewers(dataset: Dataset, n: int) -> list[User]:
    return [make_member(dataset, Role.REVIEWER) for _ in range(n)]


def items_of(review: Review) -> list[Item]:
    """Return the items of a review in the order of pages and positions."""
    related = ("page__review__batch__dataset", "image__dataset_label", "label")
    return list(Item.objects.filter(page__review=review).select_related(*related).order_by("page__number", "position"))


def review_of(says: Sequence[str], *, n_images: int | None = None) -> tuple[Review, list[User]]:
    """A review of images of class 0, each with one prediction: label 1.

    `says` has a word for each reviewer with a letter for each image, such as "cwud"; a blank says nothing.
    """
    dataset = make_dataset()
    images = make_images(dataset, n_images or len(says[0]))
    predictions = [(image.name, 1, 1) for image in images]
    review = open_review(
        dataset=dataset, title="all", n_reviewers=len(says), predictions=predictions, with_dataset_label=False
    )
    reviewers = make_reviewers(dataset, len(says))
    for user, letters in zip(reviewers, says, strict=True):
        judge(review, user, letters)
    return review, reviewers


def judge(review: Review, user: User, letters: str) -> None:
    for item, letter in zip(items_of(review), letters, strict=False):
        if letter != " ":
            give_verdict(page=item.page, user=user, item=item, verdict=VERDICTS[letter])


def predict(dataset: Dataset, images: Sequence[Image], labels: Sequence[int], name: str = "") -> Classifier:
    """A classifier that ranks these labels first for these images."""
    classifier = Classifier.objects.create(label_set=dataset.label_set, name=name or unique("net"), network="net")
    Prediction.objects.bulk_create(
        [
            Prediction(classifier=classifier, image=image, labels=[label, (label + 1) % 4])
            for image, label in zip(images, labels, strict=True)
        ]
    )
    return classifier


def disputed_queue(dataset: Dataset, image: Image, classifier: Classifier) -> tuple[Review, Item]:
    """A mistake queue with a prediction of one image, on which two reviewers differ."""
    queue = new_queue(dataset=dataset, classifier=classifier, n_reviewers=2, title="")
    (item,) = add_items(queue=queue, predictions={image.pk: 1})
    keep_without_labels(items=[item])
    for user, verdict in zip(make_reviewers(dataset, 2), ("correct", "unclear"), strict=True):
        give_verdict(page=item.page, user=user, item=item, verdict=verdict)
    return queue, item
