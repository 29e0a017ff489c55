"""The tab Review: reviews with their progress, and the classes of one."""

from dataclasses import dataclass
from functools import cached_property

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext

from access.permissions.reads import May
from dashboard.pages import dataset_or_404, permissions, researcher, staff_page
from dashboard.review.forms import AssignmentForm, OpenReviewForm, PredictionsFile, ReasonForm
from dashboard.review.reads import FILTERS, about, classes_shown, review_named
from dashboard.subjects import study_of_review
from review_task.blinding.reads import is_hidden
from review_task.models import ClassPage, Review
from review_task.progress.reads import Forecast, Progress, forecast, progress
from review_task.reads import NEXT_STATES, next_page, pages_of, reviews_of

CLASSES_PER_PAGE = 100


@dataclass(frozen=True)
class ReviewShown:
    """A review with its progress and the forecast of its end."""

    review: Review

    @cached_property
    def progress(self) -> Progress:
        return progress(self.review)

    @cached_property
    def forecast(self) -> Forecast:
        return forecast(self.review, self.progress)


@staff_page("GET", may=May.REVIEW, of=dataset_or_404)
def reviews(request: HttpRequest, name: str) -> HttpResponse:
    """Show the reviews of a study, and to those who may the form that opens one."""
    dataset = dataset_or_404(name)
    context = {"dataset": dataset, "tab": "review", "reviews": [ReviewShown(row) for row in reviews_of(dataset)]}
    context["form"] = OpenReviewForm() if May.OPEN_BATCHES in permissions(request) else None
    return render(request, "dashboard/review/reviews.html", context)


@staff_page("GET", may=May.REVIEW, of=study_of_review)
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the classes of a review, as far as they are for its reader."""
    row, user = review_named(pk), researcher(request)
    search, state = request.GET.get("search", "").strip(), request.GET.get("show", "")
    if state and state not in FILTERS:
        raise Http404
    rows = pages_of(row, user)
    shown = classes_shown(rows, row.batch.dataset.label_set, search, state)
    extra = {key: value for key, value in (("search", search), ("show", state)) if value}
    context = {
        "dataset": row.batch.dataset,
        "tab": "review",
        "shown": ReviewShown(row),
        "hidden": is_hidden(row),
        "page": Paginator(shown, CLASSES_PER_PAGE).get_page(request.GET.get("page", "1")),
        "extra": f"{urlencode(extra)}&" if extra else "",
        "search": search,
        "state": state,
        "filters": [(key, words) for key, words in FILTERS.items()],
        "has_next": any(each.state in NEXT_STATES for each in rows),
        "assignment": AssignmentForm(review=row),
        "reason": ReasonForm(),
        "predictions": PredictionsFile(auto_id="predictions_%s"),
    }
    return render(request, "dashboard/review/review.html", context)


@staff_page("GET", may=May.REVIEW, of=study_of_review)
def next_class(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to the next class that the reader has to review. Reviewed ones are skipped."""
    row, number = review_named(pk), request.GET.get("after", "")
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    after = ClassPage.objects.filter(review=row, pk=int(number)).first() if is_number else None
    page = next_page(row, researcher(request), after)
    if page is not None:
        return redirect("class-page", page.pk)
    messages.success(request, gettext("There is no other class for you to review now."))
    return redirect("review", pk)


@staff_page("GET", may=May.REVIEW, of=study_of_review)
def about_label(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """Show what explains a label: beside a class page, or as a page of its own."""
    row = review_named(pk)
    dataset = row.batch.dataset
    label = get_object_or_404(dataset.label_set.labels, index=index)
    context = {"dataset": dataset, "review": row, "about": about(row, label)}
    return render(request, "dashboard/review/label.html", context)
