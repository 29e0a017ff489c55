"""Reviews for tests, made by the site's own actions."""

from collections.abc import Sequence

from django.contrib.auth.models import User

from access.models import Role
from aggregation.actions import aggregate
from catalog.models import Dataset, Image
from review_task.actions import give_verdict, open_review, take_part
from review_task.models import ClassPage, Review
from review_task.reads import page_content
from tests.factories import make_dataset, make_images, make_member
from workforce.actions import exclude_submission


def make_review(n_reviewers: int = 1, *, n_images: int = 2, dataset: Dataset | None = None) -> Review:
    """A review of images of class 0, of which models say 0 and 1."""
    dataset = dataset or make_dataset()
    images = make_images(dataset, n_images)
    said = [(image.name, label, 3 - label) for image in images for label in (0, 1)]
    return open_review(dataset=dataset, title="all", n_reviewers=n_reviewers, predictions=said)


def make_reviewer(review: Review) -> User:
    return make_member(review.batch.dataset, Role.REVIEWER)


def verdicts_seen(user: User, page: ClassPage) -> list[str]:
    """The verdicts on a page's items, in its order, as its page shows them to this person."""
    return [item.verdict for item in page_content(page, user).items]


def review_images(images: Sequence[Image]) -> None:
    """Have two people review these images, and exclude one of them. The other changes their mind once."""
    dataset = images[0].dataset
    said = [(image.name, label, 1) for image in images for label in (0, 1)]
    review = open_review(dataset=dataset, title="all", n_reviewers=2, predictions=said)
    for page in review.pages.all():
        ann, ben = make_reviewer(review), make_reviewer(review)
        judge_all(page, ann, "wrong")
        judge_all(page, ann, "correct")
        judge_all(page, ben, "unclear")
        exclude_submission(submission=take_part(page=page, user=ben), reason="a test")
    aggregate(dataset=dataset)


def judge_all(page: ClassPage, user: User, verdict: str = "correct") -> None:
    for item in page.items.all():
        give_verdict(page=page, user=user, item=item, verdict=verdict)
