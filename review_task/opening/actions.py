"""Opening of reviews, and further predictions in them."""

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.models import LARGEST_SEED, Dataset, Label, new_public_id
from catalog.reads import now
from review_task.errors import BadReview, NoFurtherLabels, NothingToReview, ReviewClosed
from review_task.models import ClassPage, Item, Review
from review_task.opening.drafts import ItemDraft, PageDraft, drafts_of
from review_task.opening.reads import Said, first_ranks, said_in
from workforce.actions import close_batch, open_batch, publish_hits
from workforce.models import Batch

log = logging.getLogger(__name__)

KIND = "review"
LONGEST_TITLE = 200
MOST_REVIEWERS = 100
COPY_ITEMS = """
    COPY review_task_item (public_id, page_id, image_id, label_id, n_models, origin, position, added_at) FROM STDIN
"""
RAISE_COUNTS = """
    UPDATE review_task_item item SET n_models = said.n_models,
        origin = CASE item.origin WHEN 'dataset' THEN 'models' ELSE item.origin END
    FROM unnest(%(images)s::bigint[], %(labels)s::bigint[], %(counts)s::int[]) AS said (image_id, label_id, n_models),
         review_task_classpage page
    WHERE page.review_id = %(review)s AND item.page_id = page.id AND item.image_id = said.image_id
      AND item.label_id = said.label_id AND item.n_models < said.n_models
"""

Predictions = Iterable[tuple[str, int, int]]


class Added(NamedTuple):
    """New items of a review, the images that have one, and the pages that are new or open again."""

    n_items: int
    n_images: int
    n_pages: int


@transaction.atomic
def open_review(
    *,
    dataset: Dataset,
    title: str,
    n_reviewers: int = 1,
    predictions: Predictions | None = None,
    with_dataset_label: bool = True,
    seed: int = 0,
) -> Review:
    """Open the first review of a dataset: every distinct prediction, on a page for each class.

    `predictions` are rows (image name, class index, number of models); without them, the first rank of each classifier
    on the site. `with_dataset_label` adds the dataset's label where no model ranks it first. Raises BadReview,
    NothingToReview and UnknownNames.
    """
    review = make_review(dataset=dataset, title=title, stage=Review.Stage.FIRST, n_reviewers=n_reviewers, seed=seed)
    added = _add(review, _said(dataset, predictions), with_dataset_label)
    if not added.n_items:
        raise NothingToReview(
            gettext("There are no predictions to review in “%(dataset)s”.") % {"dataset": dataset.name},
            shell=gettext("Run classifiers with ./manage predict, or name a file of predictions."),
            page=gettext("Run classifiers first, or import predictions."),
        )
    note_opening(review=review)
    return review


@transaction.atomic
def make_review(*, dataset: Dataset, title: str, stage: str, n_reviewers: int = 1, seed: int = 0, **of: Any) -> Review:
    """Open a review without pages, for `compose_pages` and then `note_opening`.

    `of` is its `classifier`, or the `earlier` review. Raises BadReview.
    """
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE or not 1 <= n_reviewers <= MOST_REVIEWERS:
        raise BadReview(gettext("A review has a title of 1 to 200 characters, and 1 to 100 reviewers of each class."))
    if not 0 <= seed <= LARGEST_SEED:
        raise BadReview(gettext("A seed of a review is a whole number from 0 to %(most)s.") % {"most": LARGEST_SEED})
    batch = open_batch(dataset=dataset, kind=KIND, marketplace=Batch.Marketplace.ACCOUNTS)
    return Review.objects.create(batch=batch, title=title, stage=stage, n_reviewers=n_reviewers, seed=seed, **of)


@transaction.atomic
def note_opening(*, review: Review) -> None:
    """Record that a review was opened, once all its pages are stored."""
    after = {"title": review.title, "stage": review.stage, "reviewers": review.n_reviewers}
    subject = f"review {review.pk} of dataset {review.batch.dataset}"
    record(area=Area.CONFIG, action="review.open", subject=subject, after=after)


@transaction.atomic
def add_predictions(
    *, review: Review, predictions: Predictions | None = None, with_dataset_label: bool = True
) -> Added:
    """Add what is new among predictions, as of `open_review`, to the pages of a review.

    Verdicts stay: a page that was complete waits for its new items alone. Raises ReviewClosed, and NoFurtherLabels for
    a blind review.
    """
    if review.stage == Review.Stage.BLIND:
        raise NoFurtherLabels(gettext("A blind review takes no further labels: their place would give them away."))
    check_open(review=review)
    return _add(review, _said(review.batch.dataset, predictions), with_dataset_label)


@transaction.atomic
def close_review(*, review: Review) -> Review:
    """Close a review: it takes no more verdicts, and its results stay."""
    review.batch = close_batch(batch=review.batch)
    return review


