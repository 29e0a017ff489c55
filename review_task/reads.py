"""Reads of reviews: their classes, the content of a page, and rows of verdicts.

Reviewers are blind to each other: nothing here tells a reviewer what others said.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.utils.translation import gettext

from catalog.models import Dataset, Image, Label
from catalog.reads import name_cells
from review_task.assignments.reads import names_by_page, next_page_id, pages_of_person
from review_task.blinding.reads import image_handle
from review_task.errors import UnknownReview
from review_task.models import ClassPage, FurtherLabel, Item, ProblemMark, Review, Verdict, VerdictValue

# Other rooms import these from here.
from review_task.progress.reads import forecast as forecast
from review_task.progress.reads import progress as progress
from review_task.progress.reads import states_of as states_of
from workforce.models import Slot, Submission
from workforce.reads import is_excluded, known_worker, pseudonym_under, published_state
from workforce.seats.reads import ACCOUNT

# Of a page, for a reviewer.
OPEN, MINE, DONE, FULL, OTHERS = "open", "mine", "done", "full", "others"
# A reviewer goes on with what they began, then takes a class that is free.
NEXT_STATES = (MINE, OPEN)


class PageRow(NamedTuple):
    """A class in the list of a review, for one reviewer.

    `n_done_by_reviewer` are the numbers of items that each reviewer judged, in the order in which they took part.
    `state` is done, mine (in progress), open (a slot is free), full, or others (assigned to others).
    """

    page: ClassPage
    label: Label | None
    n_items: int
    n_mine: int
    n_done_by_reviewer: tuple[int, ...]
    n_free: int
    state: str
    assigned_to: tuple[str, ...]
    is_mine: bool

    @property
    def is_complete(self) -> bool:
        """Return whether all its reviewers judged all its items."""
        # An excluded reviewer does not count, and leaves no free slot before the aggregation has seen it.
        n_reviewers = len(self.n_done_by_reviewer)
        return n_reviewers >= self.page.review.n_reviewers and all(n == self.n_items for n in self.n_done_by_reviewer)


@dataclass
class ItemRow:
    """An item on a page, with the reviewer's own verdict; `n_models` is None where the review hides it."""

    item: Item
    public_id: str
    label: Label
    n_models: int | None
    verdict: str = VerdictValue.UNREVIEWED
    category: str = ""
    severity: str = ""


@dataclass
class ImageRow:
    """An image on a page, with its items, and the reviewer's own problem mark and further labels.

    `public_id` stands in the page's addresses. `name` is empty in a blind review: it may tell the dataset's label.
    """

    image: Image
    public_id: str
    name: str
    items: list[ItemRow] = field(default_factory=list)
    problem: str = ""
    further_labels: list[FurtherLabel] = field(default_factory=list)


@dataclass
class PageContent:
    """A page as a reviewer sees it. `has_seat` says whether they take part."""

    page: ClassPage
    has_seat: bool
    images: list[ImageRow]

    @property
    def items(self) -> list[ItemRow]:
        return [item for image in self.images for item in image.items]

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def n_mine(self) -> int:
        return sum(item.verdict != VerdictValue.UNREVIEWED for item in self.items)


def verdict_before(rows: Iterable[Verdict]) -> tuple[Verdict | None, Verdict | None]:
    """Return the verdict that stands after these rows of a reviewer on an item, by id, and the one before it."""
    stack: list[Verdict] = []
    for row in rows:
        if row.takes_back:
            stack.pop()
        else:
            stack.append(row)
    return (stack[-1] if stack else None), (stack[-2] if len(stack) > 1 else None)


def reviews_of(dataset: Dataset) -> QuerySet[Review]:
    """Return the reviews of a dataset, the newest first."""
    return Review.objects.filter(batch__dataset=dataset).select_related("batch__dataset").order_by("-pk")


def open_reviews(dataset_ids: Iterable[int]) -> dict[int, list[Review]]:
    """Return the open reviews of datasets (ids) by dataset, the newest first."""
    reviews: dict[int, list[Review]] = defaultdict(list)
    rows = Review.objects.filter(batch__dataset__in=dataset_ids, batch__closed_at=None).select_related("batch")
    for review in rows.order_by("-pk"):
        reviews[review.batch.dataset_id].append(review)
    return reviews


