"""A review as a file: all that was asked and said as JSON lines, or its label sets as one JSON document."""

import json
from collections.abc import Iterator

from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import Dataset
from review_task.blinding.reads import is_blinded
from review_task.files.reads import label_set_document, line_of, log_of, reviews_to_export
from review_task.models import Review

FORMATS = ("jsonl", "json")


class BlindReviewOpen(UserError):
    """An open blind review, of which a file would tell where labels are from."""


class UnknownReview(UserError):
    """A title of no review of the dataset, or a dataset without reviews."""


def review_named(dataset: Dataset, title: str) -> Review:
    """Return the newest review of this title, or the newest of all for an empty one. Raises UnknownReview."""
    reviews = reviews_to_export(dataset)
    chosen = (reviews.filter(title=title) if title else reviews).order_by("pk").last()
    if chosen is None:
        titles = ", ".join(f"“{name}”" for name in reviews.order_by("pk").values_list("title", flat=True))
        values = {"dataset": dataset.name, "title": title, "titles": titles}
        if not titles:
            raise UnknownReview(gettext("“%(dataset)s” has no review.") % values)
        raise UnknownReview(gettext("“%(dataset)s” has no review “%(title)s”. Its reviews: %(titles)s.") % values)
    return chosen


def review_to_export(pk: int) -> Review:
    """Return the review of this number, with what its file needs."""
    return Review.objects.select_related("batch__dataset", "earlier", "classifier").get(pk=pk)


def check_not_blinded(review: Review, format: str) -> None:
    """Refuse to write all of a blind review that is open: it says where labels are from. Raises BlindReviewOpen."""
    if format != "json" and is_blinded(review):
        raise BlindReviewOpen(
            gettext("“%(title)s” is a blind review, and open.") % {"title": review.title},
            shell=gettext("Close it first, or write its label sets as .json."),
            page=gettext("Close it first, or take its label sets."),
        )


def written_review(review: Review, format: str) -> Iterator[str]:
    """Yield the text of a review's file in a format of FORMATS. Call it in one transaction."""
    if format == "json":
        yield json.dumps(label_set_document(review), ensure_ascii=False, indent=1) + "\n"
        return
    check_not_blinded(review, format)
    for row in log_of(review).rows():
        yield json.dumps(line_of(row), ensure_ascii=False) + "\n"
