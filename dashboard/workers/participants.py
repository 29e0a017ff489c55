"""Pages for people who are known by their ID on a platform: look-up, withdrawal, and a platform's submissions.

Each asks for a fresh sign-in and is recorded, without the IDs. Those are sent in forms, never in an address.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from accounts.pages import confirmed
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page, takes_bodies_up_to
from dashboard.workers.forms import LookUpForm, RecruitmentForm, WithdrawalForm
from studies.exclusions.withdrawals.actions import withdraw
from studies.exclusions.withdrawals.reads import Withdrawal, withdrawal_of
from studies.recruitment.exports.reads import read_submissions
from studies.recruitment.reads import Comparison, compare
from workforce.platforms.reads import workers_of_platform_id
from workforce.reads import pseudonym

MOST_BYTES = 10 * 2**20


@staff_page("GET", "POST", may=May.SEE_WORKERS, of=dataset_or_404)
@confirmed("POST")
def look_up(request: HttpRequest, name: str) -> HttpResponse:
    """Find a worker by an ID of their platform. Every look-up is recorded, also one that finds nobody."""
    dataset = dataset_or_404(name)
    form = LookUpForm(request.POST if request.method == "POST" else None)
    workers = _looked_up(dataset, form.cleaned_data["id"]) if form.is_bound and form.is_valid() else None
    if workers is not None and len(workers) == 1:
        return redirect("study-worker", workers[0], name)
    context = {"dataset": dataset, "tab": "workers", "form": form, "workers": workers}
    return render(request, "dashboard/workers/look_up.html", context, status=422 if form.errors else 200)


def _looked_up(dataset: Dataset, text: str) -> list[str]:
    workers = [pseudonym(dataset, worker.pk) for worker in workers_of_platform_id(dataset, text.strip())]
    record(area=Area.REVIEW, action="worker.look_up", subject=f"dataset {dataset}", after={"workers": workers})
    return workers


@staff_page("GET", "POST", may=May.EXCLUDE_WORKERS, of=dataset_or_404)
@confirmed("POST")
def withdrawals(request: HttpRequest, name: str) -> HttpResponse:
    """Show what people who withdraw have submitted, then exclude all of it."""
    dataset = dataset_or_404(name)
    form = WithdrawalForm(request.POST if request.method == "POST" else None)
    withdrawal = _withdrawal(dataset, form) if form.is_bound and form.is_valid() else None
    if withdrawal is not None and withdrawal.workers and request.POST.get("do") == "exclude":
        n = withdraw(withdrawal=withdrawal, reason=form.cleaned_data["reason"])
        messages.success(request, _withdrawn(withdrawal, n))
        return redirect("study-workers", name)
    context = {"dataset": dataset, "tab": "workers", "form": form, "withdrawal": withdrawal}
    return render(request, "dashboard/workers/withdrawals.html", context, status=422 if form.errors else 200)


def _withdrawal(dataset: Dataset, form: WithdrawalForm) -> Withdrawal | None:
    try:
        withdrawal = withdrawal_of(dataset, form.cleaned_data["ids"])
    except UserError as error:
        form.add_error("ids", error.for_page)
        return None
    if any(each in form.cleaned_data["reason"] for each in form.cleaned_data["ids"].split()):
        form.add_error("reason", gettext("Leave the ID out of the reason: it is stored with the submissions."))
        return None
    after = {"workers": withdrawal.pseudonyms, "unknown": len(withdrawal.unknown)}
    record(area=Area.REVIEW, action="worker.look_up", subject=f"dataset {dataset}", after=after)
    return withdrawal


def _withdrawn(withdrawal: Withdrawal, n: int) -> str:
    words = ngettext(
        "%(n)s submission is now excluded. Workers who get no more work: %(n_workers)s.",
        "%(n)s submissions are now excluded. Workers who get no more work: %(n_workers)s.",
        n,
    )
    return words % {"n": f"{n:,}", "n_workers": len(withdrawal.workers)}


# The confirmation comes before the form: one that interrupts it would lose the file.
@takes_bodies_up_to(lambda: MOST_BYTES)
@staff_page("GET", "POST", may=May.SEE_WORKERS, of=dataset_or_404)
@confirmed("GET", "POST")
def recruitment(request: HttpRequest, name: str) -> HttpResponse:
    """Compare a platform's submissions with the work here: who sent no code, returned, or is unpaid."""
    dataset = dataset_or_404(name)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = RecruitmentForm(*posted, dataset=dataset)
    comparison = _comparison(dataset, form) if form.is_bound and form.is_valid() else None
    context = {"dataset": dataset, "tab": "workers", "form": form, "comparison": comparison}
    return render(request, "dashboard/workers/recruitment.html", context, status=422 if form.errors else 200)


def _comparison(dataset: Dataset, form: RecruitmentForm) -> Comparison | None:
    batch, file = form.cleaned_data["batch"], form.cleaned_data["file"]
    try:
        comparison = compare(batch, read_submissions(file.name, file.read()))
    except UserError as error:
        form.add_error("file", error.for_page)
        return None
    after = {"batch": batch.pk, "participants": comparison.n_lines}
    record(area=Area.REVIEW, action="participants.compare", subject=f"dataset {dataset}", after=after)
    return comparison