def review_numbered(number: int) -> Review:
    """Return the review of this number. Raises UnknownReview, which lists those there are."""
    review = Review.objects.select_related("batch__dataset").filter(pk=number).first()
    if review is None:
        rows = Review.objects.order_by("pk").values_list("pk", "title")
        names = ", ".join(f"{pk} ({title})" for pk, title in rows) or gettext("none")
        raise UnknownReview(gettext("There is no review %(n)s. Reviews: %(names)s.") % {"n": number, "names": names})
    return review


def worker_id_of(user: User) -> int | None:
    """Return the id of the worker of an account; None if it never took part in anything."""
    worker = known_worker(ACCOUNT, str(user.pk))
    return None if worker is None else worker.pk


def n_done_by_submission(review: Review) -> dict[int, int]:
    """Return how many items of a review are judged, by submission: a reviewer's part in a page."""
    counted = Verdict.objects.filter(submission__hit__batch=review.batch_id, counted=True)
    counted = counted.exclude(verdict=VerdictValue.UNREVIEWED).order_by()
    return dict(counted.values_list("submission").annotate(n=Count("pk")))


def pages_of(review: Review, user: User) -> list[PageRow]:
    """Return the classes of a review as a reviewer sees them: how far each is, and never what others said."""
    pages = review.pages.select_related("label", "hit").order_by("number")
    n_items = dict(Item.objects.filter(page__review=review).order_by().values_list("page").annotate(n=Count("pk")))
    free = Slot.objects.filter(batch=review.batch_id, state=Slot.State.FREE).order_by()
    n_free = dict(free.values_list("hit").annotate(n=Count("pk")))
    seats = _seats(review)
    mine, names = worker_id_of(user), names_by_page(review)
    theirs = pages_of_person(review, user)
    # Whoever is excluded from a class is not led there again.
    barred = set() if mine is None else _excluded_hits(review, mine)
    n_free = {hit_id: n for hit_id, n in n_free.items() if hit_id not in barred}
    return [
        _page_row(
            page,
            n_items.get(page.pk, 0),
            seats.get(page.hit_id, {}),
            n_free.get(page.hit_id, 0),
            mine,
            tuple(names.get(page.pk, ())),
            page.pk in theirs,
        )
        for page in pages
    ]


def _seats(review: Review) -> dict[int, dict[int, int]]:
    """Return the number of items judged by HIT and worker."""
    n_done = n_done_by_submission(review)
    seats: dict[int, dict[int, int]] = defaultdict(dict)
    stored = Submission.objects.filter(~is_excluded("pk"), hit__batch=review.batch_id).order_by("pk")
    for pk, hit_id, worker_id in stored.values_list("pk", "hit_id", "worker_id"):
        seats[hit_id][worker_id] = n_done.get(pk, 0)
    return seats


def _excluded_hits(review: Review, worker_id: int) -> set[int]:
    excluded = Submission.objects.filter(is_excluded("pk"), hit__batch=review.batch_id, worker=worker_id)
    return set(excluded.values_list("hit_id", flat=True))


def _page_row(
    page: ClassPage,
    n_items: int,
    seats: Mapping[int, int],
    n_free: int,
    mine: int | None,
    names: tuple[str, ...],
    is_theirs: bool,
) -> PageRow:
    n_mine = seats.get(mine, 0) if mine is not None else 0
    if mine in seats:
        state = DONE if n_mine >= n_items else MINE
    elif names and not is_theirs:
        state = OTHERS
    else:
        state = OPEN if n_free else FULL
    return PageRow(
        page, page.label, n_items, n_mine, tuple(seats.values()), n_free, state, names, is_theirs or state == MINE
    )


def next_page(review: Review, user: User, after: ClassPage | None = None) -> ClassPage | None:
    """Return the class that a reviewer should go on with; None if nothing is left for them.

    What they began comes first, then classes assigned to them, then classes of anybody. Reviewed classes, and those
    that have all their reviewers, are skipped; `after` leaves out the class that they just left.
    """
    page_id = next_page_id(review, user, worker_id_of(user), None if after is None else after.pk)
    return None if page_id is None else ClassPage.objects.get(pk=page_id)


