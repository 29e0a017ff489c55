"""Storage of small versions. They are no more than a cache: what is missing is made when it is first shown."""

import logging
import threading
from collections.abc import Mapping

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from catalog.models import Image
from catalog.tiles.reads import media_type, small_version_of_file

log = logging.getLogger(__name__)

# A process makes one at a time: a page asks for 48 at once, and other requests must not wait for all of them.
_alone = threading.Lock()


def store_small_versions(*, image: Image, by_side: Mapping[int, bytes]) -> None:
    """Store small versions, in place of any that are there. What cannot be stored now is made when it is shown."""
    for side, content in by_side.items():
        _store(image.display.storage, _path(image, side), content)


def ensure_small_version(*, image: Image, side: int) -> bytes:
    """Return a small version of an image that has pictures; it is made now if it is missing.

    Raises OSError if the picture that it is made from cannot be read.
    """
    storage, path = image.display.storage, _path(image, side)
    stored = _read(storage, path)
    if stored:
        return stored
    with image.display.open() as display:
        content = display.read()
    with _alone:
        made = small_version_of_file(content, side)
    _store(storage, path, made)
    return made


def _path(image: Image, side: int) -> str:
    # By the public id, and without a suffix: either format can turn out smaller.
    return f"tiles/{side}/{image.public_id}"


def _read(storage: Storage, path: str) -> bytes:
    """Return what is stored, if it is there and whole."""
    try:
        with storage.open(path) as file:
            content: bytes = file.read()
    except OSError:
        return b""
    return content if media_type(content) else b""


def _store(storage: Storage, path: str, content: bytes) -> None:
    try:
        storage.save(path, ContentFile(content))
    except Exception:  # noqa: BLE001 - every storage has errors of its own, and none must cost the page its photograph
        log.exception("A small version could not be stored: %s", path)
