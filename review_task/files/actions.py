"""Storage of a whole review from elsewhere, or none of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext

from catalog.actions import load_staged_images
from catalog.models import Classifier, Dataset, Label
from catalog.reads import labels_by_index, now
from review_task.files.checks import check_log
from review_task.files.rows import BadReviewRow, ReviewLog
from review_task.models import (
    ClassPage,
    Comment,
    ConsensusVerdict,
    FurtherLabel,
    Item,
    ProblemMark,
    ProblemReason,
    Review,
    Verdict,
)
from workforce.replays.actions import Participation, store_participations

STAGED = "staged_review_image"
STAGE_IMAGES = """
    DROP TABLE IF EXISTS {staged};
    CREATE TEMPORARY TABLE {staged} (
        position serial, line integer, image text, dataset_label integer, image_id bigint
    ) ON COMMIT DROP;
    INSERT INTO {staged} (line, image, dataset_label) SELECT * FROM unnest(%(lines)s, %(names)s, %(labels)s::integer[])
"""
IMAGES_BY_NAME = "SELECT image, image_id FROM {staged}"
ROWS_AT_ONCE = 5000


@transaction.atomic
def load_review(*, dataset: Dataset, log: ReviewLog) -> Review:
    """Store a review whose reviewers worked elsewhere; images that the dataset lacks are added without files.

    Raises BadReviewRow, or StagedConflict for an image with another dataset label.
    """
    labels = labels_by_index(dataset)
    check_log(log, labels)
    images = _images(dataset, log)
    answers = [
        # Python reads more forms of ISO 8601 than Postgres.
        Participation(row.page, row.reviewer, row.state, datetime.fromisoformat(row.submitted_at).isoformat())
        for row in log.reviewers
    ]
    stored = store_participations(
        dataset=dataset, kind="review", hits=[row.page for row in log.pages], participations=answers
    )
    review = Review.objects.create(batch=stored.batch, **_figures(dataset, log))
    ProblemReason.objects.bulk_create([ProblemReason(review=review, words=words) for words in log.review.reasons])
    loader = _Loader(log, labels, images, stored.hits, stored.people, stored.submissions)
    loader.load(review)
    return review


def _figures(dataset: Dataset, log: ReviewLog) -> dict[str, Any]:
    row = log.review
    figures: dict[str, Any] = {"title": row.title, "stage": row.stage, "n_reviewers": row.n_reviewers, "seed": row.seed}
    if row.classifier is not None:
        figures["classifier"] = Classifier.objects.filter(label_set=dataset.label_set, name=row.classifier).first()
        if figures["classifier"] is None:
            message = gettext("“%(dataset)s” knows no classifier “%(classifier)s”. Import its predictions first.")
            raise BadReviewRow(message % {"dataset": dataset, "classifier": row.classifier})
    if row.earlier is not None:
        figures["earlier"] = Review.objects.filter(batch__dataset=dataset, title=row.earlier).order_by("pk").last()
        if figures["earlier"] is None:
            message = gettext("“%(dataset)s” has no review “%(review)s”, which this one follows. Load that one first.")
            raise BadReviewRow(message % {"dataset": dataset, "review": row.earlier})
    return figures


def _images(dataset: Dataset, log: ReviewLog) -> dict[str, int]:
    """Return the ids of the images of a log by name; those that the dataset lacks are added."""
    names = {row.image: row.dataset_label for row in log.items}
    columns: dict[str, Any] = {
        "lines": list(range(1, len(names) + 1)),
        "names": list(names),
        "labels": list(names.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(STAGE_IMAGES.format(staged=STAGED), columns)
        load_staged_images(dataset=dataset, staged=STAGED)
        cursor.execute(IMAGES_BY_NAME.format(staged=STAGED))
        return dict(cursor.fetchall())


class _Loader:
    """The rows of a log as rows of tables."""

    def __init__(
        self,
        log: ReviewLog,
        labels: dict[int, Label],
        images: dict[str, int],
        hits: dict[int, int],
        people: dict[str, int],
        submissions: dict[tuple[int, str], int],
    ) -> None:
        self.log, self.labels, self.images = log, labels, images
        self.hits, self.people, self.submissions = hits, people, submissions
        self.excluded = {(row.page, row.reviewer) for row in log.reviewers if row.state != "confirmed"}
        self.pages: dict[int, ClassPage] = {}
        self.items: dict[tuple[int, str, int], Item] = {}

    def load(self, review: Review) -> None:
        self._add_pages(review)
        self._add_items()
        self._add_said(Verdict, self._verdicts())
        self._add_said(ProblemMark, self._problems())
        self._add_said(FurtherLabel, self._further_labels())
        self._add(Comment, self._comments())
        self._add(ConsensusVerdict, self._consensus())

    def _add_pages(self, review: Review) -> None:
        rows = [
            ClassPage(review=review, hit_id=self.hits[row.page], number=row.page, label=self._label(row.page_label))
            for row in self.log.pages
        ]
        self.pages = {page.number: page for page in ClassPage.objects.bulk_create(rows, ROWS_AT_ONCE)}

    def _add_items(self) -> None:
        moment = now()
        rows = [
            Item(
                page=self.pages[row.page],
                image_id=self.images[row.image],
                label=self.labels[row.label],
                n_models=row.n_models,
                origin=row.origin,
                position=position,
                added_at=moment,
            )
            for position, row in enumerate(self.log.items)
        ]
        keys = [(row.page, row.image, row.label) for row in self.log.items]
        self.items = dict(zip(keys, Item.objects.bulk_create(rows, ROWS_AT_ONCE), strict=True))

    def _label(self, index: int | None) -> Label | None:
        return None if index is None else self.labels[index]

    def _said(self, row: Any) -> dict[str, Any]:
        return {
            "submission_id": self.submissions[row.page, row.reviewer],
            "worker_id": self.people[row.reviewer],
            "image_id": self.images[row.image],
            "created_at": row.created_at,
            "counted": (row.page, row.reviewer) not in self.excluded,
        }

    def _verdicts(self) -> Iterable[tuple[Any, Verdict]]:
        for row in self.log.verdicts:
            key = row.page, row.image, row.label
            words = {"verdict": row.verdict, "category": row.category, "severity": row.severity}
            yield (*key, row.reviewer), Verdict(item=self.items[key], **words, **self._said(row))

    def _problems(self) -> Iterable[tuple[Any, ProblemMark]]:
        for row in self.log.problems:
            mark = {"page": self.pages[row.page], "reason": row.reason, "is_set": row.is_set}
            yield (row.page, row.image, row.reviewer), ProblemMark(**mark, **self._said(row))

    def _further_labels(self) -> Iterable[tuple[Any, FurtherLabel]]:
        for row in self.log.further_labels:
            label = {"page": self.pages[row.page], "label": self._label(row.further_label), "words": row.words}
            key = row.page, row.image, row.reviewer, row.further_label, row.words
            yield key, FurtherLabel(is_set=row.is_set, **label, **self._said(row))

    def _comments(self) -> Iterable[Comment]:
        for row in self.log.comments:
            item = self.items[row.page, row.image, row.label]
            yield Comment(item=item, worker_id=self.people[row.reviewer], words=row.words, created_at=row.created_at)

    def _consensus(self) -> Iterable[ConsensusVerdict]:
        last = {(row.page, row.image, row.label): row for row in self.log.consensus}
        for row in self.log.consensus:
            key = row.page, row.image, row.label
            yield ConsensusVerdict(
                item=self.items[key],
                worker_id=self.people[row.reviewer],
                verdict=row.verdict,
                category=row.category,
                severity=row.severity,
                created_at=row.created_at,
                is_last=last[key] is row,
            )

    def _add_said(self, model: Any, rows: Iterable[tuple[Any, Any]]) -> None:
        """Store what reviewers said, of which the last on a question counts."""
        keyed = list(rows)
        last = {key: row for key, row in keyed if row.counted}
        for key, row in keyed:
            row.counted = last.get(key) is row
        self._add(model, [row for _, row in keyed])

    def _add(self, model: Any, rows: Iterable[Any]) -> None:
        model.objects.bulk_create(list(rows), ROWS_AT_ONCE)
