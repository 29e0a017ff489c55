"""Pages that show an answer and approve it before its review time is over."""

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from accounts.pages import confirmed
from dashboard.pages import staff_page
from dashboard.payments.decisions import assignment_or_404
from dashboard.payments.reads import assignment_shown
from dashboard.payments.views import terms_or_404, wake_outbox
from dashboard.subjects import study_of_assignment, study_of_batch
from mturk.answers.reads import answer_of
from mturk.models import ListedAssignment
from mturk.payments.actions import approve_now


class PlaceForm(forms.Form):
    """The page of the list of assignments that held the button."""

    page = forms.IntegerField(min_value=2, max_value=1_000_000)


class NewestForm(forms.Form):
    """The newest assignment (id) on the page: nobody may have seen later ones."""

    newest = forms.IntegerField(min_value=0, max_value=2**63 - 1)


@staff_page("GET", may=May.DECIDE_PAYMENTS, of=study_of_assignment)
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


@staff_page("POST", may=May.DECIDE_PAYMENTS, of=study_of_assignment)
@confirmed("POST")
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    listed = assignment_or_404(pk)
    if approve_now(listed=ListedAssignment.objects.filter(pk=pk)):
        wake_outbox()
        words = gettext("Assignment %(assignment)s is being approved and paid.")
        messages.success(request, words % {"assignment": listed.external_id})
    else:
        messages.warning(request, why_not(listed))
    place = PlaceForm(request.GET)
    query = f"?{urlencode(place.cleaned_data)}" if place.is_valid() else ""
    return redirect(reverse("setup-published", args=[listed.marketplace_hit.terms.batch_id]) + query)


def why_not(listed: ListedAssignment) -> str:
    """Return why the assignment has no pending approval."""
    if listed.status == ListedAssignment.Status.APPROVED:
        words = gettext("Assignment %(assignment)s is already approved.")
    elif listed.status == ListedAssignment.Status.REJECTED:
        words = gettext("Assignment %(assignment)s is already rejected.")
    elif listed.rejections.filter(overridden_at=None).exists():
        words = gettext("Assignment %(assignment)s is being rejected.")
    else:
        words = gettext("Assignment %(assignment)s is already being approved, or the marketplace refused its approval.")
    return words % {"assignment": listed.external_id}


@staff_page("POST", may=May.DECIDE_PAYMENTS, of=study_of_batch)
@confirmed("POST")
def approve_all(request: HttpRequest, pk: int) -> HttpResponse:
    terms, form = terms_or_404(pk), NewestForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest(gettext("Open the page of the batch and approve the assignments there."))
    listed_by_then = ListedAssignment.objects.filter(marketplace_hit__terms=terms, pk__lte=form.cleaned_data["newest"])
    n = approve_now(listed=listed_by_then)
    wake_outbox()
    if n:
        words = ngettext(
            "%(n)s assignment is being approved and paid.", "%(n)s assignments are being approved and paid.", n
        )
        messages.success(request, words % {"n": f"{n:,}"})
    else:
        messages.warning(request, gettext("No approvals are pending any more."))
    return redirect("setup-published", terms.batch_id)
