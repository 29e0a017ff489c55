"""Mistakes of a classifier: the label sets in force, the predictions outside them, and what was judged of these."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, When
from django.utils.translation import gettext

from catalog.class_pairs.reads import pairs_in
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Label, LabelSet, PairKind, Prediction
from catalog.reads import name_cells
from numerics.verdicts import CORRECT, DISPUTED, STATES, UNCLEAR, WRONG, problematic_images
from review_task.consensus.reads import tallies_of
from review_task.models import (
    ConsensusVerdict,
    Item,
    LabelsInForce,
    ProblemMark,
    Review,
    VerdictValue,
)
from workforce.models import Submission
from workforce.reads import is_excluded

Source = LabelsInForce.Source
COLUMNS = ("image", "prediction", "category", "severity")


class UnknownClassifier(UserError):
    """A name of no classifier with predictions on the dataset."""


@dataclass(frozen=True)
class LabelSetOfImage:
    """The labels (indexes) of an image that count as correct, those that are unclear, and where they are from."""

    source: str
    correct: frozenset[int]
    unclear: frozenset[int] = frozenset()


@dataclass
class Reviewed:
    """The labels (indexes) of an image by what reviews decided of them; `is_whole`: of all its predictions, not one."""

    states: dict[int, int] = field(default_factory=dict)
    is_whole: bool = False

    def with_state(self, state: int) -> frozenset[int]:
        return frozenset(label for label, other in self.states.items() if other == state)


def reviewed_labels(dataset: Dataset) -> dict[int, Reviewed]:
    """Return what the reviews of a dataset decided, by image id: a later review has the last word on a label.

    A label in dispute is unclear until it is settled. Of labels that wait for reviewers nothing is returned.
    """
    reviewed: dict[int, Reviewed] = defaultdict(Reviewed)
    for review in Review.objects.filter(batch__dataset=dataset).select_related("batch").order_by("pk"):
        for tally in tallies_of(review):
            state = STATES.index(tally.state)
            if state in (CORRECT, WRONG, UNCLEAR, DISPUTED):
                reviewed[tally.image_id].states[tally.label] = UNCLEAR if state == DISPUTED else state
                reviewed[tally.image_id].is_whole |= review.stage != Review.Stage.MISTAKES
    return reviewed


def label_sets_in_force(
    dataset: Dataset, people: Mapping[int, Collection[int]] | None = None
) -> dict[int, LabelSetOfImage]:
    """Return the label set of each image that has one, by image id.

    An image has the labels that a review of its predictions found correct; without such, those of `people`, its
    annotation (indexes by image id); without one, the dataset's. What a mistake queue found correct is added to them.
    What a review found wrong is none of them, and what it left unclear counts apart.
    """
    reviewed, people = reviewed_labels(dataset), people or {}
    sets = {}
    for image_id, dataset_label in dataset.images.values_list("pk", "dataset_label__index").iterator(chunk_size=5000):
        decided = reviewed.get(image_id, Reviewed())
        chosen = _chosen(decided, people.get(image_id, ()), dataset_label)
        if chosen is not None:
            sets[image_id] = chosen
    return sets


def _chosen(decided: Reviewed, people: Collection[int], dataset_label: int | None) -> LabelSetOfImage | None:
    correct, unclear = decided.with_state(CORRECT), decided.with_state(UNCLEAR)
    if decided.is_whole and correct:
        return LabelSetOfImage(Source.REVIEWS, correct, unclear)
    of_dataset = () if dataset_label is None else (dataset_label,)
    for source, labels in ((Source.PEOPLE, people), (Source.DATASET, of_dataset)):
        if left := frozenset(labels) - decided.with_state(WRONG) - unclear:
            return LabelSetOfImage(source, left | correct, unclear)
    return LabelSetOfImage(Source.REVIEWS, correct, unclear) if correct else None


def problematic_images_of(dataset: Dataset) -> set[int]:
    """Return the ids of images that at least half of the reviewers of a page marked as problematic."""
    marks = ProblemMark.objects.filter(page__review__batch__dataset=dataset, counted=True, is_set=True)
    marks = marks.exclude(is_excluded()).order_by()
    counts = list(marks.values_list("image_id", "page__hit_id").annotate(n=Count("worker_id", distinct=True)))
    taken = Submission.objects.filter(hit__in={hit for _, hit, _ in counts}).exclude(is_excluded("pk"))
    reviewers = dict(taken.order_by().values_list("hit_id").annotate(n=Count("pk")))
    n_marks, n_reviewers = [n for *_, n in counts], [max(n, reviewers.get(hit, 0)) for _, hit, n in counts]
    flags = problematic_images(np.array(n_marks, np.int64), np.array(n_reviewers, np.int64))
    return {image_id for (image_id, *_), flag in zip(counts, flags, strict=True) if flag}


def top_predictions(dataset: Dataset, classifier: Classifier) -> dict[int, int]:
    """Return the class index that a classifier ranks first, by image id."""
    rows = Prediction.objects.filter(image__dataset=dataset, classifier=classifier).order_by()
    return dict(rows.values_list("image_id", "labels__0").iterator(chunk_size=5000))


def equivalents_in(label_set: LabelSet) -> dict[int, set[int]]:
    """Return the classes that name the same as a class, by the registry of pairs; all are class indexes."""
    same: dict[int, set[int]] = defaultdict(set)
    for first, second in pairs_in(label_set, PairKind.EQUIVALENT).values_list("first__index", "second__index"):
        same[first].add(second)
        same[second].add(first)
    return same


def mistakes_among(
    predictions: Mapping[int, int],
    sets: Mapping[int, LabelSetOfImage],
    same: Mapping[int, Collection[int]] | None = None,
) -> dict[int, int]:
    """Return the predictions, by image id, that are neither correct nor unclear; images without a label set are none.

    `same` are classes that name the same as a class: such a prediction is no mistake either.

    >>> sets = {1: LabelSetOfImage("reviews", frozenset({3}), frozenset({4})), 2: LabelSetOfImage("dataset", {5})}
    >>> mistakes_among({1: 4, 2: 3, 3: 3}, sets), mistakes_among({2: 3}, sets, {3: {5}})
    ({2: 3}, {})
    """
    same = same or {}
    return {
        image_id: index
        for image_id, index in predictions.items()
        if image_id in sets and not {index, *same.get(index, ())} & (sets[image_id].correct | sets[image_id].unclear)
    }


def classifiers_of(dataset: Dataset) -> QuerySet[Classifier]:
    """Return the classifiers with predictions on a dataset."""
    rows = Prediction.objects.filter(image__dataset=dataset).values("classifier")
    return Classifier.objects.filter(pk__in=rows, label_set=dataset.label_set_id).order_by("name")


def classifier_named(dataset: Dataset, name: str) -> Classifier:
    """Return a classifier with predictions on a dataset. Raises UnknownClassifier, which lists them."""
    rows = classifiers_of(dataset)
    classifier = rows.filter(name=name).first()
    if classifier is None:
        names = ", ".join(rows.values_list("name", flat=True)) or gettext("none")
        message = gettext("“%(name)s” has no predictions on “%(dataset)s”. Classifiers with predictions: %(names)s.")
        raise UnknownClassifier(message % {"name": name, "dataset": dataset, "names": names})
    return classifier


def queue_of_classifier(dataset: Dataset, classifier: Classifier) -> Review | None:
    """Return the open mistake queue of a classifier, if there is one: the last."""
    queues = Review.objects.filter(stage=Review.Stage.MISTAKES, batch__dataset=dataset, batch__closed_at=None)
    return queues.filter(classifier=classifier).select_related("batch__dataset").order_by("pk").last()


def queues_of(dataset: Dataset) -> QuerySet[Review]:
    """Return the mistake queues of a dataset, the newest first, each with the number of its items."""
    queues = Review.objects.filter(stage=Review.Stage.MISTAKES, batch__dataset=dataset)
    return queues.annotate(n_items=Count("pages__items")).select_related("batch", "classifier").order_by("-pk")


def sources_of(review: Review) -> dict[str, int]:
    """Return how many items of a queue have labels from each source."""
    rows = LabelsInForce.objects.filter(item__page__review=review).order_by().values_list("source")
    return dict(rows.annotate(n=Count("pk")))


def labels_beside(item: Item) -> list[Label]:
    """Return the other labels of a mistake's image: those in force when it was opened, and the dataset's."""
    return labels_beside_each([item])[item.pk]


def labels_beside_each(items: Collection[Item]) -> dict[int, list[Label]]:
    """Return the other labels of the images of mistakes of one label set, by item id, in the order of classes."""
    rows = LabelsInForce.objects.filter(item__in=[item.pk for item in items]).values_list("item", "labels")
    indexes: dict[int, set[int]] = {item.pk: set() for item in items}
    for item_id, labels in rows:
        indexes[item_id].update(labels)
    for item in items:
        if item.image.dataset_label is not None:
            indexes[item.pk].add(item.image.dataset_label.index)
        indexes[item.pk].discard(item.label.index)
    label_sets = {item.label.label_set_id for item in items}
    labels_of_set = Label.objects.filter(label_set__in=label_sets, index__in=set().union(*indexes.values()))
    ordered = list(labels_of_set.order_by("index"))
    return {item_id: [label for label in ordered if label.index in chosen] for item_id, chosen in indexes.items()}


# What was judged


def judged_mistakes(dataset: Dataset) -> "QuerySet[Item]":
    """Return the items of mistake queues that are finally wrong, each with `final_category` and `final_severity`.

    Final is what was settled; else, once all wanted reviewers have judged, what all of them say who know.
    """
    counted = Q(verdicts__counted=True)
    is_wrong = counted & Q(verdicts__verdict=VerdictValue.WRONG)
    is_otherwise = counted & Q(verdicts__verdict__in=[VerdictValue.CORRECT, VerdictValue.UNCLEAR])
    last = ConsensusVerdict.objects.filter(item=OuterRef("pk"), is_last=True).exclude(verdict=VerdictValue.UNREVIEWED)
    items = Item.objects.filter(page__review__stage=Review.Stage.MISTAKES, page__review__batch__dataset=dataset)
    rows = items.annotate(
        n_judged=Count("verdicts", filter=counted & ~Q(verdicts__verdict=VerdictValue.UNREVIEWED)),
        n_wrong=Count("verdicts", filter=is_wrong),
        n_otherwise=Count("verdicts", filter=is_otherwise),
        least_category=Min("verdicts__category", filter=is_wrong),
        most_category=Max("verdicts__category", filter=is_wrong),
        least_severity=Min("verdicts__severity", filter=is_wrong),
        most_severity=Max("verdicts__severity", filter=is_wrong),
        settled=Subquery(last.values("verdict")),
        settled_category=Subquery(last.values("category")),
        settled_severity=Subquery(last.values("severity")),
    )
    is_agreed = Q(
        settled=None,
        n_wrong__gte=1,
        n_otherwise=0,
        n_judged__gte=F("page__review__n_reviewers"),
        least_category=F("most_category"),
        least_severity=F("most_severity"),
    )
    rows = rows.filter(is_agreed | Q(settled=VerdictValue.WRONG)).annotate(
        final_category=Case(When(settled=None, then=F("least_category")), default=F("settled_category")),
        final_severity=Case(When(settled=None, then=F("least_severity")), default=F("settled_severity")),
    )
    return rows.select_related("image", "label")


def mistake_row(item: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of mistakes; with `labels` (by index) the prediction's names are added."""
    values = (item.image.name, item.label.index, item.final_category, item.final_severity)
    row = dict(zip(COLUMNS, values, strict=True))
    return row if labels is None else row | name_cells("prediction", item.label.index, labels)
