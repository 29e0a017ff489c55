"""Reads of blind reviews: the labels to review, and what became of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.models import Dataset, Prediction
from numerics.verdicts import UNREVIEWED, Outcome, final_states, outcome_of_second_review
from review_task.blind.composition import Drafts, Pair
from review_task.models import FurtherLabel, Item, Review
from review_task.opening.drafts import ItemDraft
from review_task.progress.reads import states_of
from workforce.reads import is_excluded

IntArray = NDArray[np.int64]
# Above every label's id: an image and a label make one number.
KEY_BASE = 2**31


def drafts_of_review(review: Review) -> Drafts:
    """Return the labels of a review, by image and label (ids)."""
    rows = Item.objects.filter(page__review=review).order_by()
    columns = ("image_id", "label_id", "n_models", "origin")
    return {row[:2]: ItemDraft(*row) for row in rows.values_list(*columns).iterator(chunk_size=10_000)}


def further_labels_of(review: Review) -> set[Pair]:
    """Return the labels of the set that reviewers added to images (image and label ids)."""
    rows = FurtherLabel.objects.filter(page__review=review, counted=True, is_set=True, label__isnull=False)
    return set(rows.exclude(is_excluded()).order_by().values_list("image_id", "label_id"))


def ranked_labels(dataset: Dataset, image_ids: Sequence[int]) -> dict[int, list[list[int]]]:
    """Return the labels (ids) that each classifier on the site ranks high, by image, in the order of classifiers."""
    label_ids = dict(dataset.label_set.labels.values_list("index", "pk"))
    rows = Prediction.objects.filter(image__in=image_ids, classifier__label_set=dataset.label_set_id)
    ranked: dict[int, list[list[int]]] = defaultdict(list)
    for image_id, indexes in rows.order_by("image_id", "classifier_id").values_list("image_id", "labels"):
        ranked[image_id].append([label_ids[index] for index in indexes if index in label_ids])
    return ranked


class LabelChange(NamedTuple):
    """A label with its final states before and after a blind review; UNREVIEWED where it had none."""

    label_id: int
    before: int
    after: int


@dataclass(frozen=True)
class SecondReview:
    """The outcome of a blind review: flags of each image, and the changes of its labels.

    `image_ids` (I,) are those of the flags. Labels (N,) stand in the order of images: those of image n begin at
    `starts[n]`.
    """

    image_ids: IntArray
    flags: Outcome
    starts: IntArray
    labels: IntArray
    before: IntArray
    after: IntArray

    @property
    def n_images(self) -> int:
        return len(self.image_ids)

    def changes(self, n: int) -> list[LabelChange]:
        """Return the labels of image n."""
        end = self.starts[n + 1] if n + 1 < len(self.starts) else len(self.labels)
        part = slice(self.starts[n], end)
        rows = zip(self.labels[part].tolist(), self.before[part].tolist(), self.after[part].tolist(), strict=True)
        return [LabelChange(*row) for row in rows]


def outcome_of(review: Review) -> SecondReview:
    """Return what a blind review changed. Its pages show it once it is closed, since it tells labels apart."""
    assert review.earlier is not None, "a constraint holds it"
    images, labels, after = _final_states(review)
    earlier_images, earlier_labels, states = _final_states(review.earlier)
    before = np.full(len(images), UNREVIEWED)
    if len(states):
        keys = images * KEY_BASE + labels
        earlier_keys = earlier_images * KEY_BASE + earlier_labels
        place = np.searchsorted(earlier_keys, keys).clip(max=len(states) - 1)
        before = np.where(earlier_keys[place] == keys, states[place], UNREVIEWED)
    image_ids, starts, positions = np.unique(images, return_index=True, return_inverse=True)
    flags = outcome_of_second_review(positions, before, after, len(image_ids))
    return SecondReview(image_ids, flags, starts, labels, before, after)


def _final_states(review: Review) -> tuple[IntArray, IntArray, IntArray]:
    """Return images, labels and final states of a review, in the order of images and labels."""
    table = states_of(review)
    order = np.lexsort((table.label_id, table.image_id))
    states = final_states(table.counts, table.settled, review.n_reviewers)
    return table.image_id[order], table.label_id[order], states[order]
