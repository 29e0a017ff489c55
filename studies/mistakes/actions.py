"""Mistake queues of a study, under its reviews, its annotations, and the dataset's labels."""

from django.db import transaction

from aggregation.reads import object_labels_of
from catalog.models import Classifier, Dataset
from review_task.mistakes.actions import OpenedQueue, open_mistakes


@transaction.atomic
def open_mistake_queue(
    *, dataset: Dataset, classifier: Classifier, n_reviewers: int = 1, title: str = ""
) -> OpenedQueue:
    """Open the queue of a classifier's mistakes, or add to the open one what is new. Raises NoPredictions, NoMistakes.

    An image's labels are those of reviews; without a review those of its annotation, and without one the dataset's.
    """
    return open_mistakes(
        dataset=dataset,
        classifier=classifier,
        people=object_labels_of(dataset),
        n_reviewers=n_reviewers,
        title=title,
    )
