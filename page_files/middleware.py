"""Answers to requests for static files."""

import mimetypes
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils.cache import patch_vary_headers

from page_files.pages import CODINGS, coding_for, encode
from page_files.reads import HASHED, StaticFile, file_named

Handler = Callable[[HttpRequest], HttpResponse]

FOR_GOOD = f"public, max-age={365 * 24 * 3600}, immutable"


def serve_static_files(get_response: Handler) -> Handler:
    """Answer requests for static files; all others go on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(settings.STATIC_URL) or request.method not in ("GET", "HEAD"):
            return get_response(request)
        return _answer(request, request.path_info.removeprefix(settings.STATIC_URL))

    return middleware


def _answer(request: HttpRequest, path: str) -> HttpResponse:
    hashed = HASHED.fullmatch(path)
    try:
        file = file_named(hashed["stem"] + hashed["suffix"] if hashed else path)
    except LookupError:
        return HttpResponseNotFound("There is no such file.\n", content_type="text/plain")
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    answer = HttpResponse(content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
    # Under the digest of another version, as pages have that were open during an upgrade, it must not stay.
    is_current = hashed is not None and hashed["digest"] == file.digest
    answer.headers["Cache-Control"] = FOR_GOOD if is_current else "no-cache"
    content, coding = file.content, coding_for(request)
    if _is_worth_it(file):
        patch_vary_headers(answer, ["Accept-Encoding"])
        if coding:
            content, answer.headers["Content-Encoding"] = _encoded(file, coding), coding
    answer.headers["Content-Length"] = str(len(content))
    answer.content = b"" if request.method == "HEAD" else content
    return answer


def _is_worth_it(file: StaticFile) -> bool:
    """Return whether the file gets smaller: a picture is compressed already."""
    return all(len(_encoded(file, coding)) < len(file.content) for coding in CODINGS)


@lru_cache(maxsize=512)
def _encoded(file: StaticFile, coding: str) -> bytes:
    return encode(file.content, coding, once=True)
