"""A reviewed study for tests: what reviewers say is looked up by image and label."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth.models import User

from access.models import Role
from catalog.models import Dataset
from review_task.actions import close_review, give_verdict, open_review
from review_task.blind.actions import open_blind_review
from review_task.models import ClassPage, Item, Review
from tests.factories import make_dataset, make_images, make_member

# (image's place, label) -> verdict
Verdicts = dict[tuple[int, int], str]


def make_reviewers(dataset: Dataset, n: int) -> list[User]:
    return [make_member(dataset, Role.REVIEWER) for _ in range(n)]


def give_all(
    review: Review, users: Iterable[User], say: Callable[[int, Item], str], only_page: ClassPage | None = None
) -> None:
    """Have each of the reviewers (by number) judge each item of a review, or of one page."""
    pages = list(review.pages.select_related("hit", "review__batch__dataset").order_by("number"))
    pages = [only_page] if only_page else pages
    for number, user in enumerate(users):
        for page in pages:
            for item in page.items.select_related("label", "image").order_by("position"):
                give_verdict(page=page, user=user, item=item, verdict=say(number, item))


def rows_of(review: Review) -> list[tuple[str, int, str, int]]:
    """(image name, class index, origin, models) of the items in their order."""
    items = Item.objects.filter(page__review=review).order_by("page__number", "position")
    return list(items.values_list("image__name", "label__index", "origin", "n_models"))


def make_reviewed(
    said: dict[int, list[int]], *, n_reviewers: int = 1, n_labels: int = 8, verdict: str = "correct", **options: Any
) -> Review:
    """A closed first review: images by their place with the labels that a model each says."""
    dataset = make_dataset(n_labels=n_labels)
    images = make_images(dataset, len(said))
    predictions = [(images[place].name, label, 1) for place, labels in said.items() for label in labels]
    review = open_review(dataset=dataset, title="first", n_reviewers=n_reviewers, predictions=predictions, **options)
    give_all(review, make_reviewers(dataset, n_reviewers), lambda number, item: verdict)
    return close_review(review=review)


def names_of(review: Review) -> list[str]:
    """Names of the dataset's images, by their place."""
    return list(review.batch.dataset.images.order_by("pk").values_list("name", flat=True))


def make_blind(said: dict[int, list[int]], people: dict[int, list[int]], **options: Any) -> Review:
    """A blind review of images by their place: labels of models, and of people."""
    earlier = make_reviewed(said)
    names = names_of(earlier)
    labels = [(names[place], label) for place, indexes in people.items() for label in indexes]
    return open_blind_review(earlier=earlier, title="blind", labels=labels, **{"seed": 1} | options)
