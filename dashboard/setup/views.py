"""Pages of the classifiers, potential labels, grids and settings of a study."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May, studies_with
from candidates.actions import stop_run
from candidates.models import Run
from candidates.prediction_files.actions import import_predictions
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page, takes_bodies_up_to
from dashboard.setup.context import (
    batches_context,
    classifiers_context,
    confidence_context,
    opening_context,
    potential_labels_context,
    preview_of,
)
from dashboard.setup.forms import PLAIN, PROFILES, GridsForm, PredictForm, PredictionsForm
from dashboard.setup.settings_form import SettingsForm, history_of
from dashboard.subjects import study_of_batch, study_of_run
from data_import.small_uploads import actions as uploads
from jobs.actions import JobUnderWay, start_job
from jobs.models import Job
from jobs.reads import latest_job
from studies.opening.actions import Pay
from studies.settings.actions import new_settings
from workforce.actions import close_batch
from workforce.models import Batch


@takes_bodies_up_to(lambda: uploads.MOST_BYTES_OF_A_FORM)
@staff_page("GET", "POST", may=May.RUN_CLASSIFIERS, of=dataset_or_404)
def classifiers(request: HttpRequest, name: str) -> HttpResponse:
    """Show the classifiers, start runs, or import predictions (the form with the button `import`)."""
    dataset = dataset_or_404(name)
    importing = "import" in request.POST
    starting = bool(request.POST) and not importing
    predict = PredictForm(request.POST if starting else None)
    data: dict[str, Any] = {"data": request.POST, "files": request.FILES} if importing else {}
    file = PredictionsForm(**data, auto_id="file_%s")
    if importing and file.is_valid() and _import(request, dataset, file):
        return redirect("setup-classifiers", name)
    if starting and predict.is_valid():
        _start(request, dataset, Job.Kind.PREDICT, {"names": predict.cleaned_data["names"]})
        return redirect("setup-classifiers", name)
    context = classifiers_context(dataset) | {"predict": predict, "file": file, "tab": "classifiers"}
    context |= {"job": latest_job(dataset, Job.Kind.PREDICT)}
    return render(request, "dashboard/setup/classifiers.html", context, status=_status(predict, file))


def _import(request: HttpRequest, dataset: Dataset, form: PredictionsForm) -> bool:
    classifier = {key: form.cleaned_data[key] for key in ("classifier", "network", "view", "weights")}
    try:
        with uploads.kept_for_now(form.cleaned_data["file"]) as file:
            n_added, n_existing = import_predictions(
                dataset=dataset, file=file, most_bytes=uploads.MOST_BYTES_UNPACKED, **classifier
            )
    except UserError as error:
        form.add_error("file", error.for_page)
        return False
    messages.success(request, _imported_words(classifier["classifier"], n_added, n_existing))
    return True


def _imported_words(classifier: str, n_added: int, n_existing: int) -> str:
    """Return the outcome of an import of predictions in words."""
    if n_added:
        added = ngettext("%(name)s: %(n)s prediction added.", "%(name)s: %(n)s predictions added.", n_added)
    else:
        added = gettext("%(name)s: no new predictions.")
    sentences = [added % {"name": classifier, "n": f"{n_added:,}"}]
    if n_existing:
        existing = ngettext("%(n)s prediction already existed.", "%(n)s predictions already existed.", n_existing)
        sentences.append(existing % {"n": f"{n_existing:,}"})
    return " ".join(sentences)


@staff_page("POST", may=May.RUN_CLASSIFIERS, of=study_of_run)
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("dataset"), pk=pk)
    stop_run(run=run, by=request.user.get_username())
    return redirect("setup-classifiers", run.dataset.name)


@staff_page("GET", "POST", may=May.RUN_CLASSIFIERS, of=dataset_or_404)
def potential_labels(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    if request.method == "POST":
        _start(request, dataset, Job.Kind.POTENTIAL_LABELS, {})
        return redirect("setup-potential-labels", name)
    context = potential_labels_context(dataset, request.GET.get("page", "1"))
    context |= {"job": latest_job(dataset, Job.Kind.POTENTIAL_LABELS), "tab": "potential_labels"}
    return render(request, "dashboard/setup/potential_labels.html", context)


@takes_bodies_up_to(lambda: uploads.MOST_BYTES_OF_A_FORM)
@staff_page("GET", "POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def grids(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    form = GridsForm(request.POST or None, request.FILES or None, dataset=dataset)
    if request.method == "POST" and form.is_valid():
        _start(request, dataset, Job.Kind.OPEN_CONTAINS, _grid_arguments(form.cleaned_data))
        return redirect("setup-grids", name)
    context = opening_context(dataset) | {
        "dataset": dataset,
        "tab": "grids",
        "form": form,
        "profiles": PROFILES,
        "batches": batches_context(dataset, request),
        "preview": preview_of(dataset, request.GET),
        "confidence": confidence_context(dataset, request.GET),
    }
    return render(request, "dashboard/setup/grids.html", context, status=_status(form))


def _grid_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the job that opens grids, and keep the uploaded files for it."""
    files = {name: options[name] and str(uploads.keep_upload(options[name])) for name in ("pairs", "similar")}
    profile = None if options["profile"] == PLAIN else options["profile"]
    return files | {
        "profile": profile,
        "again": options["again"],
        "adaptive": options["figures"],
        "pay": {field.name: options[field.name] for field in fields(Pay)},
    }


def _start(request: HttpRequest, dataset: Dataset, kind: Job.Kind, arguments: dict[str, Any]) -> None:
    try:
        start_job(dataset=dataset, kind=kind, arguments=arguments, asked_by=request.user.get_username())
    except JobUnderWay as error:
        uploads.remove_uploads(Path(arguments[name]) for name in ("pairs", "similar") if arguments.get(name))
        messages.error(request, error.for_page)


@staff_page("POST", may=May.OPEN_BATCHES, of=study_of_batch)
def close(request: HttpRequest, pk: int) -> HttpResponse:
    batch = get_object_or_404(Batch.objects.select_related("dataset"), pk=pk)
    was_closed = batch.closed_at is not None
    close_batch(batch=batch)
    message = gettext("Batch %(number)s was already closed.") if was_closed else gettext("Batch %(number)s is closed.")
    messages.success(request, message % {"number": batch.pk})
    return redirect("setup-grids", batch.dataset.name)


@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def settings(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    readable = studies_with(request.user, May.SEE_RESULTS)
    form = SettingsForm(request.POST or None, dataset=dataset, readable=readable)
    if request.method == "POST" and form.is_valid() and _change(request, dataset, form):
        return redirect("setup-settings", name)
    versions, history = history_of(dataset)
    context = {"dataset": dataset, "tab": "settings", "form": form, "versions": versions, "history": history}
    return render(request, "dashboard/setup/settings.html", context, status=_status(form))


def _change(request: HttpRequest, dataset: Dataset, form: SettingsForm) -> bool:
    try:
        messages.success(request, new_settings(dataset=dataset, figures=form.figures()))
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    return True


def _status(*forms: Any) -> int:
    return 422 if any(form.is_bound and form.errors for form in forms) else 200
