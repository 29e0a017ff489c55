"""Pages of the label browser, and what its scripts ask for."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render

from access.permissions.reads import May
from catalog.class_examples.reads import class_examples
from catalog.class_pairs.reads import pairs_of
from catalog.hierarchy.reads import tree_of
from catalog.label_search.reads import search_labels
from catalog.models import ClassExample, Label
from catalog.pages import file_response
from catalog.references.reads import references_of_label
from dashboard.label_browser.context import chooser, hit_rows, level_of, rows_of_tree
from dashboard.pages import dataset_or_404, staff_file, staff_page
from dashboard.subjects import study_of_class_example

MOST_HITS = 50
SECONDS_OF_A_DAY = 24 * 60 * 60


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def search(request: HttpRequest, name: str) -> HttpResponse:
    """Show the form to search for classes, and the classes that fit its text."""
    dataset = dataset_or_404(name)
    text = request.GET.get("text", "").strip()
    hits = search_labels(dataset.label_set, text, MOST_HITS)
    context = {"dataset": dataset, "tab": "label_browser", "text": text, "most": MOST_HITS} | chooser(dataset)
    return render(request, "dashboard/label_browser/search.html", context | {"hits": hits})


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def matches(request: HttpRequest, name: str) -> HttpResponse:
    """Return the classes that fit a text, as the page shows them."""
    dataset = dataset_or_404(name)
    hits = search_labels(dataset.label_set, request.GET.get("text", ""), MOST_HITS)
    return JsonResponse({"hits": hit_rows(dataset, hits)})


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def hierarchy(request: HttpRequest, name: str) -> HttpResponse:
    """Show the map of the hierarchy, and without scripts a level of it as a list."""
    dataset = dataset_or_404(name)
    level = level_of(tree_of(dataset.label_set), request.GET.get("node", ""))
    context = {"dataset": dataset, "tab": "label_browser", "level": level} | chooser(dataset)
    return render(request, "dashboard/label_browser/hierarchy.html", context)


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def tree(request: HttpRequest, name: str) -> HttpResponse:
    """Return the whole hierarchy for the map: a row for each node, in the order of a walk from the root."""
    return JsonResponse({"nodes": rows_of_tree(tree_of(dataset_or_404(name).label_set))})


@staff_page("GET", may=May.SEE_STUDY, of=dataset_or_404)
def label(request: HttpRequest, name: str, index: int) -> HttpResponse:
    """Show a class: its words and definition, its place in the hierarchy, pages about it, and photographs."""
    dataset = dataset_or_404(name)
    subject = get_object_or_404(Label, label_set=dataset.label_set_id, index=index)
    whole = tree_of(dataset.label_set)
    context = {"dataset": dataset, "tab": "label_browser", "label": subject, "text": ""} | chooser(dataset)
    context |= {"level": level_of(whole, whole.node_of(subject).key)}
    context |= {"pairs": pairs_of(subject)}
    context |= {"pages": references_of_label(dataset.pk, subject), "examples": class_examples(dataset, subject)}
    return render(request, "dashboard/label_browser/label.html", context)


@staff_file(may=May.SEE_STUDY, of=study_of_class_example)
def example(request: HttpRequest, size: str, public_id: str) -> FileResponse:
    """Return an example image of a class, large or small."""
    row = get_object_or_404(ClassExample, public_id=public_id)
    if size not in ("large", "small"):
        raise Http404
    return file_response(row.display if size == "large" else row.thumbnail, SECONDS_OF_A_DAY)
