"""Requests that no page of ours is for: under another host's name, or with characters that no text contains."""

import codecs
import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils.translation import gettext

from access.origins.reads import origin_named
from access.texts.reads import are_texts, is_encoded_line, is_encoded_text, is_header, is_line

Handler = Callable[[HttpRequest], HttpResponse]

# Whoever watches the site may call it by the address of its machine.
HEALTH = ("/livez", "/readyz")
UTF_8 = ("utf-8", "ascii")
UNREADABLE = "control characters, or no UTF-8"


def accept_own_hosts(get_response: Handler) -> Handler:
    """Answer 400 to a request whose Host is none of the site's origins; write those of the others in one way.

    Only the header counts: neither X-Forwarded-Host, nor the name of the socket if a request has no Host.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        origins = (settings.WORKER_ORIGIN, settings.STAFF_ORIGIN)
        origin = origin_named(request.META.get("HTTP_HOST", ""), origins)
        if origin is None and request.path_info in HEALTH:
            origin = settings.STAFF_ORIGIN
        if origin is None:
            return _other_host()
        request.META["HTTP_HOST"] = origin.partition("//")[2]
        return get_response(request)

    return middleware


def _other_host() -> HttpResponse:
    message = gettext(
        "No site has this address. If you run the site: its addresses are settings, and a proxy in front of it has to "
        "pass the header Host on unchanged."
    )
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin", "Cache-Control": "no-store"}
    return HttpResponseBadRequest(message + "\n", content_type="text/plain; charset=utf-8", headers=headers)


def refuse_unreadable_addresses(get_response: Handler) -> Handler:
    """Answer 400 to control characters, and to what is not UTF-8, in the address, a header or a cookie of a request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not _has_readable_address(request):
            raise BadRequest(UNREADABLE)
        return get_response(request)

    return middleware


class RefuseUnreadableBodies:
    """Answer 400 to the same in a form or a JSON body; on the way to the view, as CSRF reads a body there, too."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if request.method not in ("GET", "HEAD") and not _has_readable_body(request):
            raise BadRequest(UNREADABLE)


def _has_readable_address(request: HttpRequest) -> bool:
    # In another encoding, which the type of a request may name, its address would say something else.
    if request.encoding and codecs.lookup(request.encoding).name not in UTF_8:
        return False
    headers = (value for name, value in request.META.items() if name.startswith(("HTTP_", "CONTENT_")))
    return (
        # Bytes of the path that are no UTF-8 keep their percent signs: there is nothing at such an address.
        is_line(request.path_info)
        and is_encoded_line(request.META.get("QUERY_STRING", ""))
        and all(is_header(value) for value in headers if isinstance(value, str))
        # A cookie in quotes may say \000.
        and all(is_line(value) for value in request.COOKIES.values())
    )


def _has_readable_body(request: HttpRequest) -> bool:
    if request.content_type == "application/json":
        return _has_readable_json(request)
    if request.content_type == "application/x-www-form-urlencoded":
        return is_encoded_text(request.body.decode("latin-1"))
    return are_texts(request.POST.lists()) and all(is_line(file.name or "") for _, file in _files(request))


def _has_readable_json(request: HttpRequest) -> bool:
    try:
        return are_texts([json.loads(request.body)])
    except (ValueError, RecursionError):
        # The view says so in its own words.
        return True


def _files(request: HttpRequest) -> list[tuple[str, Any]]:
    return [(name, file) for name, files in request.FILES.lists() for file in files]