def check_open(*, review: Review) -> None:
    """Keep a review open until the end of the transaction. Raises ReviewClosed."""
    batch = Batch.objects.select_for_update(no_key=True).get(pk=review.batch_id)
    if batch.closed_at is not None:
        raise ReviewClosed(gettext("The review “%(title)s” is closed.") % {"title": review.title})


@transaction.atomic
def compose_pages(*, review: Review, pages: Sequence[PageDraft]) -> list[ClassPage]:
    """Store pages and their items, in this order; items of a class that has a page follow those there.

    Returns the page of each draft. Raises ReviewClosed.
    """
    check_open(review=review)
    old = _old_pages(review, pages)
    new = [number for number, draft in enumerate(pages) if number not in old]
    first = (review.pages.aggregate(last=Max("number"))["last"] or 0) + 1
    hits = publish_hits(batch=review.batch, n_hits=len(new), n_slots=review.n_reviewers)
    stored = ClassPage.objects.bulk_create(
        [
            ClassPage(hit=hit, review=review, label_id=pages[number].label_id, number=first + n)
            for n, (number, hit) in enumerate(zip(new, hits, strict=True))
        ]
    )
    by_number = old | dict(zip(new, stored, strict=True))
    _copy_items((by_number[number], draft.items) for number, draft in enumerate(pages))
    return [by_number[number] for number in range(len(pages))]


def _old_pages(review: Review, pages: Sequence[PageDraft]) -> dict[int, ClassPage]:
    stored = list(review.pages.all())
    by_label = {page.label_id: page for page in stored if page.label_id is not None}
    by_id = {page.pk: page for page in stored}
    old = {n: by_id.get(draft.page_id or 0) or by_label.get(draft.label_id or 0) for n, draft in enumerate(pages)}
    return {number: page for number, page in old.items() if page is not None}


def _copy_items(pages: Iterable[tuple[ClassPage, Sequence[ItemDraft]]]) -> None:
    pages = list(pages)
    last = Item.objects.filter(page__in=[page for page, _ in pages]).order_by().values_list("page")
    begin = dict(last.annotate(last=Max("position")))
    moment = now().isoformat()
    lines = (
        f"{new_public_id()}\t{page.pk}\t{item.image_id}\t{item.label_id}\t{item.n_models}\t{item.origin}"
        f"\t{position}\t{moment}\n"
        for page, items in pages
        for position, item in enumerate(items, begin.get(page.pk, -1) + 1)
    )
    with connection.cursor() as cursor:
        # There are hundreds of thousands of rows: COPY takes a fraction of the time of inserts.
        with connection.wrap_database_errors:
            cursor.copy_expert(COPY_ITEMS, io.StringIO("".join(lines)))
        cursor.execute("ANALYZE review_task_item")


def _said(dataset: Dataset, predictions: Predictions | None) -> Said:
    return first_ranks(dataset) if predictions is None else said_in(predictions, dataset)


def _add(review: Review, said: Said, with_dataset_label: bool) -> Added:
    stored = Item.objects.filter(page__review=review).order_by().values_list("image_id", "label_id", "page_id")
    page_of: dict[int, int] = {}
    present: set[tuple[int, int]] = set()
    for image_id, label_id, page_id in stored.iterator(chunk_size=10_000):
        page_of[image_id] = page_id
        present.add((image_id, label_id))
    class_of: dict[int, int | None] = dict(review.batch.dataset.images.values_list("pk", "dataset_label_id"))
    items = list(_new_items(said, present, class_of, with_dataset_label))
    if present:
        _raise_counts(review, said)
    drafts = sorted(drafts_of(items, class_of, page_of, review.seed), key=_by_class(review))
    pages = compose_pages(review=review, pages=drafts)
    log.info("Added %d items to %d pages of review %s.", len(items), len(pages), review.pk)
    return Added(len(items), len({item.image_id for item in items}), len({page.pk for page in pages}))


def _new_items(
    said: Said, present: set[tuple[int, int]], class_of: dict[int, int | None], with_dataset_label: bool
) -> Iterator[ItemDraft]:
    for (image_id, label_id), n_models in said.items():
        if (image_id, label_id) not in present:
            yield ItemDraft(image_id, label_id, n_models)
    if with_dataset_label:
        for image_id in {image_id for image_id, _ in said}:
            own = class_of[image_id]
            if own is not None and (image_id, own) not in said and (image_id, own) not in present:
                yield ItemDraft(image_id, own, 0, Item.Origin.DATASET)


def _raise_counts(review: Review, said: Said) -> None:
    values: dict[str, Any] = {
        "review": review.pk,
        "images": [image_id for image_id, _ in said],
        "labels": [label_id for _, label_id in said],
        "counts": list(said.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(RAISE_COUNTS, values)


def _by_class(review: Review) -> Callable[[PageDraft], tuple[bool, int]]:
    index = dict(Label.objects.filter(label_set=review.batch.dataset.label_set_id).values_list("pk", "index"))
    return lambda draft: (draft.label_id is None, 0 if draft.label_id is None else index[draft.label_id])
