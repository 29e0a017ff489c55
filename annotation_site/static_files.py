"""Static files, under addresses that change with their content: browsers keep them for good.

They are few and small, so a process reads, links and compresses each when it is first asked for it, and no start waits
for a build step. Addresses in a style sheet and imports in a module become those of the files that they name.
"""

import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils.cache import patch_vary_headers

from annotation_site.compression import accepts_gzip, compressed

Handler = Callable[[HttpRequest], HttpResponse]

DIGEST_BYTES = 6
HASHED = re.compile(rf"(?P<stem>.+)\.(?P<digest>[0-9a-f]{{{2 * DIGEST_BYTES}}})(?P<suffix>\.\w+)")
# Several style sheets in one answer: a page waits for one request instead of several.
JOINT = "+"
MOST_JOINED = 6
# Relative ones alone: others name what is not ours.
LINKS = {
    ".css": re.compile(rb"""(?P<before>url\(["']?)(?P<name>[^"')/:#][^"'):]*)(?P<after>["']?\))"""),
    ".js": re.compile(rb"""(?P<before>^(?:import|export)\b[^;"']*["'])(?P<name>\.[^"']+)(?P<after>["'])""", re.M),
}
FOR_GOOD = f"public, max-age={365 * 24 * 3600}, immutable"


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent. `imports` are the names of further files that a module needs, with theirs."""

    name: str
    content: bytes
    imports: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.content, digest_size=DIGEST_BYTES).hexdigest()

    @property
    def address(self) -> str:
        stem, suffix = posixpath.splitext(self.name)
        return f"{settings.STATIC_URL}{stem}.{self.digest}{suffix}"


class HashedFiles(StaticFilesStorage):
    """Addresses of static files, for templates."""

    def url(self, name: str | None) -> str:
        return file_named(str(name)).address


def joined_name(sheets: tuple[str, ...]) -> str:
    """Return the name under which several style sheets are one file.

    >>> joined_name(("site.css", "workforce/work.css"))
    'site+workforce/work.css'
    """
    return JOINT.join(name.removesuffix(".css") for name in sheets) + ".css"


def file_named(name: str) -> StaticFile:
    """Return the static file of this name. Raises LookupError if there is none."""
    if settings.DEBUG:
        _file.cache_clear()
    return _file(name)


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
    content, compressed = file.content, _compressed(file)
    if compressed:
        patch_vary_headers(answer, ["Accept-Encoding"])
        if accepts_gzip(request):
            content, answer.headers["Content-Encoding"] = compressed, "gzip"
    answer.headers["Content-Length"] = str(len(content))
    answer.content = b"" if request.method == "HEAD" else content
    return answer


@lru_cache(maxsize=256)
def _file(name: str) -> StaticFile:
    if JOINT in name:
        return _joined(name)
    path = _paths()[name]
    suffix = posixpath.splitext(name)[1]
    imports: dict[str, None] = {}

    def linked(match: re.Match[bytes]) -> bytes:
        other = _file(posixpath.normpath(posixpath.join(posixpath.dirname(name), match["name"].decode())))
        imports.update(dict.fromkeys([other.name, *other.imports]))
        return match["before"] + other.address.encode() + match["after"]

    content = path.read_bytes()
    if suffix in LINKS:
        content = LINKS[suffix].sub(linked, content)
    return StaticFile(name, content, tuple(imports) if suffix == ".js" else ())


def _joined(name: str) -> StaticFile:
    names = [f"{stem}.css" for stem in name.removesuffix(".css").split(JOINT)]
    if not name.endswith(".css") or len(names) > MOST_JOINED:
        raise LookupError(name)
    return StaticFile(name, b"".join(_file(one).content for one in names), ())


@lru_cache(maxsize=1)
def _paths() -> dict[str, Path]:
    """Return where the static files are, by name: no path is made of what a request says."""
    listed = ((name, storage) for finder in finders.get_finders() for name, storage in finder.list(None))
    paths: dict[str, Path] = {}
    for name, storage in listed:
        # As Django's finders do, the first one wins.
        paths.setdefault(name.replace("\\", "/"), Path(storage.path(name)))
    return paths


# Once for each file, so as small as can be.
@lru_cache(maxsize=256)
def _compressed(file: StaticFile) -> bytes:
    return compressed(file.content, level=9)