def page_content(page: ClassPage, user: User) -> PageContent:
    """Return a page's images in order, each with its items, and this reviewer's verdicts on them alone."""
    shows_models = page.review.stage != Review.Stage.BLIND
    items = list(Item.objects.filter(page=page).order_by("position"))
    # Each image and label once: hundreds of items as joined rows would take longer than all the rest.
    image_of = Image.objects.in_bulk({item.image_id for item in items})
    label_of = Label.objects.in_bulk({item.label_id for item in items})
    images: dict[int, ImageRow] = {}
    rows: dict[int, ItemRow] = {}
    for item in items:
        item.page, item.image, item.label = page, image_of[item.image_id], label_of[item.label_id]
        row = ItemRow(item, item.public_id, item.label, item.n_models if shows_models else None)
        rows[item.pk] = row
        if item.image_id not in images:
            name = item.image.name if shows_models else ""
            images[item.image_id] = ImageRow(item.image, image_handle(page, item.image), name)
        images[item.image_id].items.append(row)
    mine = worker_id_of(user)
    has_seat = mine is not None and Submission.objects.filter(hit=page.hit_id, worker=mine).exists()
    if mine is not None and has_seat:
        _add_own_words(page, mine, rows, images)
    return PageContent(page, has_seat, list(images.values()))


def _add_own_words(page: ClassPage, worker_id: int, items: dict[int, ItemRow], images: dict[int, ImageRow]) -> None:
    for verdict in Verdict.objects.filter(item__page=page, worker=worker_id).order_by("pk"):
        row = items[verdict.item_id]
        row.verdict, row.category, row.severity = verdict.verdict, verdict.category, verdict.severity
    theirs = {"page": page, "worker": worker_id, "counted": True, "is_set": True}
    for mark in ProblemMark.objects.filter(**theirs):
        images[mark.image_id].problem = mark.reason
    for further in FurtherLabel.objects.filter(**theirs).select_related("label").order_by("pk"):
        images[further.image_id].further_labels.append(further)


def images_of_hit(hit_id: int) -> QuerySet[Image]:
    return Image.objects.filter(pk__in=Item.objects.filter(page__hit=hit_id).values("image"))


VERDICT_COLUMNS = (
    *("id", "verdict", "category", "severity", "counted", "role", "worker_id", "submission_id", "created_at"),
    *("excluded", "item__public_id", "item__label__index", "item__n_models", "item__origin", "item__page__review_id"),
    *("image__name", "image__dataset_label__index", "submission__settings__dataset__pseudonym_key"),
    *(
        "submission__state",
        "submission__settings__version",
        "item__page__review__stage",
        "submission__hit__batch__closed_at",
    ),
)


def verdicts_of(dataset: Dataset) -> QuerySet[Verdict, Any]:
    """Return all verdicts of the dataset's reviews, in a stable order: tuples, for `verdict_row`."""
    verdicts = Verdict.objects.filter(submission__settings__dataset=dataset).annotate(excluded=is_excluded())
    return verdicts.order_by("id").values_list(*VERDICT_COLUMNS, named=True)


def verdict_row(verdict: Any, labels: Mapping[int, Label] | None = None) -> dict[str, Any]:
    """Return a row of the file of verdicts, for one of `verdicts_of`; with `labels` (by index) add their names.

    While a blind review is open, its rows do not tell where a label is from.
    """
    blinded = verdict.item__page__review__stage == Review.Stage.BLIND and not verdict.submission__hit__batch__closed_at
    row = {
        "image": verdict.image__name,
        "dataset_label": verdict.image__dataset_label__index,
        "label": verdict.item__label__index,
        "verdict": verdict.verdict,
        "category": verdict.category,
        "severity": verdict.severity,
        "n_models": None if blinded else verdict.item__n_models,
        "origin": "" if blinded else verdict.item__origin,
        "counted": verdict.counted,
        "review": verdict.item__page__review_id,
        "item": verdict.item__public_id,
        "worker": pseudonym_under(verdict.submission__settings__dataset__pseudonym_key, verdict.worker_id),
        "role": verdict.role,
        "state": published_state(verdict.submission__state, verdict.excluded),
        "submitted_at": verdict.created_at,
        "settings_version": verdict.submission__settings__version,
        "submission": verdict.submission_id,
    }
    if labels is None:
        return row
    return row | name_cells("dataset_label", row["dataset_label"], labels) | name_cells("label", row["label"], labels)
