"""Health checks, error pages, and the front page of the worker side."""

import sys

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import is_valid_path
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

WORKER_URLS, STAFF_URLS = "annotation_site.worker_urls", "annotation_site.staff_urls"
RETRY_SECONDS = 10


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def worker_home(request: HttpRequest) -> HttpResponse:
    return render(request, "worker_home.html")


# Error pages: each says what happened and has a way on


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = "The request could not be read. Nothing was stored."
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        message = f"At most {most:,} files are taken at a time: put them into an archive. Nothing was stored."
    return _error(request, 400, "That did not work", message, request.path, "Open the page again")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403, "Not allowed", str(exception) or "This page is not for you.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = (
        "The page you sent this from is out of date, or your browser keeps no cookies for this site. "
        "Nothing was changed. Open the page again and repeat what you did."
    )
    return _error(request, 403, "Please try that again", message, request.path, "Open the page again")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    side = getattr(request, "urlconf", None)
    if request.resolver_match is None and side == STAFF_URLS and is_valid_path(request.path_info, WORKER_URLS):
        return _on_the_worker_side(request)
    if request.resolver_match is None and side == WORKER_URLS and is_valid_path(request.path_info, STAFF_URLS):
        # Without the parameters: an address of a study may carry a person's id.
        address = f"{settings.STAFF_ORIGIN}{request.path}"
        message = f"The researchers' pages of this site are at {settings.STAFF_ORIGIN}."
        return _error(request, 404, "Not here", message, address, "Open it there")
    message = "There is no page at this address."
    if side == WORKER_URLS:
        message += " If you came for a study, open the address that you were given again."
    return _error(request, 404, "Not found", message)


def _on_the_worker_side(request: HttpRequest) -> HttpResponse:
    address = f"{settings.WORKER_ORIGIN}{request.get_full_path()}"
    if request.method in ("GET", "HEAD"):
        return redirect(address)
    message = f"People work at {settings.WORKER_ORIGIN}. Nothing was stored."
    return _error(request, 404, "Not here", message, address, "Open it there")


def method_not_allowed(request: HttpRequest, refusal: HttpResponseNotAllowed) -> HttpResponse:
    message = "This address takes no such request. Nothing was stored."
    way_on = (request.get_full_path(), "Open the page") if "GET" in refusal.headers["Allow"] else ()
    page = _error(request, 405, "That does not work here", message, *way_on)
    page.headers["Allow"] = refusal.headers["Allow"]
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    # Django calls this while it handles the exception.
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _away(request)
    message = "This is our fault. What you sent may not be stored: please try again."
    return _error(request, 500, "Something broke", message, request.get_full_path(), "Try again")


def _away(request: HttpRequest) -> HttpResponse:
    """The database cannot be reached: it is starting, or being mended."""
    if request.method in ("GET", "HEAD"):
        words = "The site is not ready. This page tries again by itself in a moment."
        page = _error(request, 503, "Back in a moment", words, request.get_full_path(), "Try again now", RETRY_SECONDS)
    else:
        # No link here: it would leave the page behind, and with it what was sent.
        words = "What you sent may not be stored. Reload this page in a moment to send it again: it counts once."
        page = _error(request, 503, "Try again in a moment", words, "")
    page.headers["Retry-After"] = str(RETRY_SECONDS)
    return page


def _error(
    request: HttpRequest,
    status: int,
    title: str,
    message: str,
    next_url: str = "/",
    next_text: str = "Go to the start page",
    retry_seconds: int = 0,
) -> HttpResponse:
    context = {
        "title": title,
        "message": message,
        "next_url": next_url,
        "next_text": next_text,
        "retry_seconds": retry_seconds,
    }
    # After a fault of ours nobody is looked up: that may be what is broken.
    template = "dashboard/error.html" if status < 500 and _is_signed_in(request) else "error.html"
    page = render(request, template, context, status=status)
    # What is missing or refused today may be there tomorrow, or for somebody else.
    add_never_cache_headers(page)
    return page


def _is_signed_in(request: HttpRequest) -> bool:
    """On the staff side only: worker pages read no cookie."""
    at_work = getattr(request, "urlconf", None) == WORKER_URLS
    return not at_work and hasattr(request, "user") and request.user.is_authenticated
