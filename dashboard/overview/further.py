"""Buttons beside the results: asking for missing answers, and recomputing."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May
from aggregation.actions import recompute as recompute_results
from aggregation.further import actions as further
from dashboard.pages import dataset_or_404, staff_page


@staff_page("POST", may=May.OPEN_BATCHES, of=dataset_or_404)
def ask_for_missing(request: HttpRequest, name: str) -> HttpResponse:
    """Ask other workers in place of excluded answers, whatever the settings say."""
    n_asked = further.ask_for_missing(dataset=dataset_or_404(name))
    message = ngettext(
        "%(n)s more worker is asked now. On the marketplace, the spending cap still holds.",
        "%(n)s more workers are asked now. On the marketplace, the spending cap still holds.",
        n_asked,
    )
    none = gettext("No answer is missing that an open batch could ask for.")
    messages.success(request, message % {"n": n_asked} if n_asked else none)
    return redirect("dataset", name)


@staff_page("POST", may=May.EDIT_STUDY, of=dataset_or_404)
def recompute(request: HttpRequest, name: str) -> HttpResponse:
    recompute_results(dataset=dataset_or_404(name))
    messages.success(
        request, gettext("All results are being computed again from the votes. Reload the page in a moment.")
    )
    return redirect("dataset", name)
