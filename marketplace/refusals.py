"""Requests that nothing here is for: under another host's name, or with characters that no text contains.

Postgres stores neither NUL nor a lone surrogate, and no person writes other control characters.
"""

import codecs
import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from marketplace.pages import error_page
from marketplace.texts import NOT_IN_A_HEADER, NOT_IN_A_LINE, NOT_IN_A_TEXT

Handler = Callable[[HttpRequest], HttpResponse]

HEALTH = "/livez"
# The API, and the form of a frame.
IN_THEIR_OWN_WORDS = ("/", "/mturk/externalSubmit")
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[0-9a-z_-][0-9a-z_.-]*?)\.?)(?::(?P<port>[0-9]{0,5}))?")
UTF_8 = ("utf-8", "ascii")


def accept_own_hosts(get_response: Handler) -> Handler:
    """Answer 400 to a request whose Host names neither MARKETPLACE_ORIGIN nor, on this machine, its other names."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_own_host(request.META.get("HTTP_HOST", "")):
            return get_response(request)
        if request.path_info == HEALTH:
            request.META["HTTP_HOST"] = urlsplit(settings.ORIGIN).netloc
            return get_response(request)
        return refusal(gettext("No marketplace has this address."))

    return middleware


def is_own_host(text: str) -> bool:
    """Return whether a Host header names this marketplace: host and port, however they are written."""
    scheme, place = urlsplit(settings.ORIGIN)[:2]
    host, port = host_and_port(place, scheme) or ("", 0)
    names = {host, *(settings.LOOPBACK if host in settings.LOOPBACK else ())}
    return host_and_port(text, scheme) in {(name, port) for name in names}


def host_and_port(text: str, scheme: str) -> tuple[str, int] | None:
    """Return the parts of `host[:port]` in their usual form; None for anything else.

    >>> host_and_port("LOCALHOST.:8100", "http"), host_and_port("a@localhost", "http")
    (('localhost', 8100), None)
    """
    match = HOST.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    host = match["name"]
    if match["v6"]:
        try:
            host = str(ipaddress.IPv6Address(match["v6"]))
        except ValueError:
            return None
    return host, int(match["port"] or DEFAULT_PORTS[scheme])


def refuse_unreadable_addresses(get_response: Handler) -> Handler:
    """Answer 400 to control characters, and to what is not UTF-8, in the address, a header or a cookie."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request) if has_readable_address(request) else refusal(unreadable())

    return middleware


class RefuseUnreadableBodies:
    """Answer 400 to the same in a form."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if request.method in ("GET", "HEAD") or request.path in IN_THEIR_OWN_WORDS or has_readable_form(request):
            return None
        return error_page(request, unreadable(), status=400)


def unreadable() -> str:
    return gettext("The request could not be read. Nothing was saved.")


def refusal(message: str) -> HttpResponse:
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin", "Cache-Control": "no-store"}
    return HttpResponse(message + "\n", status=400, content_type="text/plain; charset=utf-8", headers=headers)


def has_readable_address(request: HttpRequest) -> bool:
    # In another encoding, which the type of a request may name, its address would say something else.
    if request.encoding and codecs.lookup(request.encoding).name not in UTF_8:
        return False
    headers = [value for name, value in request.META.items() if name.startswith(("HTTP_", "CONTENT_"))]
    return (
        # Bytes of the path that are no UTF-8 keep their percent signs: there is nothing at such an address.
        not NOT_IN_A_LINE.search(request.path_info)
        and is_encoded(request.META.get("QUERY_STRING", ""), NOT_IN_A_LINE)
        and not any(NOT_IN_A_HEADER.search(value) for value in headers if isinstance(value, str))
        # A cookie in quotes may say \000.
        and not any(NOT_IN_A_LINE.search(value) for value in request.COOKIES.values())
    )


def has_readable_form(request: HttpRequest) -> bool:
    if request.content_type == "application/x-www-form-urlencoded":
        return is_encoded(request.body.decode("latin-1"), NOT_IN_A_TEXT)
    texts = [text for name, values in request.POST.lists() for text in (name, *values)]
    return not any(NOT_IN_A_TEXT.search(text) for text in texts)


def is_encoded(text: str, impossible: re.Pattern[str]) -> bool:
    """Return whether a percent-encoded text, in WSGI's Latin-1, is UTF-8 without the impossible characters."""
    try:
        return not impossible.search(unquote_to_bytes(text.encode("latin-1")).decode())
    except UnicodeError:
        return False
