"""Pages about the work of one network, and the links of a researcher's own participants. No network is ever named."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext

from access.permissions.reads import May
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page, takes_bodies_up_to
from dashboard.participants.forms import LinksForm, NetworkExclusionForm, NetworkForm
from dashboard.subjects import study_of_batch
from studies.exclusions.actions import exclude_network, submissions_named
from studies.exclusions.reads import NetworkWork, exclusion_steps, work_of_network
from studies.links.actions import MOST_BYTES_OF_A_LIST, ParticipantLinks, make_links
from workforce.exclusions.actions import lift_step
from workforce.models import Batch


@staff_page("GET", "POST", may=May.EXCLUDE_WORKERS, of=dataset_or_404)
def networks(request: HttpRequest, name: str) -> HttpResponse:
    """Show how much work came from the same network as some work, and exclude it with a reason."""
    dataset = dataset_or_404(name)
    question = NetworkForm(request.GET if "of" in request.GET else None)
    work = _work(dataset, question)
    form = NetworkExclusionForm(request.POST if request.method == "POST" else None)
    if work is not None and form.is_bound and form.is_valid() and _exclude(request, work, form):
        return redirect("setup-networks", name)
    context = {"dataset": dataset, "tab": "results", "question": question, "work": work, "form": form}
    context["steps"] = exclusion_steps(dataset)
    failed = bool(question.errors or form.errors)
    return render(request, "dashboard/participants/networks.html", context, status=422 if failed else 200)


@staff_page("POST", may=May.EXCLUDE_WORKERS, of=dataset_or_404)
def include_again(request: HttpRequest, step: str, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    if step not in {each.step for each in exclusion_steps(dataset)}:
        raise Http404
    n_included = lift_step(step=step)
    message = ngettext("%(n)s submission is included again.", "%(n)s submissions are included again.", n_included)
    messages.success(request, message % {"n": n_included})
    return redirect("setup-networks", name)


@takes_bodies_up_to(lambda: MOST_BYTES_OF_A_LIST)
@staff_page("GET", "POST", may=May.OPEN_BATCHES, of=study_of_batch)
def links(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the links of a list of participants; put them on the list of a batch that has one."""
    batch = get_object_or_404(Batch.objects.filter(marketplace=Batch.Marketplace.LINK), pk=pk)
    form = LinksForm(request.POST if request.method == "POST" else None)
    table = _links(batch, form) if form.is_bound and form.is_valid() else None
    context = {"dataset": batch.dataset, "tab": "grids", "batch": batch, "form": form, "links": table}
    context["n_listed"] = batch.listed_ids.count()
    return render(request, "dashboard/participants/batch_links.html", context, status=422 if form.errors else 200)


def _work(dataset: Dataset, question: NetworkForm) -> NetworkWork | None:
    if not (question.is_bound and question.is_valid()):
        return None
    try:
        return work_of_network(dataset, submissions_named(dataset, question.cleaned_data["of"].strip()))
    except UserError as error:
        question.add_error("of", error.for_page)
        return None


def _exclude(request: HttpRequest, work: NetworkWork, form: NetworkExclusionForm) -> bool:
    try:
        n_excluded = exclude_network(work=work, reason=form.cleaned_data["reason"])
    except UserError as error:
        form.add_error("reason", error.for_page)
        return False
    message = ngettext(
        "%(n)s submission is now excluded. It stays stored and paid.",
        "%(n)s submissions are now excluded. They stay stored and paid.",
        n_excluded,
    )
    messages.success(request, message % {"n": n_excluded})
    return True


def _links(batch: Batch, form: LinksForm) -> ParticipantLinks | None:
    try:
        return make_links(batch=batch, text=form.cleaned_data["ids"])
    except UserError as error:
        form.add_error("ids", error.for_page)
        return None
