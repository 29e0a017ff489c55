"""The page of a worker, of one answer, and of the decision to exclude or readmit a worker."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from aggregation.quality.reads import worker_rows
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page
from dashboard.subjects import study_of_submission
from dashboard.workers.forms import WorkerExclusionForm, WorkerReadmissionForm
from dashboard.workers.reads import answer_context, name_of, page_of_timeline, submissions_shown
from dashboard.workers.table import TableForm, table_of
from studies.exclusions.actions import exclude_person, lift_exclusions
from studies.exclusions.effects.reads import (
    effect_of_exclusion,
    effect_of_readmission,
    submissions_excluded,
    submissions_that_count,
)
from workforce.bars.actions import bar_workers, lift_bars
from workforce.models import Submission, Worker
from workforce.people.reads import timeline_of, worker_under
from workforce.reads import pseudonym

FORMS = {"exclude": WorkerExclusionForm, "readmit": WorkerReadmissionForm}
EFFECTS = {"exclude": effect_of_exclusion, "readmit": effect_of_readmission}


def worker_or_404(dataset: Dataset, name: str) -> Worker:
    worker = worker_under(dataset, name)
    if worker is None:
        raise Http404
    return worker


@staff_page("GET", may=May.SEE_WORKERS, of=dataset_or_404)
def workers(request: HttpRequest, name: str) -> HttpResponse:
    """List the workers of a study with their measures, filtered and sorted as the address says."""
    dataset = dataset_or_404(name)
    form = TableForm(request.GET, dataset=dataset)
    table = table_of(dataset, form, request.GET.get("page", "1"))
    context = {"dataset": dataset, "tab": "workers", "form": form, "table": table, "page": table.page}
    return render(request, "dashboard/workers/workers.html", context, status=422 if form.errors else 200)


@staff_page("GET", may=May.SEE_WORKERS, of=dataset_or_404)
def worker(request: HttpRequest, worker: str, name: str) -> HttpResponse:
    """Show a worker, by pseudonym, with a timeline of what they submitted."""
    dataset = dataset_or_404(name)
    person = worker_or_404(dataset, worker)
    row = next(iter(worker_rows(dataset, workers=[person.pk])), None)
    like = row.measures["likeness"].other if row and "likeness" in row.measures else None
    page, submissions = page_of_timeline(dataset, person, request.GET.get("page", "1"))
    context = {
        "dataset": dataset,
        "tab": "workers",
        "worker": worker,
        "row": row,
        "other": pseudonym(dataset, like) if like else "",
        "page": page,
        "submissions": submissions,
        "n_counting": len(submissions_that_count(dataset, person)),
        "n_excluded": len(submissions_excluded(dataset, person)),
    }
    return render(request, "dashboard/workers/worker.html", context)


@staff_page("GET", may=May.SEE_WORKERS, of=study_of_submission)
def submission(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an answer as its page showed it, with the roles of the cells and what others said."""
    rows = Submission.objects.select_related("hit__batch__dataset", "lease", "assignment")
    row = get_object_or_404(rows, pk=pk)
    dataset = row.hit.batch.dataset
    [item] = submissions_shown([row])
    theirs = timeline_of(dataset, row.worker)
    context = {
        "dataset": dataset,
        "tab": "workers",
        "item": item,
        "worker": name_of(row),
        "earlier": theirs.filter(submitted_at__lt=row.submitted_at).first(),
        "later": theirs.filter(submitted_at__gt=row.submitted_at).last(),
        "answer": answer_context(row),
    }
    return render(request, "dashboard/workers/submission.html", context)


@staff_page("GET", "POST", may=May.EXCLUDE_WORKERS, of=dataset_or_404)
def about_worker(request: HttpRequest, worker: str, act: str, name: str) -> HttpResponse:
    """Show the effect of excluding or readmitting all work of a worker, and do it."""
    dataset = dataset_or_404(name)
    person = worker_or_404(dataset, worker)
    if act not in FORMS:
        raise Http404
    form = FORMS[act](request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _decide(request, dataset, person, act, form):
        return redirect("study-worker", worker, name)
    context = {"dataset": dataset, "tab": "workers", "worker": worker, "act": act, "form": form}
    context["effect"] = EFFECTS[act](dataset, person)
    return render(request, "dashboard/workers/decision.html", context, status=422 if form.errors else 200)


def _decide(request: HttpRequest, dataset: Dataset, person: Worker, act: str, form: forms.Form) -> bool:
    worker = pseudonym(dataset, person.pk)
    try:
        if act == "exclude":
            reason = form.cleaned_data["reason"]
            n = exclude_person(dataset=dataset, worker=worker, reason=reason)[1]
            if form.cleaned_data["stop"]:
                bar_workers(dataset=dataset, workers=[person.pk], reason=reason)
        else:
            n = lift_exclusions(dataset=dataset, worker=worker)[1]
            lift_bars(dataset=dataset, workers=[person.pk])
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    messages.success(request, _message(act, n))
    return True


def _message(act: str, n: int) -> str:
    if act == "exclude":
        message = ngettext(
            "%(n)s submission is now excluded. It stays stored and paid.",
            "%(n)s submissions are now excluded. They stay stored and paid.",
            n,
        )
    else:
        message = ngettext("%(n)s submission is included again.", "%(n)s submissions are included again.", n)
    return " ".join([message % {"n": f"{n:,}"}, gettext("The numbers follow within seconds.")])
