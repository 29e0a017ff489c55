"""Files from browsers: stored in a folder of their own until their import has succeeded."""

import json
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.utils.translation import gettext, ngettext

from catalog.errors import UserError
from data_import.sources.archive import SUFFIXES, UNREAD_SUFFIXES
from jobs.models import Job

MANIFEST = ".csv"
# A file without references is removed after this time: an interruption left it behind.
SECONDS_KEPT = 24 * 3600


# Space that uploads must leave free: their images are stored beside them, and perhaps the database.
BYTES_LEFT_FREE = 2**30


class BadUpload(UserError):
    """Files that cannot be imported together; the message says how to send them instead."""


class ToDisk(TemporaryFileUploadHandler):
    """Upload handler that writes files of every size to disk as they arrive, to spare the web server's memory."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        _incoming()
        super().new_file(*args, **kwargs)


def _incoming() -> Path:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def largest_upload_mib() -> int:
    """Return the limit of one upload: LARGEST_UPLOAD_MIB, or less if the disk has no space for that."""
    room = shutil.disk_usage(_incoming()).free - BYTES_LEFT_FREE
    return max(0, min(settings.LARGEST_UPLOAD_MIB, room // 2**20))


def source_of(names: Sequence[str]) -> str:
    """Return the name of the archive or manifest among these files; "" if all of them are images.

    Raises BadUpload if that is not clear.
    """
    packed = [name for name in names if name.lower().endswith((*SUFFIXES, *UNREAD_SUFFIXES))]
    tables = [name for name in names if name.lower().endswith(MANIFEST)]
    if packed and len(names) > 1:
        raise BadUpload(gettext("%(file)s is an archive: upload it alone, without other files.") % {"file": packed[0]})
    if len(tables) > 1:
        raise BadUpload(
            gettext("%(first)s and %(second)s are both manifests: upload one manifest with its images.")
            % {"first": tables[0], "second": tables[1]}
        )
    if tables and len(names) == 1:
        raise BadUpload(
            gettext("%(file)s is a manifest without images: choose the images that it lists as well.")
            % {"file": tables[0]}
        )
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise BadUpload(gettext("Two files are named %(file)s: rename one of them.") % {"file": double})
    return (packed or tables or [""])[0]


def keep(files: "Sequence[UploadedFile[Any]]") -> dict[str, str]:
    """Move uploaded files to a new folder. Returns the arguments of their import. Raises BadUpload."""
    names = [name_of(file) for file in files]
    source = source_of(names)
    tidy()
    folder = Path(settings.UPLOAD_ROOT) / secrets.token_hex(16)
    folder.mkdir(mode=0o700, parents=True)
    try:
        for file, name in zip(files, names, strict=True):
            _move(file, folder / name)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadUpload(
            gettext("The files could not be stored (%(reason)s), so they were not imported.")
            % {"reason": error.strerror}
        ) from None
    several = ngettext("%(n)s file", "%(n)s files", len(files)) % {"n": len(files)}
    return {"upload": folder.name, "file": source, "words": source or (names[0] if len(names) == 1 else several)}


def name_of(file: "UploadedFile[Any]") -> str:
    assert file.name is not None, "Django takes no part of a form without a name for a file"
    return file.name


def _move(file: "UploadedFile[Any]", to: Path) -> None:
    if isinstance(file, TemporaryUploadedFile):
        # The same disk: no copy. Django tolerates that the file is gone when it closes it.
        shutil.move(file.temporary_file_path(), to)
        return
    with to.open("wb") as copy:
        for chunk in file.chunks():
            copy.write(chunk)


def folder_of(arguments: dict[str, str]) -> Path:
    return Path(settings.UPLOAD_ROOT) / arguments["upload"]


def remove(arguments: dict[str, str]) -> None:
    if arguments.get("upload"):
        shutil.rmtree(folder_of(arguments), ignore_errors=True)


def tidy() -> None:
    """Remove leftovers of interruptions: incomplete uploads, and uploads that no import refers to."""
    root, incoming = Path(settings.UPLOAD_ROOT), Path(settings.FILE_UPLOAD_TEMP_DIR)
    oldest = time.time() - SECONDS_KEPT
    needed = _needed_uploads()
    unused = [path for path in root.glob("*") if path != incoming and path.name not in needed]
    for path in [*unused, *incoming.glob("*")]:
        try:
            is_old = path.stat().st_mtime < oldest
        except FileNotFoundError:
            continue
        if is_old:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _needed_uploads() -> set[str]:
    """Return the uploads of unfinished jobs, and of failed ones, which may be retried."""
    latest = Job.objects.order_by("dataset", "kind", "-pk").distinct("dataset", "kind").defer("report")
    open_ones = [job.arguments for job in latest if job.problem or job.finished_at is None]
    # Whatever the argument is called, and whether it is the folder or a file in it.
    return set(re.findall(r"[0-9a-f]{32}", json.dumps(open_ones)))
