"""Decisions of researchers about a review: opening and closing it, assignments, its own reasons, later predictions."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page, takes_bodies_up_to
from dashboard.review.families import assign_family
from dashboard.review.forms import AssignmentForm, OpenReviewForm, PredictionsFile, ReasonForm
from dashboard.review.reads import review_named
from dashboard.subjects import study_of_review
from data_import.reviews.actions import add_predictions_of_file, open_review_of_file
from data_import.small_uploads import actions as uploads
from review_task.actions import Added, add_predictions, close_review, open_review, unassign
from review_task.models import Review
from review_task.reasons.actions import add_reason


@takes_bodies_up_to(lambda: uploads.MOST_BYTES_OF_A_FORM)
@staff_page("POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def open_study_review(request: HttpRequest, name: str) -> HttpResponse:
    """Open a review of the predictions on the site, or of those in a file."""
    dataset, form = dataset_or_404(name), OpenReviewForm(request.POST, request.FILES)
    review = _carried_out(request, form, lambda: _open(dataset, **form.cleaned_data))
    if review is None:
        return redirect("reviews", name)
    messages.success(request, gettext("Review “%(title)s” is open.") % {"title": review.title})
    return redirect("review", review.pk)


def _open(dataset: Dataset, file: "UploadedFile[Any] | None", **figures: Any) -> Review:
    if file is None:
        return open_review(dataset=dataset, **figures)
    with uploads.kept_for_now(file) as stored:
        return open_review_of_file(name=dataset.name, label_set=None, file=stored, **figures)


@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_review)
def assign_classes(request: HttpRequest, pk: int) -> HttpResponse:
    """Assign a class or a family of classes to people, or to a group of them."""
    review = review_named(pk)
    form = AssignmentForm(request.POST, review=review)
    n_classes = _carried_out(request, form, lambda: assign_family(review=review, **form.cleaned_data))
    if n_classes:
        words = ngettext("%(n)s class assigned.", "%(n)s classes assigned.", n_classes)
        messages.success(request, words % {"n": n_classes})
    return redirect("review", pk)


@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_review)
def unassign_class(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Let anybody review a class again."""
    page = get_object_or_404(review_named(pk).pages.select_related("label"), number=number)
    unassign(page=page)
    messages.success(request, gettext("The class is assigned to nobody any more."))
    return redirect("review", pk)


@takes_bodies_up_to(lambda: uploads.MOST_BYTES_OF_A_FORM)
@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_review)
def add_new_predictions(request: HttpRequest, pk: int) -> HttpResponse:
    """Add predictions that came later: only what is new is open again."""
    review, form = review_named(pk), PredictionsFile(request.POST, request.FILES)
    added = _carried_out(request, form, lambda: _add(review, form.cleaned_data["file"]))
    if added is not None:
        words = gettext("New predictions: %(n_items)s. Their images: %(n_images)s. Their classes: %(n_pages)s.")
        messages.success(request, words % added._asdict())
    return redirect("review", pk)


def _add(review: Review, file: "UploadedFile[Any] | None") -> Added:
    if file is None:
        return add_predictions(review=review)
    with uploads.kept_for_now(file) as stored:
        return add_predictions_of_file(review=review, file=stored)


@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_review)
def add_own_reason(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a reason why an image is problematic."""
    review, form = review_named(pk), ReasonForm(request.POST)
    reason = _carried_out(request, form, lambda: add_reason(review=review, **form.cleaned_data))
    if reason is not None:
        messages.success(request, gettext("Reviewers can choose “%(reason)s”.") % {"reason": reason.words})
    return redirect("review", pk)


@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_review)
def close_study_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a review: it takes no more verdicts."""
    review: Review = close_review(review=review_named(pk))
    messages.success(request, gettext("Review “%(title)s” is closed.") % {"title": review.title})
    return redirect("review", pk)


def _carried_out(request: HttpRequest, form: forms.Form | None, act: Callable[[], Any]) -> Any:
    """Return what an action returns; None, after a message, if the form or the action refuses."""
    if form is not None and not form.is_valid():
        for field, errors in form.errors.items():
            label = form.fields[field].label if field in form.fields else ""
            messages.error(request, f"{label}: {' '.join(map(str, errors))}")
        return None
    try:
        return act()
    except UserError as error:
        messages.error(request, error.for_page)
        return None
