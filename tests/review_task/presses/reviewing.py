"""A class page with a reviewer for tests, and presses as their browsers send them."""

from datetime import timedelta

from django.contrib.auth.models import User

from access.models import Role
from catalog.models import Dataset
from review_task.actions import open_review
from review_task.models import ClassPage, Item, Review
from review_task.presses.reads import LABEL, PROBLEM, VERDICT, ReviewerPress
from tests.factories import make_dataset, make_images, make_member, unique


class Class:
    """A review of images of class 0, of which models say 0 and 1, with its only page."""

    def __init__(self, *, n_reviewers: int = 1, n_images: int = 2, dataset: Dataset | None = None) -> None:
        self.dataset = dataset or make_dataset()
        self.images = make_images(self.dataset, n_images)
        said = [(image.name, label, 1) for image in self.images for label in (0, 1)]
        self.review: Review = open_review(
            dataset=self.dataset, title="all", n_reviewers=n_reviewers, predictions=said, with_dataset_label=False
        )
        self.page: ClassPage = self.review.pages.select_related("review__batch__dataset__label_set", "hit").get()
        self.items: list[Item] = list(self.page.items.order_by("position"))

    def member(self, role: Role = Role.REVIEWER) -> User:
        return make_member(self.dataset, role)


def verdict_press(
    item: Item, verdict: str, *, device: str = "laptop", minutes: float = 0, key: str = ""
) -> ReviewerPress:
    """A verdict that was pressed so many minutes ago."""
    age = timedelta(minutes=minutes)
    return ReviewerPress(key or unique("k"), device, VERDICT, age, item=item.public_id, verdict=verdict)


def problem_press(image: str, reason: str, *, is_set: bool = True, key: str = "") -> ReviewerPress:
    return ReviewerPress(key or unique("k"), "laptop", PROBLEM, timedelta(), image=image, reason=reason, is_set=is_set)


def label_press(
    image: str, words: str = "", *, index: int | None = None, is_set: bool = True, key: str = ""
) -> ReviewerPress:
    return ReviewerPress(
        key or unique("k"), "laptop", LABEL, timedelta(), image=image, words=words, index=index, is_set=is_set
    )
