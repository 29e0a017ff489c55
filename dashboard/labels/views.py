"""The page Labels: the classes of a study, and the pages that explain them to workers."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext

from access.permissions.reads import May
from catalog.errors import UserError
from catalog.models import Dataset, Label
from catalog.references.reads import references_of, study_references
from dashboard.labels.forms import LabelPages, ReferencesFile, as_lines
from dashboard.pages import dataset_or_404, staff_page, takes_bodies_up_to
from data_import.references.actions import change_references, import_references, imported_message
from data_import.small_uploads import actions as uploads

LABELS_PER_PAGE = 50


@takes_bodies_up_to(lambda: uploads.MOST_BYTES_OF_A_FORM)
@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def labels(request: HttpRequest, name: str) -> HttpResponse:
    """Show the labels with their pages, or take a file of pages."""
    dataset = dataset_or_404(name)
    form = ReferencesFile(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and _import(request, dataset, form):
        return redirect("setup-labels", name)
    search = request.GET.get("search", "").strip()
    page = Paginator(_labels_with(dataset, search), LABELS_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {"dataset": dataset, "tab": "labels", "form": form, "search": search, "page": page}
    context |= {"rows": _rows(dataset, list(page)), "extra": urlencode({"search": search}) + "&" if search else ""}
    return render(request, "dashboard/labels/labels.html", context, status=422 if form.errors else 200)


def _labels_with(dataset: Dataset, search: str) -> QuerySet[Label]:
    """Return the labels whose words, wnid or index a search names; all for an empty one."""
    rows = Label.objects.filter(label_set=dataset.label_set_id).order_by("index")
    if not search:
        return rows
    matches = Q(words__icontains=search) | Q(wnid=search)
    if search.isascii() and search.isdecimal() and len(search) < 10:
        matches |= Q(index=int(search))
    return rows.filter(matches)


def _rows(dataset: Dataset, shown: list[Label]) -> list[dict[str, Any]]:
    pages, own = references_of(dataset, shown), study_references(dataset, shown)
    return [{"label": label, "pages": pages[label.pk], "is_own": label.pk in own} for label in shown]


def _import(request: HttpRequest, dataset: Dataset, form: ReferencesFile) -> bool:
    try:
        with uploads.kept_for_now(form.cleaned_data["file"]) as file:
            outcome = import_references(dataset=dataset, file=file)
    except UserError as error:
        form.add_error("file", error.for_page)
        return False
    messages.success(request, imported_message(outcome))
    return True


@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def label(request: HttpRequest, name: str, index: int) -> HttpResponse:
    """Show the pages of one label, and change them."""
    dataset = dataset_or_404(name)
    subject = get_object_or_404(Label, label_set=dataset.label_set_id, index=index)
    own = study_references(dataset, [subject]).get(subject.pk, [])
    form = LabelPages(request.POST or None, label=subject, initial={"pages": as_lines(own)})
    if request.method == "POST" and form.is_valid():
        change_references(dataset=dataset, label=subject, references=form.cleaned_data["pages"])
        messages.success(request, gettext("Pages of “%(label)s” saved.") % {"label": subject.name})
        return redirect("setup-labels", name)
    context = {"dataset": dataset, "tab": "labels", "label": subject, "form": form}
    return render(request, "dashboard/labels/label.html", context, status=422 if form.errors else 200)
