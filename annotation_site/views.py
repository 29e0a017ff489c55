"""Error pages, and the front page for workers."""

import sys

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect, render
from django.urls import is_valid_path
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from access.texts.reads import is_line

WORKER_URLS, STAFF_URLS = "annotation_site.worker_urls", "annotation_site.staff_urls"
REST = "/api/v1/"
RETRY_SECONDS = 10


@require_safe
def worker_home(request: HttpRequest) -> HttpResponse:
    return render(request, "worker_home.html")


# Error pages: each says what happened and links a next step


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = gettext("The request could not be read. Your data was not saved.")
    if isinstance(exception, TooManyFilesSent):
        message = gettext("Upload at most %(n)s files at a time, or put them into an archive. No file was stored.")
        message %= {"n": f"{settings.DATA_UPLOAD_MAX_NUMBER_FILES:,}"}
    if request.content_type == "application/json" or request.path.startswith(REST):
        # `error` as in the REST interface, `message` as on the worker pages.
        error = {"code": "bad_request", "message": message}
        return JsonResponse({"error": error, "message": message}, status=400)
    link = (request.path, gettext("Open the page again")) if is_line(request.path) else ()
    return _error(request, 400, gettext("That did not work"), message, *link)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = str(exception) or gettext("You do not have access to this page.")
    return _error(request, 403, gettext("Not allowed"), message)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = gettext(
        "The page was out of date, or your browser blocks cookies from this site. Your change was not saved. "
        "Open the page again and repeat the change."
    )
    return _error(request, 403, gettext("Please try again"), message, request.path, gettext("Open the page again"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    side = getattr(request, "urlconf", None)
    if request.resolver_match is None and side == STAFF_URLS and is_valid_path(request.path_info, WORKER_URLS):
        return _on_the_worker_side(request)
    if request.resolver_match is None and side == WORKER_URLS and is_valid_path(request.path_info, STAFF_URLS):
        # Without the parameters: an address of a study may contain a worker's id.
        address = f"{settings.STAFF_ORIGIN}{request.path}"
        message = gettext("The pages for researchers are at %(origin)s.") % {"origin": settings.STAFF_ORIGIN}
        return _error(request, 404, gettext("Wrong address"), message, address, gettext("Open the right page"))
    message = gettext("There is no page at this address.")
    if side == WORKER_URLS:
        message = gettext("There is no page at this address. If you came for a study, open its link again.")
    return _error(request, 404, gettext("Not found"), message)


def _on_the_worker_side(request: HttpRequest) -> HttpResponse:
    address = f"{settings.WORKER_ORIGIN}{request.get_full_path()}"
    if request.method in ("GET", "HEAD"):
        return redirect(address)
    message = gettext("The pages for workers are at %(origin)s. Your data was not saved.")
    message %= {"origin": settings.WORKER_ORIGIN}
    return _error(request, 404, gettext("Wrong address"), message, address, gettext("Open the right page"))


def method_not_allowed(request: HttpRequest, refusal: HttpResponseNotAllowed) -> HttpResponse:
    message = gettext("This page cannot accept what your browser sent.")
    link = (request.get_full_path(), gettext("Open the page")) if "GET" in refusal.headers["Allow"] else ()
    page = _error(request, 405, gettext("Nothing was saved"), message, *link)
    page.headers["Allow"] = refusal.headers["Allow"]
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    # Django calls this while it handles the exception.
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _database_away(request)
    message = gettext("The error is on our side. Your data may not be saved: please try again.")
    title = gettext("Something went wrong")
    return _error(request, 500, title, message, request.get_full_path(), gettext("Try again"))


def _database_away(request: HttpRequest) -> HttpResponse:
    """Return the page for a database that cannot be reached: it is starting, or being repaired."""
    if request.method in ("GET", "HEAD"):
        title = gettext("Back in a moment")
        message = gettext("The site is not ready. This page reloads automatically in a moment.")
        page = _error(request, 503, title, message, request.get_full_path(), gettext("Try again now"), RETRY_SECONDS)
    else:
        # No link here: following it would lose the data of the request.
        message = gettext(
            "Your data may not be saved. Reload this page in a moment to send it again: it is counted only once."
        )
        page = _error(request, 503, gettext("Try again in a moment"), message, "")
    page.headers["Retry-After"] = str(RETRY_SECONDS)
    return page


def _error(
    request: HttpRequest,
    status: int,
    title: str,
    message: str,
    next_url: str = "/",
    next_text: str = "",
    retry_seconds: int = 0,
) -> HttpResponse:
    context = {
        "title": title,
        "message": message,
        "next_url": next_url,
        "next_text": next_text or gettext("Go to the home page"),
        "retry_seconds": retry_seconds,
    }
    # After a fault of ours no user is looked up: that may be the broken part.
    template = "dashboard/error.html" if status < 500 and _is_signed_in(request) else "error.html"
    page = render(request, template, context, status=status)
    # A page that is missing or refused now may exist tomorrow, or for another person.
    add_never_cache_headers(page)
    return page


def _is_signed_in(request: HttpRequest) -> bool:
    """Return whether a researcher is signed in; worker pages read no cookie."""
    is_worker_page = getattr(request, "urlconf", None) == WORKER_URLS
    return not is_worker_page and hasattr(request, "user") and request.user.is_authenticated
