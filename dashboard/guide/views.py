"""Pages that show the labelling guide: its list, an entry, versions and differences, the whole as a document."""

from typing import Any

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext

from access.permissions.reads import May
from audit.actions import Area, record_use
from catalog.errors import UserError
from catalog.guide.differences.reads import differences
from catalog.guide.pages import entry_views, view_of
from catalog.guide.reads import content_of, entries_of, labels_of, n_entries, search_entries, versions_of
from catalog.models import Dataset, GuideEntry, GuidePicture
from catalog.pages import file_response
from catalog.reads import dataset_named
from dashboard.guide.forms import number_in
from dashboard.guide.lists import guides_to_share, pairs_to_write_about
from dashboard.pages import dataset_or_404, permissions, researcher, staff_file, staff_page
from data_export.guide.pages import DOCUMENTS

ENTRIES_PER_PAGE = 20
SECONDS_OF_A_DAY = 86_400


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def entries(request: HttpRequest, name: str) -> HttpResponse:
    """Show the guide: all entries in class order, groups alone, or those with some words, the best match first."""
    dataset = dataset_or_404(name)
    search, only = request.GET.get("search", "").strip(), request.GET.get("only", "")
    rows = search_entries(dataset, search) if search else entries_of(dataset)
    rows = rows.filter(labels__len__gte=2) if only == "groups" else rows
    page = Paginator(rows, ENTRIES_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {"search": search, "only": only, "page": page, "views": entry_views(dataset, page), **_about(dataset)}
    context["extra"] = "".join(f"{urlencode({key: context[key]})}&" for key in ("search", "only") if context[key])
    context["shared"] = guides_to_share(dataset, researcher(request)) if May.EDIT_STUDY in permissions(request) else []
    return render(request, "dashboard/guide/entries.html", context)


def _about(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "tab": "guide",
        "counts": n_entries(dataset),
        "withdrawn": list(entries_of(dataset, withdrawn=True)),
        "pairs": pairs_to_write_about(dataset),
        "documents": DOCUMENTS.values(),
    }


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def entry(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    dataset = dataset_or_404(name)
    (view,) = entry_views(dataset, [entry_or_404(dataset, pk)])
    context = {"dataset": dataset, "tab": "guide", "view": view}
    return render(request, "dashboard/guide/entry.html", context)


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def versions(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    dataset = dataset_or_404(name)
    row = entry_or_404(dataset, pk)
    context = {"dataset": dataset, "tab": "guide", "entry": row, "versions": list(versions_of(row))}
    return render(request, "dashboard/guide/versions.html", context)


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def version(request: HttpRequest, name: str, pk: int, number: int) -> HttpResponse:
    dataset = dataset_or_404(name)
    row = get_object_or_404(versions_of(entry_or_404(dataset, pk)), number=number)
    context = {"dataset": dataset, "tab": "guide", "entry": row.entry, "view": view_of(dataset, content_of(row), row)}
    return render(request, "dashboard/guide/version.html", context)


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def differences_shown(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Show the differences of two versions of an entry; by default those that the latest one made."""
    dataset = dataset_or_404(name)
    row = entry_or_404(dataset, pk)
    chosen = [number_in(request.GET.get(side, "")) for side in ("from", "to")]
    numbers = sorted((chosen[0] or max(1, row.version - 1), chosen[1] or row.version))
    former, later = (get_object_or_404(versions_of(row), number=number) for number in numbers)
    contents = content_of(former), content_of(later)
    labels = labels_of(dataset, (index for content in contents for index in content.labels))
    sections = differences(*contents, lambda index: labels[index].name if index in labels else str(index))
    context = {"dataset": dataset, "tab": "guide", "entry": row, "former": former, "later": later}
    return render(request, "dashboard/guide/differences.html", context | {"sections": sections})


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def document(request: HttpRequest, name: str, format: str) -> HttpResponse:
    """Send the whole guide as one document."""
    if format not in DOCUMENTS:
        raise Http404
    dataset, kind = dataset_named(name), DOCUMENTS[format]
    try:
        content = kind.make(dataset)
    except UserError as error:
        context = {"dataset": dataset, "tab": "guide", "problem": error.for_page}
        return render(request, "dashboard/guide/no_document.html", context, status=409)
    record_use(area=Area.EXPORT, action="guide.export", subject=f"dataset {dataset}", after={"format": format})
    response = HttpResponse(content, content_type=kind.content_type)
    file = gettext("Labelling guide of %(dataset)s") % {"dataset": dataset.name}
    response["Content-Disposition"] = content_disposition_header(True, f"{file}.{format}") or "attachment"
    return response


@staff_file(may=May.SEE_STUDY, of=dataset_or_404)
def picture(request: HttpRequest, name: str, public_id: str) -> FileResponse:
    """Return a picture of the guide."""
    row = get_object_or_404(GuidePicture, public_id=public_id, guide__uses__dataset__name=name)
    return file_response(row.picture, SECONDS_OF_A_DAY)


def entry_or_404(dataset: Dataset, pk: int) -> GuideEntry:
    """Return an entry of the study's guide, also a withdrawn one."""
    return get_object_or_404(GuideEntry, pk=pk, guide__uses__dataset=dataset)
