"""The marketplace pages of a dataset: open batches, published batches and their progress."""

from typing import Any

from celery import current_app
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext

from access.permissions.reads import May
from accounts.pages import confirmed
from catalog.errors import UserError
from catalog.reads import now
from dashboard.pages import dataset_or_404, staff_page
from dashboard.payments.forms import PublishForm
from dashboard.payments.reads import (
    calls_of,
    kept_out,
    messages_of,
    not_handed_in,
    not_published,
    page_of_assignments,
    progress_of,
    publishable,
    terms_of_dataset,
)
from dashboard.subjects import study_of_batch
from mturk.account.reads import account
from mturk.models import Terms
from mturk.outbox.actions import try_failed_again
from mturk.payments.reads import n_more_rejections, n_rejected, sums_of, wage_of
from mturk.publishing import actions as offers
from mturk.publishing.reads import committed, outstanding
from mturk.reconciliation import reads as comparing
from mturk.repeats.reads import repeated_by
from mturk.requirements.reads import in_words
from mturk.terms.reads import HOUR, MINUTE
from mturk.wages.reads import pay_raise_of, target_wage
from workforce.kinds import kind_named
from workforce.models import Batch

PUBLISH = "publish"


@staff_page("GET", may=May.PUBLISH, of=dataset_or_404)
def marketplace(request: HttpRequest, name: str) -> HttpResponse:
    dataset = dataset_or_404(name)
    offered = [summary_of(terms) for terms in terms_of_dataset(dataset)]
    context = {
        "dataset": dataset,
        "tab": "marketplace",
        "account": account(),
        "offered": offered,
        "others": not_published(dataset),
    }
    return render(request, "dashboard/payments/marketplace.html", context)


def summary_of(terms: Terms) -> dict[str, Any]:
    return {
        "terms": terms,
        "batch": terms.batch,
        "is_open": terms.expires_at > now() and terms.batch.closed_at is None,
        "progress": progress_of(terms),
        "sums": sums_of(terms.batch),
        "committed": committed(terms),
        "minutes_per_hit": round(terms.assignment_seconds / MINUTE),
        "review_hours": round(terms.review_seconds / HOUR),
    }


@staff_page("GET", "POST", may=May.PUBLISH, of=study_of_batch)
@confirmed("POST", only=lambda request, pk: request.POST.get("do") == PUBLISH)
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the terms and their cost; publish when the posted cost is still the current one."""
    batch = get_object_or_404(Batch.objects.select_related("dataset", "settings"), pk=pk)
    if Terms.objects.filter(batch=batch).exists():
        return redirect("setup-published", pk)
    if kind_named(batch.kind).offer is None:
        raise Http404("the kind of this batch is not for a marketplace")
    repeated = repeated_by(batch)
    form = PublishForm(request.POST or None, batch=batch, repeated=repeated)
    publishability = publishable(batch)
    wants_to = request.POST.get("do") == PUBLISH and not publishability.problem
    if form.is_bound and form.is_valid() and wants_to and form.is_agreed and _publish(request, batch, form):
        return redirect("setup-published", pk)
    context = {
        "dataset": batch.dataset,
        "tab": "marketplace",
        "account": account(),
        "batch": batch,
        "form": form,
        "cost": form.cost,
        "publishability": publishability,
        "repeated": repeated,
        "changed": wants_to and not form.errors and not form.is_agreed,
    }
    return render(request, "dashboard/payments/publish.html", context, status=422 if form.errors else 200)


def _publish(request: HttpRequest, batch: Batch, form: PublishForm) -> bool:
    try:
        terms = offers.publish(batch=batch, offer=form.offer())
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    wake_outbox()
    n = terms.marketplace_hits.count()
    words = ngettext(
        "Batch %(batch)s is being published: %(n)s HIT is being created.",
        "Batch %(batch)s is being published: %(n)s HITs are being created.",
        n,
    )
    messages.success(request, words % {"batch": batch.pk, "n": f"{n:,}"})
    return True


def wake_outbox() -> None:
    """Have the outbox sent at once. This only saves time: beat sends it as well."""
    send = "mturk.tasks.send_outbox"
    transaction.on_commit(lambda: current_app.send_task(send, expires=15), robust=True)


def terms_or_404(pk: int) -> Terms:
    """Return the terms of the batch with this number."""
    return get_object_or_404(Terms.objects.select_related("batch__dataset", "batch__settings"), batch=pk)


@staff_page("GET", may=May.DECIDE_PAYMENTS, of=study_of_batch)
def published(request: HttpRequest, pk: int) -> HttpResponse:
    terms = terms_or_404(pk)
    page, assignments = page_of_assignments(terms, request.GET.get("page", "1"))
    wage, target = wage_of(terms.batch), target_wage(terms.batch.dataset)
    summary = summary_of(terms)
    context = summary | {
        "here": summary,
        "dataset": terms.batch.dataset,
        "tab": "marketplace",
        "account": account(),
        "calls": calls_of(terms),
        "outstanding": outstanding(terms),
        "wage": wage,
        "target": target,
        "pay_raise": pay_raise_of(terms) if wage and wage.median < target else None,
        "page": page,
        "assignments": assignments,
        "turns": not_handed_in(terms),
        "messages_sent": messages_of(terms),
        "requirements": in_words(terms.requirements),
        "kept_out": kept_out(terms),
        "rejected": n_rejected(terms),
        "more_rejections": max(0, n_more_rejections(terms)),
    }
    return render(request, "dashboard/payments/batch.html", context)


@staff_page("GET", may=May.PUBLISH, of=study_of_batch)
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare both ledgers for the HITs of one page; change nothing here or there."""
    terms = terms_or_404(pk)
    context: dict[str, Any] = {"dataset": terms.batch.dataset, "tab": "marketplace", "batch": terms.batch}
    try:
        page, compared = comparing.compare(terms, request.GET.get("page", "1"))
        context |= {
            "page": page,
            "compared": compared,
            "differing": [comparison for comparison in compared if comparison.differs],
            "ours": sum(comparison.ours for comparison in compared),
            "theirs": sum(comparison.theirs for comparison in compared),
        }
    except UserError as error:
        context["problem"] = error.for_page
    return render(request, "dashboard/payments/comparison.html", context)


@staff_page("POST", may=May.PUBLISH, of=study_of_batch)
@confirmed("POST")
def resend(request: HttpRequest, pk: int) -> HttpResponse:
    terms = terms_or_404(pk)
    n = try_failed_again(batch=terms.batch)
    wake_outbox()
    words = ngettext(
        "%(n)s failed call of batch %(batch)s is being retried.",
        "%(n)s failed calls of batch %(batch)s are being retried.",
        n,
    )
    messages.success(request, words % {"batch": pk, "n": f"{n:,}"})
    return redirect("setup-published", terms.batch_id)
