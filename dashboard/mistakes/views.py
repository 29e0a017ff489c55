"""Mistake queues of a study: opening one, its overview by category and severity, and the images behind each figure."""

import io

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext

from access.permissions.reads import May
from audit.actions import Area, record_use
from catalog.errors import UserError
from catalog.models import Label
from dashboard.mistakes.forms import OpenQueueForm
from dashboard.mistakes.reads import OTHER_STATES, ids_behind, images_address, mistakes_shown, overview_of
from dashboard.pages import dataset_or_404, permissions, researcher, staff_page
from dashboard.subjects import permission_of_item, study_of_item, study_of_review
from data_export.reads import FORMATS
from review_task.mistakes.actions import pair_classes
from review_task.mistakes.reads import (
    COLUMNS,
    classifiers_of,
    judged_mistakes,
    labels_beside,
    mistake_row,
    queues_of,
)
from review_task.mistakes.texts.reads import opened_message
from review_task.models import Item, Review
from studies.mistakes.actions import open_mistake_queue

IMAGES_PER_PAGE = 24
LONGEST_VALUE = 60
NAMES = ("category", "severity", "state")


def _queue(pk: int) -> Review:
    queues = Review.objects.filter(stage=Review.Stage.MISTAKES)
    return get_object_or_404(queues.select_related("batch__dataset__label_set", "classifier"), pk=pk)


def _values(fields: QueryDict) -> dict[str, str]:
    """Return what names a figure of the overview. Raises Http404 for a state that there is not."""
    values = {name: str(fields[name]) for name in NAMES if fields.get(name)}
    if any(len(value) > LONGEST_VALUE or "\0" in value for value in values.values()):
        raise Http404
    if values.get("state", OTHER_STATES[0]) not in OTHER_STATES:
        raise Http404
    return values


@staff_page("GET", may=May.SEE_RESULTS, of=dataset_or_404)
def queues(request: HttpRequest, name: str) -> HttpResponse:
    """Show the mistake queues of a study, and to those who may the form that opens one."""
    dataset = dataset_or_404(name)
    form = OpenQueueForm(dataset) if May.OPEN_BATCHES in permissions(request) else None
    context = {"dataset": dataset, "tab": "mistakes", "queues": queues_of(dataset), "form": form}
    context["has_classifiers"] = classifiers_of(dataset).exists()
    return render(request, "dashboard/mistakes/queues.html", context)


@staff_page("POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def open_queue(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    form = OpenQueueForm(dataset, request.POST)
    if form.is_valid():
        try:
            opened = open_mistake_queue(dataset=dataset, **form.cleaned_data)
        except UserError as error:
            form.add_error(None, error.for_page)
        else:
            for line in opened_message(opened):
                messages.success(request, line)
            return redirect("mistakes-of-queue", opened.review.pk)
    context = {"dataset": dataset, "tab": "mistakes", "queues": queues_of(dataset), "form": form}
    context["has_classifiers"] = classifiers_of(dataset).exists()
    return render(request, "dashboard/mistakes/queues.html", context, status=422)


@staff_page("GET", may=May.SEE_RESULTS, of=study_of_review)
def overview(request: HttpRequest, pk: int) -> HttpResponse:
    review = _queue(pk)
    context = {"dataset": review.batch.dataset, "tab": "mistakes", "review": review, "overview": overview_of(review)}
    return render(request, "dashboard/mistakes/overview.html", context)


@staff_page("GET", may=May.SEE_RESULTS, of=study_of_review)
def images(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the images behind a figure of the overview."""
    review, values = _queue(pk), _values(request.GET)
    page = Paginator(ids_behind(review, **values), IMAGES_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "dataset": review.batch.dataset,
        "tab": "mistakes",
        "review": review,
        "values": values,
        "page": page,
        "extra": f"{urlencode(values)}&" if values else "",
        "mistakes": mistakes_shown(review, list(page)),
    }
    return render(request, "dashboard/mistakes/images.html", context)


@staff_page("GET", may=May.READ_ANNOTATIONS, of=study_of_review)
def file(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the judged mistakes of a queue as the file that an import reads."""
    review, out = _queue(pk), io.StringIO(newline="")
    rows = judged_mistakes(review.batch.dataset).filter(page__review=review).order_by("image__name", "label__index")
    FORMATS["csv"].write(list(COLUMNS), map(mistake_row, rows), out, True)
    subject = f"mistakes of review {review.pk} of dataset {review.batch.dataset}"
    if request.method != "HEAD":
        record_use(area=Area.EXPORT, action="rows.download", subject=subject, after={"format": "csv"})
    name = content_disposition_header(True, f"mistakes-{review.pk}.csv") or "attachment"
    return HttpResponse(out.getvalue(), FORMATS["csv"].content_type, headers={"Content-Disposition": name})


def _item(public_id: str) -> Item:
    related = ("page__review__batch__dataset__label_set", "page__review__classifier", "image__dataset_label", "label")
    items = Item.objects.filter(page__review__stage=Review.Stage.MISTAKES)
    return get_object_or_404(items.select_related(*related), public_id=public_id)


@staff_page("POST", may=permission_of_item, of=study_of_item)
def pair(request: HttpRequest, public_id: str) -> HttpResponse:
    """Add two classes of a mistake to the registry of pairs, and go back to where the button was."""
    item = _item(public_id)
    other = next((label for label in labels_beside(item) if str(label.index) == request.POST.get("other")), None)
    if other is None:
        messages.error(request, gettext("That class is none of the image’s labels."))
    else:
        _add_pair(request, item, other)
    if request.POST.get("back") == "discussion" or May.SEE_RESULTS not in permissions(request):
        return redirect("discussion", public_id)
    return redirect(images_address(item.page.review, **_values(request.POST)))


def _add_pair(request: HttpRequest, item: Item, other: Label) -> None:
    try:
        _, is_new = pair_classes(item=item, other=other, kind=request.POST.get("kind", ""), user=researcher(request))
    except UserError as error:
        messages.error(request, error.for_page)
        return
    words = gettext("“%(first)s” and “%(second)s” are added to the class pairs.")
    old = gettext("This queue has said so of “%(first)s” and “%(second)s” before.")
    messages.success(request, (words if is_new else old) % {"first": item.label.name, "second": other.name})
