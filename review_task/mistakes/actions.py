"""Mistake queues: predictions of a classifier outside the label sets in force, opened for reviewers to judge."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.class_pairs.actions import add_pair
from catalog.errors import UserError
from catalog.models import Classifier, ClassPair, Dataset, Label
from catalog.reads import LockName, wait_for_lock
from review_task.mistakes.reads import (
    LabelSetOfImage,
    equivalents_in,
    label_sets_in_force,
    labels_beside,
    mistakes_among,
    problematic_images_of,
    queue_of_classifier,
    top_predictions,
)
from review_task.models import Item, LabelsInForce, Review
from review_task.opening.actions import compose_pages, make_review, note_opening
from review_task.opening.drafts import ItemDraft, drafts_of


class NoPredictions(UserError):
    """A classifier without predictions on the dataset."""


class NoMistakes(UserError):
    """A classifier whose predictions are all among the labels in force."""


class BadMistakePair(UserError):
    """A pair of classes that a mistake does not show."""


class OpenedQueue(NamedTuple):
    """A mistake queue, its new items by the source of their labels, and what was left out of it.

    `n_predictions` is the number of images with a prediction and a label set, `n_problematic` that of problematic
    images among the mistakes, `n_equivalent` that of predictions that name the same class as a label in force, and
    `n_without_labels` that of images with a prediction and without a label set.
    """

    review: Review
    is_new: bool
    n_new: Counter[str]
    n_predictions: int
    n_problematic: int
    n_equivalent: int
    n_without_labels: int


@transaction.atomic
def open_mistakes(
    *,
    dataset: Dataset,
    classifier: Classifier,
    people: Mapping[int, Collection[int]] | None = None,
    n_reviewers: int = 1,
    title: str = "",
    seed: int = 0,
) -> OpenedQueue:
    """Open the queue of a classifier's mistakes, for so many reviewers each; what is new joins an open queue.

    A mistake is a first rank that is none of the labels in force (`label_sets_in_force`, with `people` as there), nor
    equivalent to one by the registry of pairs. Images that reviewers marked as problematic are left out. Raises
    NoPredictions and NoMistakes.
    """
    # Two at once must not open two queues.
    wait_for_lock(LockName.ASKING, dataset)
    predictions = top_predictions(dataset, classifier)
    if not predictions:
        message = gettext("“%(classifier)s” has no predictions on “%(dataset)s”.")
        raise NoPredictions(message % {"classifier": classifier, "dataset": dataset})
    sets = label_sets_in_force(dataset, people)
    outside = mistakes_among(predictions, sets)
    different = mistakes_among(predictions, sets, equivalents_in(dataset.label_set))
    problematic = problematic_images_of(dataset) & different.keys()
    mistakes = {image: index for image, index in different.items() if image not in problematic}
    queue = queue_of_classifier(dataset, classifier)
    is_new = queue is None
    if queue is None:
        _check_any(mistakes, classifier)
        queue = new_queue(dataset=dataset, classifier=classifier, n_reviewers=n_reviewers, title=title, seed=seed)
    added = add_items(queue=queue, predictions=mistakes)
    _keep_labels({item: sets[item.image_id] for item in added})
    note_items(queue=queue, is_new=is_new, n_items=len(added))
    n_labelled = len(predictions.keys() & sets.keys())
    return OpenedQueue(
        review=queue,
        is_new=is_new,
        n_new=Counter(sets[item.image_id].source for item in added),
        n_predictions=n_labelled,
        n_problematic=len(problematic),
        n_equivalent=len(outside) - len(different),
        n_without_labels=len(predictions) - n_labelled,
    )


def _check_any(mistakes: Mapping[int, int], classifier: Classifier) -> None:
    if not mistakes:
        message = gettext("“%(classifier)s” makes no mistake: each prediction is among the labels in force.")
        raise NoMistakes(message % {"classifier": classifier})


def new_queue(*, dataset: Dataset, classifier: Classifier, n_reviewers: int, title: str, seed: int = 0) -> Review:
    """Open a mistake queue without items."""
    return make_review(
        dataset=dataset,
        title=title.strip() or gettext("Mistakes of %(classifier)s") % {"classifier": classifier},
        stage=Review.Stage.MISTAKES,
        n_reviewers=n_reviewers,
        seed=seed,
        classifier=classifier,
    )


def add_items(*, queue: Review, predictions: Mapping[int, int]) -> list[Item]:
    """Add predictions (class indexes by image id) that a queue lacks; they go to the class of their image.

    Returns the new items. Call it in a transaction.
    """
    stored = set(Item.objects.filter(page__review=queue).values_list("image_id", "label__index"))
    new = {image: index for image, index in predictions.items() if (image, index) not in stored}
    if not new:
        return []
    dataset = queue.batch.dataset
    labels = dict(dataset.label_set.labels.values_list("index", "pk"))
    class_of = dict(dataset.images.filter(pk__in=new).values_list("pk", "dataset_label_id"))
    page_of = dict(Item.objects.filter(page__review=queue, image__in=new).values_list("image_id", "page_id"))
    items = [ItemDraft(image, labels[index], 1) for image, index in sorted(new.items())]
    compose_pages(review=queue, pages=drafts_of(items, class_of, page_of, queue.seed))
    rows = Item.objects.filter(page__review=queue, image__in=new).select_related("label", "page")
    return [row for row in rows if new[row.image_id] == row.label.index]


def note_items(*, queue: Review, is_new: bool, n_items: int) -> None:
    """Record that a queue was opened, or got further items; last in the transaction."""
    if is_new:
        note_opening(review=queue)
    elif n_items:
        subject = f"review {queue.pk} of dataset {queue.batch.dataset}"
        record(area=Area.CONFIG, action="mistakes.add", subject=subject, after={"items": n_items})


def _keep_labels(sets: Mapping[Item, LabelSetOfImage]) -> None:
    LabelsInForce.objects.bulk_create(
        [LabelsInForce(item=item, source=found.source, labels=sorted(found.correct)) for item, found in sets.items()],
        batch_size=5000,
    )


def keep_without_labels(*, items: Iterable[Item]) -> None:
    """Note that a panel's file brought these items: under which labels they are mistakes, it does not say."""
    LabelsInForce.objects.bulk_create(
        [LabelsInForce(item=item, source=LabelsInForce.Source.PANEL) for item in items], batch_size=5000
    )


@transaction.atomic
def pair_classes(*, item: Item, other: Label, kind: str, user: User) -> tuple[ClassPair, bool]:
    """Add the classes of a mistake to the registry of pairs: the label of the item and another of its image.

    Returns the pair and whether it is new: a queue says the same of two classes once. Raises BadPair, and
    BadMistakePair unless the other is a label in force or the dataset's.
    """
    review = item.page.review
    if other not in labels_beside(item):
        raise BadMistakePair(gettext("That class is none of the image’s labels."))
    provenance = gettext("review %(number)s, mistakes of %(classifier)s")
    pair, is_new = add_pair(
        label_set=review.batch.dataset.label_set,
        first=item.label,
        second=other,
        kind=kind,
        provenance=provenance % {"number": review.pk, "classifier": review.classifier},
        added_by=user,
        note=item.image.name if item.image.name.isprintable() else "",
    )
    if is_new:
        after = {"first": str(pair.first), "second": str(pair.second), "kind": kind}
        record(area=Area.CONFIG, action="pair.add", subject=f"review {review.pk}", after=after)
    return pair, is_new
