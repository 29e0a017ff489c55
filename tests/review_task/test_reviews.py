"""Opening a review, taking part, and verdicts: what is stored, and what counts."""

import pytest

from access.models import Role
from review_task.actions import (
    add_label,
    add_predictions,
    close_review,
    give_verdict,
    give_verdicts,
    mark_problem,
    open_review,
    take_back,
    take_part,
)
from review_task.errors import BadVerdict, NoSeat, NotAReviewer, NothingToReview, NotOnPage, ReviewClosed
from review_task.models import Item, Verdict
from review_task.progress.reads import progress, states_of
from review_task.reads import next_page, page_content, pages_of
from tests.factories import make_dataset, make_images, make_member
from workforce.actions import exclude_submission, readmit_submission
from workforce.kinds import kind_named
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db


def make_review(n_reviewers=1, *, n_images=2):
    """A review of images of class 0, of which models say 0 and 1."""
    dataset = make_dataset()
    images = make_images(dataset, n_images)
    said = [(image.name, label, 3 - label) for image in images for label in (0, 1)]
    return open_review(dataset=dataset, title="all", n_reviewers=n_reviewers, predictions=said)


def make_reviewer(review):
    return make_member(review.batch.dataset, Role.REVIEWER)


def said(user, page):
    return [item.verdict for item in page_content(page, user).items]


def test_a_review_has_a_page_for_each_class_with_every_distinct_prediction():
    dataset = make_dataset()
    first, second = make_images(dataset, 1, label=0) + make_images(dataset, 1, label=2)
    review = open_review(dataset=dataset, title="t", predictions=[(first.name, 1, 4), (second.name, 2, 9)])
    zero, two = review.pages.order_by("number")
    assert [page.label.index for page in (zero, two)] == [0, 2]
    assert list(zero.items.order_by("position").values_list("label__index", "n_models", "origin")) == [
        (1, 4, "models"),
        (0, 0, "dataset"),
    ]
    assert list(two.items.values_list("label__index", "n_models", "origin")) == [(2, 9, "models")]


def test_the_last_verdict_of_a_reviewer_counts():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.first()
    give_verdict(page=page, user=user, item=item, verdict="correct")
    give_verdict(page=page, user=user, item=item, verdict="wrong")
    give_verdict(page=page, user=user, item=item, verdict="wrong")
    assert list(Verdict.objects.order_by("pk").values_list("verdict", "counted")) == [
        ("correct", False),
        ("wrong", True),
    ]


def test_undo_goes_back_one_verdict_at_a_time():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.first()
    for verdict in ("correct", "wrong", "unclear"):
        give_verdict(page=page, user=user, item=item, verdict=verdict)
    undone = [take_back(page=page, user=user, item=item) for _ in range(4)]
    assert [row and row.verdict for row in undone] == ["wrong", "correct", "unreviewed", None]
    give_verdict(page=page, user=user, item=item, verdict="dontknow")
    assert take_back(page=page, user=user, item=item).verdict == "unreviewed"
    assert Verdict.objects.filter(counted=True).count() == 1
