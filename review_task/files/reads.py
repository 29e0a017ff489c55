"""A whole review as the rows of a file."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import F, QuerySet

from catalog.models import Dataset

# Other rooms import them from here.
from review_task.files.label_sets import BETWEEN_REASONS as BETWEEN_REASONS
from review_task.files.label_sets import LABEL_SETS as LABEL_SETS
from review_task.files.label_sets import label_set_document as label_set_document
from review_task.files.rows import BadReviewRow as BadReviewRow
from review_task.files.rows import (
    CommentRow,
    ConsensusRow,
    FurtherLabelRow,
    ItemRow,
    PageRow,
    ProblemRow,
    ReviewerRow,
    ReviewLog,
    ReviewRow,
    VerdictRow,
)
from review_task.files.rows import line_of as line_of
from review_task.files.rows import row_in as row_in
from review_task.models import (
    ClassPage,
    Comment,
    ConsensusVerdict,
    FurtherLabel,
    Item,
    ProblemMark,
    Review,
    Verdict,
)
from workforce.models import Submission
from workforce.reads import is_excluded, pseudonym_under, published_state

PORTION = 5000
MARKED = ("page__number", "image__name", "worker_id")
SAID = ("item__page__number", "item__image__name", "item__label__index", "worker_id")


def log_of(review: Review) -> ReviewLog:
    """Return all that was asked and said in a review, with pseudonyms. Call it in one transaction."""
    return ReviewLog(
        review=_review_row(review),
        pages=[PageRow(*row) for row in ClassPage.objects.filter(review=review).order_by("number").values_list(*PAGE)],
        items=[
            ItemRow(*row) for row in Item.objects.filter(page__review=review).order_by(*IN_ORDER).values_list(*ITEM)
        ],
        reviewers=list(_reviewers(review)),
        verdicts=[
            VerdictRow(*cells)
            for cells in _said(review, Verdict.objects.filter(item__page__review=review), *SAID, *OPINION)
        ],
        problems=[
            ProblemRow(*cells)
            for cells in _said(review, ProblemMark.objects.filter(page__review=review), *MARKED, "reason", "is_set")
        ],
        further_labels=[
            FurtherLabelRow(*cells)
            for cells in _said(review, FurtherLabel.objects.filter(page__review=review), *MARKED, *FURTHER)
        ],
        comments=[
            CommentRow(*cells)
            for cells in _said(review, Comment.objects.filter(item__page__review=review), *SAID, "words")
        ],
        consensus=[
            ConsensusRow(*cells)
            for cells in _said(review, ConsensusVerdict.objects.filter(item__page__review=review), *SAID, *OPINION)
        ],
    )


PAGE = ("number", "label__index")
ITEM = ("page__number", "image__name", "image__dataset_label__index", "label__index", "n_models", "origin")
IN_ORDER = ("page__number", "position", "label__index")
OPINION = ("verdict", "category", "severity")
FURTHER = ("label__index", "words", "is_set")


def _review_row(review: Review) -> ReviewRow:
    return ReviewRow(
        title=review.title,
        stage=review.stage,
        n_reviewers=review.n_reviewers,
        seed=review.seed,
        earlier=review.earlier.title if review.earlier else None,
        classifier=review.classifier.name if review.classifier else None,
        reasons=list(review.problem_reasons.order_by("pk").values_list("words", flat=True)),
    )


def _reviewers(review: Review) -> Iterator[ReviewerRow]:
    rows = Submission.objects.filter(hit__class_page__review=review).annotate(
        excluded=is_excluded("pk"), number=F("hit__class_page__number")
    )
    key = review.batch.dataset.pseudonym_key
    for row in rows.order_by("number", "pk").iterator(PORTION):
        state = published_state(row.state, row.excluded)
        yield ReviewerRow(row.number, pseudonym_under(key, row.worker_id), state, row.submitted_at.isoformat())


def _said(review: Review, rows: QuerySet[Any], *columns: str) -> Iterable[list[Any]]:
    """Yield the cells of rows, with the reviewer's pseudonym for the worker and the time at the end."""
    key = review.batch.dataset.pseudonym_key
    place = columns.index("worker_id")
    for cells in rows.order_by("pk").values_list(*columns, "created_at").iterator(PORTION):
        *said, moment = cells
        said[place] = pseudonym_under(key, said[place])
        yield [*said, moment.isoformat()]


def reviews_to_export(dataset: Dataset) -> QuerySet[Review]:
    return Review.objects.filter(batch__dataset=dataset).select_related("batch__dataset", "earlier", "classifier")
