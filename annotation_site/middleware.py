"""Rules for every request: bounded bodies, and worker and staff pages on different origins."""

from collections.abc import Callable
from urllib.parse import urlsplit

from allauth.account.middleware import AccountMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext

from accounts.pages import end_if_idle
from annotation_site.language import for_workers
from annotation_site.views import STAFF_URLS, WORKER_URLS, method_not_allowed
from dashboard.pages import most_bytes_of

Handler = Callable[[HttpRequest], HttpResponse]

# Read and discarded up to here, so that the sender receives the refusal instead of a broken connection.
MOST_DISCARDED_BYTES = 64 * 1024 * 1024
# A form is held in memory, whatever a view takes as files.
LONGEST_FORM = 8 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"

CONTENT = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
)
# What a browser would otherwise let a page, or a frame in it, ask for.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope"),
        *("hid", "idle-detection", "magnetometer", "microphone", "midi", "payment", "screen-wake-lock", "serial"),
        *("usb", "xr-spatial-tracking"),
    )
)


def limit_body(get_response: Handler) -> Handler:
    """Refuse bodies larger than any answer, before anything reads them. A view may accept more from researchers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        # Only here: other requests, and those of workers, do not look up a user.
        if length > limit and request.method == "POST":
            limit = max(limit, most_bytes_of(request))
        is_long_form = settings.DATA_UPLOAD_MAX_MEMORY_SIZE < length <= min(limit, LONGEST_FORM)
        if is_long_form and request.content_type == FORM:
            # Django's own limit would hold for all forms alike; it holds for no file.
            request._body = request.read()
        if length <= limit:
            return get_response(request)
        remaining = min(length, MOST_DISCARDED_BYTES)
        while remaining > 0 and (chunk := request.read(min(CHUNK_BYTES, remaining))):
            remaining -= len(chunk)
        message = gettext("This request is too large: %(size)s bytes; the limit is %(limit)s. Your data was not saved.")
        message %= {"size": f"{length:,}", "limit": _in_units(limit)}
        if request.content_type == "application/json":
            # `error` as in the REST interface, `message` as on the worker pages.
            error = {"code": "too_large", "message": message}
            return JsonResponse({"error": error, "message": message}, status=413)
        context = {
            "title": gettext("Too large"),
            "message": message,
            "next_url": request.get_full_path(),
            "next_text": gettext("Open the page again"),
        }
        return render(request, "error.html", context, status=413)

    return middleware


def _in_units(n_bytes: int) -> str:
    return f"{n_bytes // 1024:,} KiB" if n_bytes < 2**20 else f"{n_bytes // 2**20:,} MiB"


def explain_methods(get_response: Handler) -> Handler:
    """Replace Django's empty answer to an unsupported method by a page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return method_not_allowed(request, response) if isinstance(response, HttpResponseNotAllowed) else response

    return middleware


def set_headers(get_response: Handler) -> Handler:
    """Set on every answer what holds for all: no page needs a device, and none belongs into a search engine."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
        response.headers.setdefault("Content-Security-Policy", f"{CONTENT}form-action 'none'; frame-ancestors 'none'")
        return response

    return middleware


def separate_origins(get_response: Handler) -> Handler:
    """Serve worker pages on the worker origin and staff pages on the staff origin, each with its own headers.

    A page in the frame of another site must not share an origin with the pages where researchers are signed in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        worker, staff = urlsplit(settings.WORKER_ORIGIN).netloc, urlsplit(settings.STAFF_ORIGIN).netloc
        is_worker = request.get_host() == worker
        if worker != staff:
            request.urlconf = WORKER_URLS if is_worker else STAFF_URLS
        response = get_response(request)
        # If one origin serves both sides, its sign-in page must not be framed, so its worker pages are not framed
        # either, and their forms lead nowhere else.
        framed = is_worker and worker != staff
        ancestors = " ".join(settings.WORKER_FRAME_ANCESTORS) if framed else "'none'"
        targets = " ".join(["'self'", *(settings.MARKETPLACE_SITES if framed else [])])
        response.headers.setdefault(
            "Content-Security-Policy", f"{CONTENT}form-action {targets}; frame-ancestors {ancestors}"
        )
        return response

    return middleware


def end_idle_sessions(get_response: Handler) -> Handler:
    """End researchers' sessions that nobody used for hours. Worker pages have no sessions."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not for_workers(request):
            end_if_idle(request)
        return get_response(request)

    return middleware


def prepare_sign_in(get_response: Handler) -> Handler:
    """Prepare a request for allauth, unless it is a worker's: that one never meets allauth."""
    for_staff = AccountMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request) if for_workers(request) else for_staff(request)

    return middleware
