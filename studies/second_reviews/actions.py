"""Opening of a blind second review from what the study knows of its images."""

from django.db import transaction

from review_task.blind.actions import open_blind_review
from review_task.models import Review
from studies.second_reviews.reads import labels_of_people


@transaction.atomic
def open_second_review(
    *,
    earlier: Review,
    title: str,
    n_reviewers: int = 1,
    with_people: bool = True,
    with_predictions: bool = False,
    only_labelled: bool = False,
    seed: int | None = None,
) -> Review:
    """Open a blind review with the labels of annotations, and with predictions that came after the earlier review.

    Raises what `open_blind_review` raises.
    """
    return open_blind_review(
        earlier=earlier,
        title=title,
        n_reviewers=n_reviewers,
        labels=labels_of_people(earlier.batch.dataset) if with_people else (),
        with_later_predictions=with_predictions,
        only_labelled=only_labelled,
        seed=seed,
    )
