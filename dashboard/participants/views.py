"""What people are told before they begin, which problems they told of, and whether their answers count."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from catalog.errors import UserError
from dashboard.pages import dataset_or_404, staff_page
from dashboard.participants.forms import ExclusionForm, IntroductionForm, ReadmissionForm
from dashboard.participants.reports import kinds_of, reports_of, reports_shown
from studies.exclusions.actions import exclude, lift_exclusion
from workforce.introductions.actions import introduce
from workforce.introductions.reads import introduction_of
from workforce.models import Report, Submission

REPORTS_PER_PAGE = 50
FORMS = {"exclude": ExclusionForm, "readmit": ReadmissionForm}


@staff_page("GET", "POST")
def introduction(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    known = introduction_of(dataset.pk)
    form = IntroductionForm(request.POST or None, initial=model_to_dict(known) if known else None)
    if form.is_bound and form.is_valid():
        introduce(dataset=dataset, fields=form.told())
        messages.success(request, "People are told this from now on.")
        return redirect("setup-introduction", name)
    context = {"dataset": dataset, "tab": "marketplace", "form": form}
    return render(request, "dashboard/participants/introduction.html", context, status=422 if form.errors else 200)


@staff_page("GET")
def reports(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    told = reports_of(dataset)
    pages = Paginator(told.select_related("lease__batch__terms", "lease__hit"), REPORTS_PER_PAGE)
    page = pages.get_page(request.GET.get("page", "1"))
    context = {
        "dataset": dataset,
        "tab": "marketplace",
        "kinds": kinds_of(told),
        "page": page,
        "reports": reports_shown(dataset, list(page)),
    }
    return render(request, "dashboard/participants/reports.html", context)


@staff_page("GET", "POST")
def about_report(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Whether the answer that goes with a report counts: a person decides it, and can take it back."""
    report = get_object_or_404(Report.objects.select_related("lease__batch__dataset"), pk=pk)
    dataset = report.lease.batch.dataset
    (shown,) = reports_shown(dataset, [report])
    if act not in FORMS or shown.submission is None:
        raise Http404
    form = FORMS[act](request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _decided(request, act, shown.submission, form):
        return redirect("setup-reports", dataset.name)
    context = {"dataset": dataset, "tab": "marketplace", "form": form, "act": act, "item": shown}
    return render(request, "dashboard/participants/report_decision.html", context, status=422 if form.errors else 200)


def _decided(request: HttpRequest, act: str, submission: Submission, form: forms.Form) -> bool:
    try:
        if act == "exclude":
            exclude(number=submission.pk, reason=form.cleaned_data["reason"])
        else:
            lift_exclusion(number=submission.pk)
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    counts = "counts no more; it stays stored and paid" if act == "exclude" else "counts again"
    messages.success(request, f"Submission {submission.pk} {counts}.")
    return True
