"""Checks of a whole review from a file, before anything is stored."""

from collections.abc import Container, Hashable, Iterable
from typing import Any

from django.utils.translation import gettext

from review_task.files.rows import (
    BadReviewRow,
    CommentRow,
    ConsensusRow,
    FurtherLabelRow,
    ItemRow,
    ProblemRow,
    ReviewerRow,
    ReviewLog,
    VerdictRow,
)
from review_task.models import Item, Review, VerdictValue

BY_NOBODY = frozenset({Item.Origin.DATASET, Item.Origin.PEOPLE})


def check_log(log: ReviewLog, labels: Container[int]) -> None:
    """Refuse a log whose rows do not fit each other or the label set. Raises BadReviewRow."""
    if not log.items:
        raise BadReviewRow(gettext("The review has no label of any image."))
    _check_stage(log)
    pages = _once((row.page for row in log.pages), gettext("Page %(key)s stands twice."))
    _once((row.page_label for row in log.pages if row.page_label is not None), gettext("Class %(key)s has two pages."))
    items = _once(((row.page, row.image, row.label) for row in log.items), gettext("Item %(key)s stands twice."))
    people = _once(((row.page, row.reviewer) for row in log.reviewers), gettext("Reviewer %(key)s stands twice."))
    _once(log.review.reasons, gettext("Reason %(key)s stands twice."))
    on_pages: tuple[ItemRow | ReviewerRow, ...] = (*log.items, *log.reviewers)
    for row in on_pages:
        _check_in(row.page, pages, gettext("There is no page %(key)s."))
    for item in log.items:
        if item.n_models == 0 and item.origin not in BY_NOBODY:
            message = gettext("%(image)s, label %(label)s: a prediction needs n_models of 1 or more.")
            raise BadReviewRow(message % {"image": item.image, "label": item.label})
    _check_said(log, items, people)
    _check_labels(log, labels)
    _check_dataset_labels(log)


def _check_stage(log: ReviewLog) -> None:
    row = log.review
    fits = (row.stage == Review.Stage.MISTAKES) == (row.classifier is not None)
    if not fits or (row.stage == Review.Stage.BLIND) != (row.earlier is not None):
        raise BadReviewRow(
            gettext("A review of mistakes names its classifier, a blind review the earlier one, and others neither.")
        )


def _check_said(log: ReviewLog, items: set[Hashable], people: set[Hashable]) -> None:
    images = {(row.page, row.image) for row in log.items}
    said: tuple[VerdictRow | ProblemRow | FurtherLabelRow, ...] = (*log.verdicts, *log.problems, *log.further_labels)
    for row in said:
        _check_in((row.page, row.reviewer), people, gettext("Reviewer %(key)s took part in no such page."))
        _check_in((row.page, row.image), images, gettext("There is no image %(key)s."))
    reviewers = {row.reviewer for row in log.reviewers}
    on_items: tuple[VerdictRow | CommentRow | ConsensusRow, ...] = (*log.verdicts, *log.comments, *log.consensus)
    for about in on_items:
        _check_in((about.page, about.image, about.label), items, gettext("There is no item %(key)s."))
        _check_in(about.reviewer, reviewers, gettext("Reviewer %(key)s took part in no page."))
    opinions: tuple[VerdictRow | ConsensusRow, ...] = (*log.verdicts, *log.consensus)
    for opinion in opinions:
        _check_opinion(opinion)
    for comment in log.comments:
        if not comment.words:
            message = gettext("%(image)s, label %(label)s: a comment has words.")
            raise BadReviewRow(message % {"image": comment.image, "label": comment.label})
    for further in log.further_labels:
        _check_further(further)


def _check_opinion(row: VerdictRow | ConsensusRow) -> None:
    place = {"image": row.image, "label": row.label}
    if bool(row.category) != bool(row.severity) or (row.category and row.verdict != VerdictValue.WRONG):
        message = gettext("%(image)s, label %(label)s: only a wrong label has a category, and then a severity too.")
        raise BadReviewRow(message % place)
    if isinstance(row, ConsensusRow) and row.verdict == VerdictValue.DONT_KNOW:
        message = gettext("%(image)s, label %(label)s: a consensus is correct, wrong, unclear or unreviewed.")
        raise BadReviewRow(message % place)


def _check_further(row: FurtherLabelRow) -> None:
    if (row.further_label is None) == (row.words == "") or len(row.words) > 200:
        message = gettext("%(image)s: a further label is one of the set, or words of at most 200 characters.")
        raise BadReviewRow(message % {"image": row.image})


def _check_labels(log: ReviewLog, labels: Container[int]) -> None:
    indexes: list[int | None] = [row.page_label for row in log.pages]
    for item in log.items:
        indexes += [item.label, item.dataset_label]
    indexes += [row.further_label for row in log.further_labels]
    for index in indexes:
        if index is not None and index not in labels:
            raise BadReviewRow(gettext("%(index)s is no class index of the dataset’s label set.") % {"index": index})


def _check_dataset_labels(log: ReviewLog) -> None:
    known: dict[str, int | None] = {}
    for row in log.items:
        if known.setdefault(row.image, row.dataset_label) != row.dataset_label:
            message = gettext("%(image)s has two dataset labels: %(first)s and %(second)s.")
            values = {"image": row.image, "first": known[row.image], "second": row.dataset_label}
            raise BadReviewRow(message % values)


def _once(keys: Iterable[Hashable], message: str) -> set[Hashable]:
    keys_met: set[Hashable] = set()
    for key in keys:
        if key in keys_met:
            raise BadReviewRow(message % {"key": _words(key)})
        keys_met.add(key)
    return keys_met


def _check_in(key: Hashable, keys: set[Any], message: str) -> None:
    if key not in keys:
        raise BadReviewRow(message % {"key": _words(key)})


def _words(key: Hashable) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
