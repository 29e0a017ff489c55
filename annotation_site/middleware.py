"""What holds for every request: bounded bodies, and worker and staff pages on different origins."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render

from annotation_site.views import STAFF_URLS, WORKER_URLS, method_not_allowed
from dashboard.pages import most_bytes_of

Handler = Callable[[HttpRequest], HttpResponse]

# Read and thrown away up to here, so that the sender gets to read the refusal instead of a broken connection.
MOST_DISCARDED_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

CONTENT = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
)


def limit_body(get_response: Handler) -> Handler:
    """Refuse bodies larger than an answer can be, before anything reads them. A view may take more of researchers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        # Only now: other requests, and those of workers, look up nobody.
        if length > limit and request.method == "POST" and (most_bytes := most_bytes_of(request)):
            limit = most_bytes if request.user.is_staff else limit
        if length <= limit:
            return get_response(request)
        remaining = min(length, MOST_DISCARDED_BYTES)
        while remaining > 0 and (chunk := request.read(min(CHUNK_BYTES, remaining))):
            remaining -= len(chunk)
        message = f"This request has {length:,} bytes; at most {_in_units(limit)} are taken. Nothing was stored."
        if request.content_type == "application/json":
            # As the REST interface reports errors, and `message` as the worker pages do.
            error = {"code": "too_large", "message": message}
            return JsonResponse({"error": error, "message": message}, status=413)
        context = {
            "title": "Too large",
            "message": message,
            "next_url": request.get_full_path(),
            "next_text": "Open the page again",
        }
        return render(request, "error.html", context, status=413)

    return middleware


def _in_units(n_bytes: int) -> str:
    return f"{n_bytes // 1024:,} KiB" if n_bytes < 2**20 else f"{n_bytes // 2**20:,} MiB"


def explain_methods(get_response: Handler) -> Handler:
    """Put a page in the place of Django's empty answer to a method that an address does not take."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return method_not_allowed(request, response) if isinstance(response, HttpResponseNotAllowed) else response

    return middleware


def separate_origins(get_response: Handler) -> Handler:
    """Serve worker pages on the worker origin and staff pages on the staff origin, each with its own headers.

    A page in a stranger's frame must not share an origin with the pages where people are signed in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        worker, staff = urlsplit(settings.WORKER_ORIGIN).netloc, urlsplit(settings.STAFF_ORIGIN).netloc
        is_worker = request.get_host() == worker
        if worker != staff:
            request.urlconf = WORKER_URLS if is_worker else STAFF_URLS
        response = get_response(request)
        # Where one origin serves both sides, its sign-in must stay out of frames, so its worker pages do too.
        # Nor do their forms then lead anywhere else.
        framed = is_worker and worker != staff
        ancestors = " ".join(settings.WORKER_FRAME_ANCESTORS) if framed else "'none'"
        targets = " ".join(["'self'", *(settings.MARKETPLACE_SITES if framed else [])])
        response.headers.setdefault(
            "Content-Security-Policy", f"{CONTENT}form-action {targets}; frame-ancestors {ancestors}"
        )
        return response

    return middleware
