"""Reads of what the pages of a review show beside its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext, gettext_lazy

from access.permissions.reads import May, roles_with
from catalog.examples.reads import Examples, examples_of
from catalog.guide.pages import guide_beside
from catalog.label_search.reads import search_labels
from catalog.models import Dataset, Label, LabelSet
from catalog.reads import current_settings
from catalog.references.reads import Reference, references_of_label
from review_task.assignments.reads import is_assigned_to_others
from review_task.models import ClassPage, ProblemMark, Review
from review_task.reads import PageRow
from workforce.models import Slot

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# As the release words them (TFDS, imagenet2012_multilabel).
PUBLISHED_REASONS = {
    ProblemMark.Reason.LABEL: gettext_lazy("The dataset’s label is incorrect or unclear"),
    ProblemMark.Reason.DRAWING: gettext_lazy("A drawing, painting, sketch, cartoon or computer rendering"),
    ProblemMark.Reason.EDITED: gettext_lazy("Excessively edited"),
    ProblemMark.Reason.INAPPROPRIATE: gettext_lazy("Inappropriate content"),
}
FILTERS = {
    "": gettext_lazy("All"),
    "mine": gettext_lazy("Begun by you"),
    "open": gettext_lazy("Open"),
    "done": gettext_lazy("Reviewed by you"),
    "full": gettext_lazy("With all reviewers"),
    "others": gettext_lazy("Assigned to others"),
}


@dataclass(frozen=True)
class About:
    """Explanation of a class: reference pages, example photographs of it and of its look-alikes, and the guide."""

    label: Label
    references: list[Reference]
    examples: Examples
    guide: dict[str, Any]


def about(review: Review, label: Label) -> About:
    dataset = review.batch.dataset
    references = references_of_label(dataset.pk, label)
    return About(label, references, examples_of(current_settings(dataset), label), guide_beside(dataset, label))


def review_named(pk: int) -> Review:
    """Return a review with its study. Raises Http404."""
    review = Review.objects.select_related("batch__dataset__label_set").filter(pk=pk).first()
    if review is None:
        raise Http404
    return review


def class_page_named(pk: int) -> ClassPage:
    """Return a page with its review and study. Raises Http404."""
    related = ("hit", "label", "review__batch__dataset__label_set")
    page = ClassPage.objects.select_related(*related).filter(pk=pk).first()
    if page is None:
        raise Http404
    return page


def classes_shown(rows: Sequence[PageRow], label_set: LabelSet, search: str, state: str) -> list[PageRow]:
    """Return the classes of a review in a state, all or those that a search finds, the best first."""
    rows = [row for row in rows if state in ("", row.state)]
    if not search:
        return rows
    places = {hit.label.pk: place for place, hit in enumerate(search_labels(label_set, search))}
    hits = [row for row in rows if row.label is not None and row.label.pk in places]
    return sorted(hits, key=lambda row: places[row.label.pk if row.label else 0])


def problem_reasons(review: Review) -> "list[tuple[str, StrOrPromise]]":
    """Return the reasons why an image is problematic: the published ones, and those of the review."""
    return [*PUBLISHED_REASONS.items(), *((reason.words, reason.words) for reason in review.problem_reasons.all())]


def obstacle_of(page: ClassPage, user: User, *, has_seat: bool) -> str:
    """Return why a person cannot review a class; nothing if they can."""
    if page.review.batch.closed_at is not None:
        return gettext("This review is closed: it takes no more verdicts.")
    if has_seat:
        return ""
    if is_assigned_to_others(page, user):
        return gettext("This class is assigned to other reviewers. You can look at it.")
    if not Slot.objects.filter(hit=page.hit_id, state=Slot.State.FREE).exists():
        return gettext("This class has all its reviewers. You can look at it.")
    return ""


def reviewers_of(dataset: Dataset) -> QuerySet[User]:
    """Return the members of a study who may review, by name."""
    members = dataset.memberships.filter(role__in=roles_with(May.REVIEW)).values("user")
    return User.objects.filter(pk__in=members, is_active=True).order_by("username")
