"""The page Agreement of a study, and the images behind each of its figures."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from access.permissions.reads import May
from aggregation.agreement.actions import ask_for_agreement
from aggregation.models import AgreementOfStudy
from dashboard.agreement.images import IMAGES_PER_PAGE, behind_figure, cards_of, cards_of_two
from dashboard.agreement.reads import (
    confusions_shown,
    page_of_classes,
    whole_study,
    worker_matrix,
    workers_by_pseudonym,
)
from dashboard.pages import dataset_or_404, permissions, staff_page


@staff_page("GET", may=May.SEE_RESULTS, of=dataset_or_404)
def agreement(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    page, classes = page_of_classes(dataset, request.GET.get("classes", "1"))
    context = {
        "dataset": dataset,
        "tab": "agreement",
        "study": AgreementOfStudy.objects.filter(dataset=dataset).exclude(computed_at=None).first(),
        "alphas": whole_study(dataset),
        "page": page,
        "classes": classes,
        "confusions": confusions_shown(dataset),
        "matrix": worker_matrix(dataset) if May.SEE_WORKERS in permissions(request) else None,
    }
    return render(request, "dashboard/agreement/agreement.html", context)


@staff_page("POST", may=May.EDIT_STUDY, of=dataset_or_404)
def recompute(request: HttpRequest, name: str) -> HttpResponse:
    ask_for_agreement(dataset=dataset_or_404(name))
    messages.success(request, gettext("The figures are being computed. They are here in a few seconds."))
    return redirect("agreement", name)


@staff_page("GET", may=May.SEE_RESULTS, of=dataset_or_404)
def images(request: HttpRequest, of: str, name: str) -> HttpResponse:
    """Show the images behind a figure, those on which people agree least first."""
    dataset = dataset_or_404(name)
    figure = behind_figure(dataset, of, request.GET)
    page = Paginator(figure.image_ids, IMAGES_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {"dataset": dataset, "tab": "agreement", "title": figure.title, "page": page, "extra": figure.extra}
    context["cards"] = cards_of(list(page), figure.label_ids)
    return render(request, "dashboard/agreement/images.html", context)


@staff_page("GET", may=May.SEE_WORKERS, of=dataset_or_404)
def two_workers(request: HttpRequest, first: str, second: str, name: str) -> HttpResponse:
    """Show the pairs that two workers both answered, those with different answers first."""
    dataset = dataset_or_404(name)
    workers = workers_by_pseudonym(dataset)
    if first not in workers or second not in workers or first == second:
        raise Http404
    title = gettext("Answers of %(first)s and %(second)s") % {"first": first, "second": second}
    answers, number = (workers[first], workers[second]), request.GET.get("page", "1")
    page, cards = cards_of_two(dataset, answers, number)
    context = {"dataset": dataset, "tab": "agreement", "title": title, "page": page, "cards": cards, "extra": ""}
    context["workers"] = [first[:8], second[:8]]
    return render(request, "dashboard/agreement/images.html", context)
