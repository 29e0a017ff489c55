"""Static files, under addresses that change with their content: browsers keep them for good.

They are few and small, so a process reads, shortens and compresses each when it is first asked for it, and no start
waits for a build step. A module holds what it imports (page_files.bundles).
"""

import hashlib
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from rcssmin import cssmin
from rjsmin import jsmin

from page_files.bundles import bundled, with_numbers

DIGEST_BYTES = 6
HASHED = re.compile(rf"(?P<stem>.+)\.(?P<digest>[0-9a-f]{{{2 * DIGEST_BYTES}}})(?P<suffix>\.\w+)")
# Several style sheets in one answer: a page waits for one request instead of several.
JOINT = "+"
MOST_JOINED = 6
# Relative ones alone: others name what is not ours.
PICTURE = re.compile(r"""(?P<before>url\(["']?)(?P<name>[^"')/:#][^"'):]*)(?P<after>["']?\))""")


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.content, digest_size=DIGEST_BYTES).hexdigest()

    @property
    def address(self) -> str:
        stem, suffix = posixpath.splitext(self.name)
        return f"{settings.STATIC_URL}{stem}.{self.digest}{suffix}"


def joined_name(sheets: tuple[str, ...]) -> str:
    """Return the name under which several style sheets are one file.

    >>> joined_name(("site.css", "static/workforce/work.css"))
    'site+static/workforce/work.css'
    """
    return JOINT.join(name.removesuffix(".css") for name in sheets) + ".css"


def file_named(name: str) -> StaticFile:
    """Return the static file of this name. Raises LookupError if there is none."""
    if settings.DEBUG:
        _file.cache_clear()
    return _file(name)


@lru_cache(maxsize=256)
def _file(name: str) -> StaticFile:
    if JOINT in name:
        return _joined(name)
    content = _paths()[name].read_bytes()
    suffix = posixpath.splitext(name)[1]
    if suffix == ".css":
        content = _shortened(_with_addresses(name, content.decode()), cssmin)
    elif suffix == ".js":
        content = _shortened(bundled(name, _module), jsmin)
    return StaticFile(name, content)


def _module(name: str) -> str:
    source = _paths()[name].read_text(encoding="utf-8")
    return source if settings.DEBUG else with_numbers(source)


def _with_addresses(name: str, sheet: str) -> str:
    def linked(match: re.Match[str]) -> str:
        picture = _file(posixpath.normpath(posixpath.join(posixpath.dirname(name), match["name"])))
        return match["before"] + picture.address + match["after"]

    return PICTURE.sub(linked, sheet)


def _shortened(source: str, shorten: Callable[..., str]) -> bytes:
    """Return a source without comments and needless blanks; the whole of it where people look for errors."""
    # Remarks that begin with an exclamation mark are licences.
    return (source if settings.DEBUG else shorten(source, keep_bang_comments=True)).encode()


def _joined(name: str) -> StaticFile:
    names = [f"{stem}.css" for stem in name.removesuffix(".css").split(JOINT)]
    if not name.endswith(".css") or len(names) > MOST_JOINED:
        raise LookupError(name)
    return StaticFile(name, b"\n".join(_file(one).content for one in names))


@lru_cache(maxsize=1)
def _paths() -> dict[str, Path]:
    """Return where the static files are, by name: no path is made of what a request says."""
    listed = ((name, storage) for finder in finders.get_finders() for name, storage in finder.list(None))
    paths: dict[str, Path] = {}
    for name, storage in listed:
        # As Django's finders do, the first one wins.
        paths.setdefault(name.replace("\\", "/"), Path(storage.path(name)))
    return paths
