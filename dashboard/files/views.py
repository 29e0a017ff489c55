"""Pages for importing images and downloading files."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from access.permissions.reads import May
from accounts.pages import confirmed
from audit.actions import Area, record_use
from catalog.actions import IMAGENET, BadName, NameTaken
from catalog.models import WITHOUT_PICTURES, Dataset, LabelSet
from catalog.reads import UnknownLabelSet
from dashboard.files.downloads import classifiers_of, files_of, names_people, predictions_response, rows_response
from dashboard.pages import dataset_or_404, permissions, staff_page, takes_bodies_up_to
from dashboard.subjects import permission_of_job, study_of_job
from data_export.reads import FORMATS, exported_files, permission_to_read
from data_import.actions import label_set_or_imagenet, new_study
from data_import.job_sources.actions import BadSource, source_asked_for
from data_import.server_files.reads import sources_on_server, there_is_a_folder
from data_import.uploads import actions as uploads
from jobs.actions import JobUnderWay, start_job, stop_job
from jobs.models import Job
from jobs.reads import latest_job
from review_task.reads import reviews_of

FORM_BYTES = 2**20
SPOILT_SHOWN = 20
# Argument of an import by which its page tells whether any image was added.
N_IMAGES_BEFORE = "n_images_before"
# The page that shows the progress of a job, by kind.
PAGES = {
    Job.Kind.IMPORT_IMAGES: "setup-images",
    Job.Kind.PREDICT: "setup-classifiers",
    Job.Kind.POTENTIAL_LABELS: "setup-potential-labels",
    Job.Kind.OPEN_CONTAINS: "setup-grids",
    Job.Kind.SIMULATE: "dataset",
}


def largest_upload() -> int:
    """Return the limit in bytes: the files, and the rest of the form."""
    return uploads.largest_upload_mib() * 2**20 + FORM_BYTES


@staff_page("GET", "POST", may=May.ADMINISTER)
def new_dataset(request: HttpRequest) -> HttpResponse:
    typed = {"name": request.POST.get("name", "").strip(), "label_set": request.POST.get("label_set", IMAGENET)}
    problems = {}
    if request.method == "POST":
        try:
            dataset = new_study(name=typed["name"], label_set=label_set_or_imagenet(typed["label_set"]))
            return redirect("setup-images", dataset.name)
        except (BadName, NameTaken) as error:
            problems["name"] = error.for_page
        except UnknownLabelSet as error:
            problems["label_set"] = error.for_page
    label_sets = LabelSet.objects.exclude(name=IMAGENET).annotate(n_labels=Count("labels")).order_by("name")
    context = {"typed": typed, "problems": problems, "imagenet": IMAGENET, "label_sets": label_sets}
    return render(request, "dashboard/files/new_dataset.html", context, status=400 if problems else 200)


@takes_bodies_up_to(largest_upload)
@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def images(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    problems = {}
    if request.method == "POST":
        try:
            _start_import(dataset, request)
            return redirect("setup-images", dataset.name)
        except BadSource as error:
            problems[error.field] = error.for_page
        except JobUnderWay as error:
            problems["job"] = error.for_page
    context = _images_context(dataset) | {"typed": request.POST, "problems": problems}
    return render(request, "dashboard/files/images.html", context, status=400 if problems else 200)


def _start_import(dataset: Dataset, request: HttpRequest) -> None:
    source = source_asked_for(dataset, request.POST, request.FILES)
    arguments = {**source, N_IMAGES_BEFORE: dataset.images.count()}
    asked_by = request.user.get_username()
    try:
        start_job(dataset=dataset, kind=Job.Kind.IMPORT_IMAGES, arguments=arguments, asked_by=asked_by)
    except JobUnderWay:
        # A retry names the upload of the job in progress itself.
        if request.POST.get("from") != "again":
            uploads.remove(source)
        raise


def _images_context(dataset: Dataset) -> dict[str, Any]:
    counts = dataset.images.aggregate(
        all=Count("pk"),
        labelled=Count("dataset_label"),
        with_files=Count("pk", filter=~Q(original="")),
        without_pictures=Count("pk", filter=WITHOUT_PICTURES),
    )
    spoilt = dataset.images.exclude(pictures_problem="").order_by("pk")
    counts["spoilt"] = spoilt.count()
    counts["pictures"] = counts["with_files"] - counts["without_pictures"] - counts["spoilt"]
    job = latest_job(dataset, Job.Kind.IMPORT_IMAGES)
    return _server_context() | {
        "dataset": dataset,
        "tab": "images",
        "counts": counts,
        "spoilt": spoilt[:SPOILT_SHOWN],
        "job": job,
        "added_nothing": job and job.job.arguments.get(N_IMAGES_BEFORE) == counts["all"],
        "largest_upload_mib": uploads.largest_upload_mib(),
        "import_buckets": settings.IMPORT_BUCKETS,
        "most_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }


def _server_context() -> dict[str, Any]:
    on_server, more_on_server = sources_on_server()
    return {
        "import_root": settings.IMPORT_ROOT,
        "there_is_a_folder": there_is_a_folder(),
        "on_server": on_server,
        "more_on_server": more_on_server,
    }


@staff_page("POST", may=permission_of_job, of=study_of_job)
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    job = get_object_or_404(Job.objects.select_related("dataset"), pk=pk)
    stop_job(job=job, by=request.user.get_username())
    return redirect(PAGES[Job.Kind(job.kind)], job.dataset.name)


@staff_page("GET", may=permission_of_job, of=study_of_job)
def job_report(request: HttpRequest, pk: int) -> HttpResponse:
    """Return every line of a report, of which a page shows the first."""
    job = get_object_or_404(Job, pk=pk)
    response = HttpResponse("".join(f"{line}\n" for line in job.report), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="report-{job.pk}.txt"'
    return response


@staff_page("GET", may=May.READ_ANNOTATIONS, of=dataset_or_404)
def files(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    context = {
        "dataset": dataset,
        "tab": "files",
        "reviews": reviews_of(dataset),
        "files": list(files_of(dataset, permissions(request))),
        "classifiers": classifiers_of(dataset),
        "formats": FORMATS,
        "staff_origin": settings.STAFF_ORIGIN,
    }
    return render(request, "dashboard/files/files.html", context)


@staff_page("GET", may=permission_to_read, of=dataset_or_404)
@confirmed("GET", only=lambda request, name, kind, format: names_people(kind))
def rows(request: HttpRequest, name: str, kind: str, format: str) -> StreamingHttpResponse:
    dataset = dataset_or_404(name)
    if kind not in exported_files() or format not in FORMATS:
        raise Http404
    names = bool(request.GET.get("names"))
    _note_download(request, "rows.export", f"{kind} of dataset {dataset}", {"format": format, "names": names})
    return rows_response(dataset, kind, format, names=names)


@staff_page("GET", may=May.READ_ANNOTATIONS, of=dataset_or_404)
def predictions(request: HttpRequest, name: str, classifier: int) -> FileResponse:
    dataset = dataset_or_404(name)
    row = get_object_or_404(classifiers_of(dataset), pk=classifier)
    _note_download(request, "predictions.export", f"dataset {dataset}", {"classifier": row.name})
    return predictions_response(dataset, row.name)


def _note_download(request: HttpRequest, action: str, subject: str, after: dict[str, Any]) -> None:
    """Record a download: a mark of use, as of a token. HEAD gets no file."""
    if request.method != "HEAD":
        record_use(area=Area.EXPORT, action=action, subject=subject, after=after)
