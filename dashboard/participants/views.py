"""Pages of the study's introduction, the reported problems, and the exclusion of submissions."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.translation import gettext

from access.permissions.reads import May
from catalog.errors import UserError
from dashboard.pages import dataset_or_404, staff_page
from dashboard.participants.forms import ExclusionForm, IntroductionForm, ReadmissionForm
from dashboard.participants.reports import kinds_of, reports_of, reports_shown
from dashboard.subjects import study_of_report
from studies.exclusions.actions import exclude, lift_exclusion
from workforce.consents.reads import n_agreed
from workforce.introductions.actions import introduce
from workforce.introductions.reads import introduction_of
from workforce.models import Report, Submission

REPORTS_PER_PAGE = 50
# Tabs whose pages lead to the reported problems, as the parameter `from` names them.
ORIGINS = ("marketplace", "results")
FORMS = {"exclude": ExclusionForm, "readmit": ReadmissionForm}


@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def introduction(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    stored = introduction_of(dataset.pk)
    form = IntroductionForm(request.POST or None, initial=model_to_dict(stored) if stored else None)
    if form.is_bound and form.is_valid():
        introduce(dataset=dataset, fields=form.values())
        messages.success(request, gettext("Introduction saved. Workers see it from now on."))
        return redirect("setup-introduction", name)
    context = {"dataset": dataset, "tab": "marketplace", "form": form, "n_agreed": n_agreed(dataset)}
    return render(request, "dashboard/participants/introduction.html", context, status=422 if form.errors else 200)


@staff_page("GET", may=May.SEE_WORKERS, of=dataset_or_404)
def reports(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    rows = reports_of(dataset)
    pages = Paginator(rows.select_related("lease__batch__terms", "lease__hit"), REPORTS_PER_PAGE)
    page = pages.get_page(request.GET.get("page", "1"))
    context = {
        "dataset": dataset,
        "tab": _origin(request),
        "kinds": kinds_of(rows),
        "page": page,
        "reports": reports_shown(dataset, list(page)),
    }
    return render(request, "dashboard/participants/reports.html", context)


@staff_page("GET", "POST", may=May.EXCLUDE_WORKERS, of=study_of_report)
def about_report(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Exclude the submission that goes with a report, or readmit it."""
    report = get_object_or_404(Report.objects.select_related("lease__batch__dataset"), pk=pk)
    dataset = report.lease.batch.dataset
    (item,) = reports_shown(dataset, [report])
    if act not in FORMS or item.submission is None:
        raise Http404
    form = FORMS[act](request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _decide(request, act, item.submission, form):
        return redirect(resolve_url("setup-reports", dataset.name) + f"?from={_origin(request)}")
    context = {"dataset": dataset, "tab": _origin(request), "form": form, "act": act, "item": item}
    return render(request, "dashboard/participants/report_decision.html", context, status=422 if form.errors else 200)


def _origin(request: HttpRequest) -> str:
    """Return the tab from which the page was reached; only the names of ORIGINS are taken from an address."""
    origin = request.GET.get("from", "")
    return origin if origin in ORIGINS else ORIGINS[0]


def _decide(request: HttpRequest, act: str, submission: Submission, form: forms.Form) -> bool:
    try:
        if act == "exclude":
            exclude(number=submission.pk, reason=form.cleaned_data["reason"])
        else:
            lift_exclusion(number=submission.pk)
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    if act == "exclude":
        message = gettext("Submission %(number)s is now excluded. It stays stored and paid.")
    else:
        message = gettext("Submission %(number)s is now included again.")
    messages.success(request, message % {"number": submission.pk})
    return True
