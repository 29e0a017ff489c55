"""Pages that say why single sign-on did not work."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from accounts.errors import BUSY_SECONDS


def lead_on(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return a page that leads to the provider: a form of ours may not be redirected to another site."""
    address = response.headers.get("Location", "")
    if not address.startswith(("https://", "http://")):
        return response
    return render(request, "accounts/to_provider.html", {"address": address})


def not_signed_on(request: HttpRequest) -> HttpResponse:
    """Return the page for an answer that cannot be used: invalid, late, or cancelled."""
    return _page(request, gettext("Single sign-on failed. Start again; if it fails again, ask the administrator."), 403)


def no_account(request: HttpRequest) -> HttpResponse:
    """Return the page for a person without an account here."""
    message = gettext(
        "The provider knows you, but this site has no account for you. Ask the site administrator for one with your "
        "e-mail address."
    )
    return _page(request, message, 403)


def too_busy(request: HttpRequest) -> HttpResponse:
    page = _page(request, gettext("Many people are signing in at this moment. Try again in a few seconds."), 429)
    page.headers["Retry-After"] = str(BUSY_SECONDS)
    return page


def _page(request: HttpRequest, message: str, status: int) -> HttpResponse:
    context = {
        "title": gettext("Not signed in"),
        "message": message,
        "next_url": reverse("login"),
        "next_text": gettext("Back to the sign-in page"),
    }
    return render(request, "error.html", context, status=status)
