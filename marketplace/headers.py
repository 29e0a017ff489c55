"""The headers of every answer: what a page may load, which sites its frame may show, and who may frame it."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

Handler = Callable[[HttpRequest], HttpResponse]

HEADER = "Content-Security-Policy"
CONTENT = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'self'"
# What a browser would otherwise let a page, or the task in its frame, ask for.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("camera", "display-capture", "geolocation", "hid", "idle-detection", "microphone", "midi", "payment"),
        *("screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
    )
)
# Other characters could end the directive and begin another.
PLAIN_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
# The page in the frame after submission is ours.
IN_OUR_FRAME = "'self'"


def policy(*, frames: Iterable[str] = ("'none'",), ancestors: str = "'none'") -> str:
    return f"{CONTENT}; frame-src {' '.join(frames)}; frame-ancestors {ancestors}"


def frames_of(address: str) -> list[str]:
    """Return the origins for the frame of a task: the task's own, ours, and those of the settings."""
    return [*filter(None, [origin_of_task(address)]), "'self'", *settings.FRAME_ORIGINS]


def origin_of_task(address: str) -> str:
    """Return the origin of an address; blank if it cannot be written in a policy, and its frame stays empty."""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    return origin if PLAIN_ORIGIN.fullmatch(origin) else ""


def set_headers(get_response: Handler) -> Handler:
    """Set on every answer what holds for all: the policy, no device, and no search engine."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault(HEADER, policy())
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
        return response

    return middleware


def redirect_to_origin(get_response: Handler) -> Handler:
    """Redirect pages to MARKETPLACE_ORIGIN: frames and cookies depend on it. The API keeps its other names."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_elsewhere = request.get_host() != urlsplit(settings.ORIGIN).netloc
        if request.method in ("GET", "HEAD") and is_elsewhere and request.path != "/livez":
            return HttpResponseRedirect(settings.ORIGIN + request.get_full_path())
        return get_response(request)

    return middleware
