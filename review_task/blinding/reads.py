"""The blinding of a second review: what nobody may see while it is open.

The origin of its labels, and the number of models behind them, are in no page, row or file until it is closed. Other
reviews of the study show labels by their origin, so reviewers do not see those until then.
"""

from django.contrib.auth.models import User
from django.db.models import Q

from access.permissions.reads import May, permissions_in
from catalog.models import Dataset
from review_task.models import Review


def is_blinded(review: Review) -> bool:
    """Tell whether a review is blind and open."""
    return review.stage == Review.Stage.BLIND and review.batch.closed_at is None


def blinded_under(path: str = "") -> Q:
    """Return the condition that rows belong to a blind and open review; `path` leads to the review, with its “__”."""
    return Q(**{f"{path}stage": Review.Stage.BLIND, f"{path}batch__closed_at": None})


def blind_review_in(dataset: Dataset) -> Review | None:
    """Return the open blind review of a study, if there is one."""
    rows = Review.objects.filter(blinded_under(), batch__dataset=dataset)
    return rows.select_related("batch").order_by("-pk").first()


def is_hidden_from(user: User, review: Review) -> bool:
    """Tell whether a reviewer may not see the labels of a review now, as a blind review of the study is open.

    Researchers may: they can see predictions and answers on other pages anyway. The blind review itself is open to its
    reviewers.
    """
    dataset = review.batch.dataset
    if is_blinded(review) or blind_review_in(dataset) is None:
        return False
    return May.READ_VOTES not in permissions_in(user, dataset)
