"""Files uploaded to a page: stored where web processes and workers can read them, and removed after use."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext

from csv_files.tables import NamedFile
from data_import.uploads.actions import tidy

MOST_MEBIBYTES = 20
# A compressed file of that size may contain any number of zeros, which must not fill the web server's memory.
MOST_BYTES_UNPACKED = 128 * 2**20
# A form has up to two files, and a little beside them.
MOST_BYTES_OF_A_FORM = (2 * MOST_MEBIBYTES + 1) * 2**20
LONGEST_NAME = 80


def too_large(upload: "UploadedFile[Any]") -> str:
    """Return the message for a file that is too large for pages; blank for any other file."""
    size = upload.size or 0
    if size <= MOST_MEBIBYTES * 2**20:
        return ""
    message = gettext(
        "%(file)s has %(size)s MiB; the limit of this page is %(limit)s MiB. Split the file, or ask the site "
        "administrator to import it on the server."
    )
    return message % {"file": upload.name, "size": f"{size / 2**20:.1f}", "limit": MOST_MEBIBYTES}


def keep_upload(upload: "UploadedFile[Any]") -> Path:
    """Store the upload in a new folder, under the plain characters of its name."""
    tidy()
    folder = Path(settings.UPLOAD_ROOT) / secrets.token_hex(16)
    folder.mkdir(mode=0o700, parents=True)
    path = folder / _plain(upload.name or "")
    with path.open("wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    return path


def remove_uploads(paths: Iterable[Path]) -> None:
    for path in paths:
        shutil.rmtree(path.parent, ignore_errors=True)


def named_upload(path: Path) -> NamedFile:
    """Return the upload stored at this path, under its original name: messages hide our folders."""
    return NamedFile(path, path.name)


@contextmanager
def kept_for_now(upload: "UploadedFile[Any]") -> Iterator[NamedFile]:
    """Store the upload as a file for the length of the block."""
    path = keep_upload(upload)
    try:
        yield named_upload(path)
    finally:
        remove_uploads([path])


@contextmanager
def removed_after(paths: Iterable[Path]) -> Iterator[None]:
    """Remove these uploads after the block, unless it ended with an error after which it is retried."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        remove_uploads(paths)
        raise
    remove_uploads(paths)


def _plain(name: str) -> str:
    """
    >>> _plain("../../Päare 1.csv"), _plain("..")
    ('Päare 1.csv', 'file')
    """
    plain = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isalnum() or c in " ._-()")
    return plain.strip(" .")[-LONGEST_NAME:] or "file"
