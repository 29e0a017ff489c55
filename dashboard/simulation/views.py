"""Simulated people, in one press each: they fill the demo study, and are removed from any study."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from access.permissions.reads import May
from catalog.errors import UserError
from dashboard.pages import dataset_or_404, staff_page
from jobs.actions import start_job, stop_job
from jobs.models import Job
from studies.demo.actions import is_demo
from studies.simulation.actions import check_may_simulate, remove


@staff_page("POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def begin(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    if not is_demo(dataset):
        raise Http404
    try:
        check_may_simulate(dataset, beside_people=True)
        start_job(dataset=dataset, kind=Job.Kind.SIMULATE, arguments={}, asked_by=request.user.get_username())
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("datasets")


@staff_page("POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def remove_all(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    for job in Job.objects.filter(dataset=dataset, kind=Job.Kind.SIMULATE, finished_at=None):
        stop_job(job=job, by=request.user.get_username())
    counts = remove(dataset=dataset)
    message = gettext("%(people)s simulated people and their %(answers)s answers are deleted.")
    messages.success(request, message % {"people": counts.n_people, "answers": counts.n_submissions})
    return redirect("dataset", name)
