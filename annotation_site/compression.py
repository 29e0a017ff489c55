"""Compressed pages for workers."""

import gzip
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from annotation_site.language import for_workers

Handler = Callable[[HttpRequest], HttpResponse]

# Below, a packet is not full anyway.
SHORTEST_PAGE_BYTES = 500
# A level more costs more time than its bytes save.
LEVEL_OF_PAGES = 5


def compress_pages(get_response: Handler) -> Handler:
    """Compress pages for workers.

    The size of a compressed page tells whether two parts of it are alike, so a page must not be compressed where an
    attacker can have a victim's browser load it with words of his choice beside a secret (BREACH). Pages for workers
    depend on no cookie: who can have one loaded can read it himself. Pages for researchers do, and stay as they are.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
        if not is_page or response.has_header("Content-Encoding") or not for_workers(request):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if len(response.content) >= SHORTEST_PAGE_BYTES and accepts_gzip(request):
            response.content = gzip.compress(response.content, LEVEL_OF_PAGES, mtime=0)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware


def compressed(content: bytes, *, level: int) -> bytes:
    """Return the content compressed, or nothing where that saves nothing."""
    smaller = gzip.compress(content, level, mtime=0)
    return smaller if len(smaller) < len(content) else b""


def accepts_gzip(request: HttpRequest) -> bool:
    """Return whether the browser reads gzip: it says so, and not with the weight 0."""
    codings = request.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
    weights = {name: weight for name, _, weight in (coding.partition(";") for coding in codings)}
    return re.fullmatch(r"q=0(\.0*)?", weights.get("gzip", weights.get("*", "q=0"))) is None
