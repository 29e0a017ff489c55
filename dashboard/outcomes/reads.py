"""Rows and figures of the pages of a blind review."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.paginator import Page, Paginator
from django.http import Http404
from django.utils.translation import gettext_lazy

from aggregation.models import Annotation
from catalog.models import Image, Label
from csv_files.cells import guarded
from numerics.verdicts import CORRECT, DISPUTED, STATES, UNCLEAR, UNREVIEWED
from review_task.blind.reads import LabelChange, SecondReview, drafts_of_review
from review_task.models import Review
from review_task.opening.reads import first_ranks

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

IMAGES_PER_PAGE = 24
OUTCOMES: "dict[str, StrOrPromise]" = {
    "unchanged": gettext_lazy("Unchanged"),
    "added": gettext_lazy("Added"),
    "modified": gettext_lazy("Modified"),
    "waiting": gettext_lazy("Waiting"),
}
STATE_WORDS: "dict[int, StrOrPromise]" = {
    CORRECT: gettext_lazy("correct"),
    CORRECT + 1: gettext_lazy("wrong"),
    UNCLEAR: gettext_lazy("unclear"),
    DISPUTED: gettext_lazy("unclear, in dispute"),
    UNREVIEWED: gettext_lazy("not reviewed"),
}
FILE_COLUMNS = ("image", "dataset_label", "label", "before", "after", *OUTCOMES)


@dataclass(frozen=True)
class Sources:
    """Labels for a second review: annotated images of the earlier one, and predictions that it does not have."""

    n_labelled: int
    n_predictions: int


def sources_of(earlier: Review) -> Sources:
    """Return how much was said of the images of a review since."""
    drafts = drafts_of_review(earlier)
    images = {image_id for image_id, _ in drafts}
    annotated = Annotation.objects.filter(image__dataset=earlier.batch.dataset_id).values_list("image_id", flat=True)
    later = [pair for pair in first_ranks(earlier.batch.dataset) if pair not in drafts and pair[0] in images]
    return Sources(len(images.intersection(annotated)), len(later))


@dataclass(frozen=True)
class ChangeShown:
    """A label with its states; `is_changed` says whether the page marks it."""

    label: Label
    before: "StrOrPromise"
    after: "StrOrPromise"
    is_new: bool
    is_changed: bool


@dataclass(frozen=True)
class ImageShown:
    """An image with what became of its labels: the changed ones first, then by class index."""

    image: Image
    outcomes: "list[StrOrPromise]"
    changes: list[ChangeShown]


def counts_of(outcome: SecondReview) -> "list[tuple[str, StrOrPromise, int]]":
    """Return key, words and number of images of each outcome."""
    return [(key, words, int(getattr(outcome.flags, key).sum())) for key, words in OUTCOMES.items()]


def page_of_images(outcome: SecondReview, show: str, number: str) -> "tuple[Page[Any], list[ImageShown]]":
    """Return a page of the images with an outcome, or of all changed ones. Raises Http404 for an unknown outcome."""
    if show and show not in OUTCOMES:
        raise Http404
    flag = getattr(outcome.flags, show) if show else outcome.flags.added | outcome.flags.modified
    page = Paginator(np.flatnonzero(flag).tolist(), IMAGES_PER_PAGE).get_page(number)
    ids = outcome.image_ids[list(page)].tolist()
    images = Image.objects.in_bulk(ids)
    labels = Label.objects.in_bulk({change.label_id for n in page for change in outcome.changes(n)})
    return page, [_image_shown(outcome, n, images, labels) for n in page]


def _image_shown(outcome: SecondReview, n: int, images: dict[int, Image], labels: dict[int, Label]) -> ImageShown:
    image_id = int(outcome.image_ids[n])
    changes = [_change_shown(change, labels[change.label_id]) for change in outcome.changes(n)]
    changes.sort(key=lambda change: (not change.is_changed, change.label.index))
    words = [words for key, words in OUTCOMES.items() if getattr(outcome.flags, key)[n]]
    return ImageShown(images[image_id], words, changes)


def _change_shown(change: LabelChange, label: Label) -> ChangeShown:
    is_new = change.before == UNREVIEWED
    before = UNCLEAR if change.before == DISPUTED else change.before
    is_changed = change.after == CORRECT if is_new else before != change.after
    return ChangeShown(label, STATE_WORDS[before], STATE_WORDS[change.after], is_new, is_changed)


def rows_of_file(outcome: SecondReview) -> Iterator[str]:
    """Yield the lines of the file of an outcome: a label of an image each, in the order of images' names and labels."""
    rows = Image.objects.filter(pk__in=outcome.image_ids.tolist()).values_list("pk", "name", "dataset_label__index")
    images = {image_id: (name, target) for image_id, name, target in rows}
    indexes = dict(Label.objects.filter(pk__in=np.unique(outcome.labels).tolist()).values_list("pk", "index"))
    image_ids = outcome.image_ids.tolist()
    yield _line(FILE_COLUMNS)
    for n in sorted(range(len(image_ids)), key=lambda n: images[image_ids[n]][0]):
        name, target = images[image_ids[n]]
        flags = [int(getattr(outcome.flags, key)[n]) for key in OUTCOMES]
        for change in sorted(outcome.changes(n), key=lambda change: indexes[change.label_id]):
            states = [STATES[change.before] if change.before != UNREVIEWED else "", STATES[change.after]]
            yield _line((guarded(name), target, indexes[change.label_id], *states, *flags))


def _line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
