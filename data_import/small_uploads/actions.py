"""Files that a page is sent: kept where web processes and workers can read them, and removed after use."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError

from csv_files.tables import NamedFile
from data_import.uploads.actions import tidy

MOST_MEBIBYTES = 20
# A packed file of that size may hold any number of zeros, and the web server is to stay up.
MOST_BYTES_UNPACKED = 128 * 2**20
# A form has up to two files, and a little beside them.
MOST_BYTES_OF_A_FORM = (2 * MOST_MEBIBYTES + 1) * 2**20
LONGEST_NAME = 80


def too_large(upload: "UploadedFile[Any]") -> str:
    """What to say of a file that is larger than pages take; empty if it is not."""
    size = upload.size or 0
    if size <= MOST_MEBIBYTES * 2**20:
        return ""
    return (
        f"{upload.name} has {size / 2**20:.1f} MiB, more than the {MOST_MEBIBYTES} that this page takes. The "
        "command on the server takes any size, or split the file."
    )


def keep_upload(upload: "UploadedFile[Any]") -> Path:
    """Store it in a folder of its own, under its own name as far as that is a plain one."""
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
    """Return an upload that is kept at this path, called as it was sent: messages do not tell where we keep it."""
    return NamedFile(path, path.name)


@contextmanager
def kept_for_now(upload: "UploadedFile[Any]") -> Iterator[NamedFile]:
    """Keep the upload as a file while the block lasts, under the file's own name."""
    path = keep_upload(upload)
    try:
        yield named_upload(path)
    finally:
        remove_uploads([path])


@contextmanager
def removed_after(paths: Iterable[Path]) -> Iterator[None]:
    """Remove these uploads when the block has done its work, or will never do it; where it is tried again they stay."""
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
    kept = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isalnum() or c in " ._-()")
    return kept.strip(" .")[-LONGEST_NAME:] or "file"
