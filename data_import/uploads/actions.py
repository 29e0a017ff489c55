"""Files that a browser sends: kept in a folder of their own until their import has ended well."""

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

from catalog.errors import UserError
from data_import.sources.archive import SUFFIXES, UNREAD_SUFFIXES
from jobs.models import Job

MANIFEST = ".csv"
# What nothing refers to after so long was left by a stop.
SECONDS_KEPT = 24 * 3600


# What an upload must leave free: its images are kept beside it, and the database may be on the same disk.
BYTES_LEFT_FREE = 2**30


class BadUpload(UserError):
    """These files cannot be imported together; the message says what to send instead."""


class ToDisk(TemporaryFileUploadHandler):
    """Every file goes to the disk as it comes, whatever its size: the memory of the web server is for pages."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        _incoming()
        super().new_file(*args, **kwargs)


def _incoming() -> Path:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def largest_upload_mib() -> int:
    """What is taken at a time: LARGEST_UPLOAD_MIB, or less where the disk has no room for that."""
    room = shutil.disk_usage(_incoming()).free - BYTES_LEFT_FREE
    return max(0, min(settings.LARGEST_UPLOAD_MIB, room // 2**20))


def source_of(names: Sequence[str]) -> str:
    """The file among these that is the source of an import: an archive or manifest; "" for the folder of them all.

    Raises BadUpload where that is not clear.
    """
    packed = [name for name in names if name.lower().endswith((*SUFFIXES, *UNREAD_SUFFIXES))]
    tables = [name for name in names if name.lower().endswith(MANIFEST)]
    if packed and len(names) > 1:
        raise BadUpload(f"{packed[0]} is an archive, and more files came with it: send an archive alone.")
    if len(tables) > 1:
        raise BadUpload(f"{tables[0]} and {tables[1]} are both tables: send one manifest with its images.")
    if tables and len(names) == 1:
        raise BadUpload(f"{tables[0]} came without images: choose the images that it lists as well.")
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise BadUpload(f"Two files are called {double}: give one of them another name.")
    return (packed or tables or [""])[0]


def keep(files: "Sequence[UploadedFile[Any]]") -> dict[str, str]:
    """Move what was sent to a folder of its own. Returns the arguments of its import. Raises BadUpload."""
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
        raise BadUpload(f"The files could not be kept ({error.strerror}): nothing was imported.") from None
    words = source or (names[0] if len(names) == 1 else f"{len(files)} files")
    return {"upload": folder.name, "file": source, "words": words}


def name_of(file: "UploadedFile[Any]") -> str:
    assert file.name is not None, "a part of a form without a name is no file to Django"
    return file.name


def _move(file: "UploadedFile[Any]", to: Path) -> None:
    if isinstance(file, TemporaryUploadedFile):
        # The same disk: no copy. Django looks for the file again when it closes it, and bears that it is gone.
        shutil.move(file.temporary_file_path(), to)
        return
    with to.open("wb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)


def folder_of(arguments: dict[str, str]) -> Path:
    return Path(settings.UPLOAD_ROOT) / arguments["upload"]


def remove(arguments: dict[str, str]) -> None:
    if arguments.get("upload"):
        shutil.rmtree(folder_of(arguments), ignore_errors=True)


def tidy() -> None:
    """Remove what stops have left: halves of uploads, and uploads that no import wants any more."""
    root, incoming = Path(settings.UPLOAD_ROOT), Path(settings.FILE_UPLOAD_TEMP_DIR)
    before = time.time() - SECONDS_KEPT
    wanted = _wanted()
    left = [path for path in root.glob("*") if path != incoming and path.name not in wanted]
    for path in [*left, *incoming.glob("*")]:
        try:
            old = path.stat().st_mtime < before
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _wanted() -> set[str]:
    """Uploads of work that is to be done, or that came to nothing and may be asked for again."""
    latest = Job.objects.order_by("dataset", "kind", "-pk").distinct("dataset", "kind").defer("report")
    open_ones = [job.arguments for job in latest if job.problem or job.finished_at is None]
    # Whatever the argument is called, and whether it is the folder or a file in it.
    return set(re.findall(r"[0-9a-f]{32}", json.dumps(open_ones)))
