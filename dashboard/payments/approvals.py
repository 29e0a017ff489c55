"""Looking at an answer, and approving it before its time to be looked at is over."""

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse

from dashboard.pages import staff_page
from dashboard.payments.decisions import assignment_or_404
from dashboard.payments.reads import assignment_shown
from dashboard.payments.views import terms_or_404, wake_outbox
from mturk.answers.reads import answer_of
from mturk.models import ListedAssignment
from mturk.payments.actions import approve_now


class PlaceForm(forms.Form):
    """The page of the assignments on which the button stood."""

    page = forms.IntegerField(min_value=2, max_value=1_000_000)


class NewestForm(forms.Form):
    """The newest assignment (id) that was waiting when the page was made: what came in since, nobody may have seen."""

    newest = forms.IntegerField(min_value=0, max_value=2**63 - 1)


@staff_page("GET")
def assignment(request: HttpRequest, pk: int) -> HttpResponse:
    listed = assignment_or_404(pk)
    terms = listed.marketplace_hit.terms
    context = {
        "dataset": terms.batch.dataset,
        "tab": "marketplace",
        "terms": terms,
        "item": assignment_shown(listed),
        "answer": answer_of(listed),
    }
    return render(request, "dashboard/payments/answer.html", context)


@staff_page("POST")
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    listed = assignment_or_404(pk)
    if approve_now(listed=ListedAssignment.objects.filter(pk=pk)):
        wake_outbox()
        messages.success(request, f"{listed.external_id} is being approved and paid.")
    else:
        messages.warning(request, f"Nothing was done: {why_not(listed)}")
    place = PlaceForm(request.GET)
    query = f"?{urlencode(place.cleaned_data)}" if place.is_valid() else ""
    return redirect(reverse("setup-published", args=[listed.marketplace_hit.terms.batch_id]) + query)


def why_not(listed: ListedAssignment) -> str:
    """Why no approval of it waits."""
    if listed.status != ListedAssignment.Status.SUBMITTED:
        return f"{listed.external_id} is {listed.status} already."
    if listed.rejections.filter(overridden_at=None).exists():
        return f"{listed.external_id} is being rejected."
    return f"the approval of {listed.external_id} is on its way already, or was refused by the marketplace."


@staff_page("POST")
def approve_all(request: HttpRequest, pk: int) -> HttpResponse:
    terms, form = terms_or_404(pk), NewestForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("Approve from the page of the batch: it says up to which assignment.")
    listed_by_then = ListedAssignment.objects.filter(marketplace_hit__terms=terms, pk__lte=form.cleaned_data["newest"])
    n = approve_now(listed=listed_by_then)
    wake_outbox()
    if n:
        messages.success(request, f"{n:,} assignment{' is' if n == 1 else 's are'} being approved and paid.")
    else:
        messages.warning(request, "Nothing was done: no approval waits any more.")
    return redirect("setup-published", terms.batch_id)
