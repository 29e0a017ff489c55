"""Opening of a blind review, and its outcome, which is shown once it is closed: it tells labels apart."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from access.permissions.reads import May
from audit.actions import Area, record_use
from catalog.errors import UserError
from dashboard.outcomes.forms import SecondReviewForm
from dashboard.outcomes.reads import counts_of, page_of_images, rows_of_file, sources_of
from dashboard.pages import staff_page
from dashboard.review.reads import review_named
from dashboard.subjects import study_of_review
from review_task.blind.reads import outcome_of
from review_task.blinding.reads import is_blinded
from review_task.models import Review
from studies.second_reviews.actions import open_second_review


@staff_page("GET", "POST", may=May.OPEN_BATCHES, of=study_of_review)
def open_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form that opens a blind review of a review's images, and open it."""
    earlier = review_named(pk)
    sources = sources_of(earlier)
    form = SecondReviewForm(*([request.POST] if request.method == "POST" else []), sources=sources)
    if form.is_valid():
        try:
            review = open_second_review(earlier=earlier, **form.cleaned_data)
        except UserError as error:
            form.add_error(None, error.for_page)
        else:
            messages.success(request, gettext("Blind review “%(title)s” is open.") % {"title": review.title})
            return redirect("review", review.pk)
    context = {"dataset": earlier.batch.dataset, "tab": "review", "earlier": earlier, "form": form, "sources": sources}
    return render(request, "dashboard/outcomes/open.html", context)


@staff_page("GET", may=May.REVIEW, of=study_of_review)
def outcome(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what a blind review changed. While it is open, the page says so and nothing else."""
    review = _blind_review(pk)
    context = {"dataset": review.batch.dataset, "tab": "review", "review": review}
    if is_blinded(review):
        return render(request, "dashboard/outcomes/open_yet.html", context)
    result, show = outcome_of(review), request.GET.get("show", "")
    page, images = page_of_images(result, show, request.GET.get("page", "1"))
    context |= {"counts": counts_of(result), "n_images": result.n_images, "show": show, "page": page, "images": images}
    context["extra"] = f"show={show}&" if show else ""
    return render(request, "dashboard/outcomes/outcome.html", context)


@staff_page("GET", may=May.REVIEW, of=study_of_review)
def outcome_file(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Return the outcome as CSV: a label of an image each, with its states and the outcome of the image."""
    review = _blind_review(pk)
    if is_blinded(review):
        raise Http404
    if request.method != "HEAD":
        record_use(area=Area.EXPORT, action="review_outcome.export", subject=f"review {pk}", after={})
    response = StreamingHttpResponse(rows_of_file(outcome_of(review)), content_type="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="outcome-{pk}.csv"'
    return response


def _blind_review(pk: int) -> Review:
    review = review_named(pk)
    if review.stage != Review.Stage.BLIND:
        raise Http404
    return review
