"""Compressed pages for workers."""

import gzip

import brotli
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

# Below, a packet is not full anyway.
SHORTEST_PAGE_BYTES = 500
# What browsers read, the smaller first; how long it may take for a page, which is made once for each person, and for a
# file, which is compressed once.
CODINGS = {"br": (5, 11), "gzip": (6, 9)}


def compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Compress a page, if its browser reads that. Only for pages that depend on no cookie.

    The size of a compressed page tells whether two parts of it are alike, so a page must not be compressed where an
    attacker can have a victim's browser load it with words of his choice beside a secret (BREACH). Whoever can have a
    page loaded that depends on no cookie, such as a worker's, can read it himself.
    """
    is_page = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
    if not is_page or response.has_header("Content-Encoding"):
        return response
    patch_vary_headers(response, ["Accept-Encoding"])
    coding = coding_for(request)
    if coding and len(response.content) >= SHORTEST_PAGE_BYTES:
        response.content = encode(response.content, coding)
        response.headers["Content-Encoding"] = coding
        response.headers["Content-Length"] = str(len(response.content))
    return response


def encode(content: bytes, coding: str, *, once: bool = False) -> bytes:
    quality = CODINGS[coding][once]
    return gzip.compress(content, quality, mtime=0) if coding == "gzip" else brotli.compress(content, quality=quality)


def coding_for(request: HttpRequest) -> str:
    """Return the best coding that the browser reads: it names it, and not with the weight 0. Else nothing."""
    accepted = request.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
    weights = {name: weight for name, _, weight in (coding.partition(";") for coding in accepted)}
    # A weight of 0 is written with any number of zeros behind the point.
    return next((name for name in CODINGS if weights.get(name, "q=0").rstrip("0.") != "q="), "")
