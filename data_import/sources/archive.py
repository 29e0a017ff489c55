"""Images in a tar or zip archive, read entry by entry: nothing is unpacked, and no name in it becomes a path.

An archive is read through once for names, places and sizes; then each requested entry is read at its place. An
archive's headers are not to be trusted, so each figure in them has a limit.
"""

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.utils.translation import gettext, gettext_lazy

from catalog.decoding.reads import Content
from catalog.errors import reason_in
from catalog.models import LabelSet
from catalog.photographs.reads import BadPhotograph
from data_import.sources.requests import (
    MOST_ENTRIES,
    Entry,
    ImageRequest,
    Listing,
    NothingToImport,
    requests_of_entries,
)

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
UNREAD_SUFFIXES = (".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar", ".gz")
# Images hardly shrink by packing: an archive that grows by more than this, beyond what small ones may, is a bomb.
MOST_GROWTH = 50
GROWTH_OF_ANY = 100 * 2**20
# What the headers of one tar entry, and the directory of a zip, may have.
TAR_HEADER_BYTES = 256 * 1024
ZIP_DIRECTORY_BYTES = 32 * 2**20
BLOCK_BYTES = 512
ENCRYPTED = 0x1
NO_END_MARK = gettext_lazy(
    "The archive has no end mark and may be cut off: compare the number of images with the number that you expect."
)

Seen = Callable[[int], object]


@dataclass(frozen=True)
class Archive:
    """An archive to read: its file, and its name for messages."""

    path: Path
    name: str


class Limited(io.RawIOBase):
    """A file that is read from `allowance` bytes at most, until that is set anew, and up to `end`.

    The readers of archives take as much into memory as a header says.
    """

    def __init__(self, file: BinaryIO, allowance: int, end: int) -> None:
        super().__init__()
        self._file = file
        self._end = end
        self.allowance = allowance

    def read(self, size: int = -1) -> bytes:
        if size > self.allowance:
            raise NothingToImport(gettext("its headers are too large"))
        content = self._file.read(size if size >= 0 else self.allowance + 1)
        self.allowance -= len(content)
        if self.allowance < 0:
            raise NothingToImport(gettext("its headers are too large"))
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET and not 0 <= offset <= self._end:
            raise NothingToImport(
                gettext("it unpacks to over %(n)s MiB, far more than images do") % {"n": f"{self._end / 2**20:,.0f}"}
            )
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def is_archive(name: str) -> bool:
    """Return whether a source of this name is read as an archive. Raises NothingToImport for unsupported archives."""
    if name.lower().endswith(UNREAD_SUFFIXES) and not name.lower().endswith(SUFFIXES):
        raise NothingToImport(
            gettext("%(name)s is an unsupported archive: pack it as a .tar, .tar.gz or .zip archive.") % {"name": name}
        )
    return name.lower().endswith(SUFFIXES)


def images_of_archive(archive: Archive, label_set: LabelSet, seen: Seen) -> Listing:
    """List every file in an archive, by its name there; top folders named by class give the dataset label.

    Raises NothingToImport if it cannot be read to its end; nothing of it is imported then.
    """
    is_zip = archive.name.lower().endswith(".zip")
    remarks: list[str] = []
    with _readable(archive.name):
        stamp = _stamp(archive.path)
    listed = _listed(archive.name, _zip_entries(archive.path) if is_zip else _tar_entries(archive.path, remarks))
    with closing(listed):
        entries = _counted(listed, seen)
    requests, more = requests_of_entries(entries, label_set)
    if not requests:
        raise NothingToImport(gettext("There are no files in %(name)s.") % {"name": archive.name})
    contents = _zip_contents if is_zip else _tar_contents
    return Listing(requests, partial(_unchanged, archive, stamp, contents), remarks + more)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except NothingToImport as error:
        raise NothingToImport(
            gettext("%(name)s: %(reason)s. No image of it was imported.") % {"name": name, "reason": error}
        ) from None
    except Exception as error:
        # Readers of archives raise errors of all kinds for damaged ones.
        reason = getattr(error, "strerror", None) or reason_in(error)
        raise NothingToImport(
            gettext(
                "%(name)s cannot be read (%(reason)s): replace it with an intact copy. No image of it was imported."
            )
            % {"name": name, "reason": reason}
        ) from None


def _listed(name: str, entries: Iterator[Entry | None]) -> Generator[Entry | None]:
    """Yield the entries. Errors in reading them, and only those, become errors of the archive."""
    with _readable(name):
        for n, entry in enumerate(entries):
            if n >= MOST_ENTRIES:
                raise NothingToImport(gettext("it has over %(n)s entries: split it") % {"n": f"{MOST_ENTRIES:,}"})
            yield entry


def _counted(entries: Iterator[Entry | None], seen: Seen) -> list[Entry]:
    """Return the entries without the folders (None); `seen` counts both, and may raise an error to end the import."""
    files = []
    for entry in entries:
        if entry is not None:
            files.append(entry)
        seen(1)
    return files


def _stamp(archive: Path) -> tuple[int, int, int]:
    """Return figures of the file that differ after a change."""
    status = archive.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _unchanged(
    archive: Archive,
    stamp: tuple[int, int, int],
    contents: Callable[[Archive, Sequence[ImageRequest]], Iterator[Content]],
    requests: Sequence[ImageRequest],
) -> Iterator[Content]:
    try:
        if _stamp(archive.path) != stamp:
            raise NothingToImport(
                gettext("%(name)s has changed since it was listed.") % {"name": archive.name},
                shell=gettext("Run the same command again."),
                page=gettext("Import it again."),
            )
        yield from contents(archive, requests)
    except OSError as error:
        raise NothingToImport(
            gettext("%(name)s can no longer be read (%(reason)s). The images imported so far are kept.")
            % {"name": archive.name, "reason": error.strerror or error}
        ) from None


def _most_bytes(archive: Path) -> int:
    n_bytes = archive.stat().st_size
    return max(MOST_GROWTH * n_bytes, n_bytes + GROWTH_OF_ANY)


# Tar


@contextmanager
def _opened_tar(archive: Path) -> Iterator[BinaryIO]:
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            # It has all methods used here; only its type is not BinaryIO.
            yield cast(BinaryIO, unpacked)


def _tar_entries(archive: Path, remarks: list[str]) -> Iterator[Entry | None]:
    with _opened_tar(archive) as file:
        limited = Limited(file, TAR_HEADER_BYTES, _most_bytes(archive))
        with tarfile.open(fileobj=limited, mode="r:") as tar:
            while (member := tar.next()) is not None:
                # It keeps every member and every common header, and there may be very many.
                tar.members.clear()  # type: ignore[attr-defined]  # no part of what tarfile promises
                tar.pax_headers = {}
                limited.allowance = TAR_HEADER_BYTES
                place = member.offset_data, member.size
                yield None if member.isdir() else Entry(member.name, place, member.size, _reason_against(member))
            # The reader takes a damaged header for the end.
            limited.allowance = TAR_HEADER_BYTES
            limited.seek(tar.offset)
            block = limited.read(BLOCK_BYTES)
    if block.strip(b"\0"):
        raise NothingToImport(gettext("it is damaged in the middle: replace it with an intact copy"))
    if len(block) < BLOCK_BYTES:
        remarks.append(str(NO_END_MARK))


def _reason_against(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return gettext("it is a link: put the file itself into the archive")
    if member.isdev():
        return gettext("it is a device or pipe: leave it out")
    if member.issparse() or not member.isreg():
        return gettext("it is an unsupported kind of entry: pack it as a plain file")
    return ""


def _tar_contents(archive: Archive, requests: Sequence[ImageRequest]) -> Iterator[Content]:
    with _opened_tar(archive.path) as file:
        for item in requests:
            offset, n_bytes = item.place
            try:
                file.seek(offset)
                content = file.read(n_bytes)
            except (EOFError, zlib.error) as error:
                raise NothingToImport(
                    gettext(
                        "%(name)s is damaged (%(reason)s): replace it with an intact copy. "
                        "The images imported so far are kept."
                    )
                    % {"name": archive.name, "reason": error}
                ) from None
            cut_off = BadPhotograph(gettext("it is cut off: get a complete archive"))
            yield content if len(content) == n_bytes else cut_off


# Zip


def _zip_entries(archive: Path) -> Iterator[Entry | None]:
    most_bytes = _most_bytes(archive)
    with archive.open("rb") as file:
        limited = Limited(file, ZIP_DIRECTORY_BYTES, archive.stat().st_size)
        with zipfile.ZipFile(limited) as packed:
            for index, info in enumerate(packed.infolist()):
                most_bytes -= info.file_size
                if most_bytes < 0:
                    raise NothingToImport(gettext("it unpacks to far more than images do"))
                reason = _reason_against_zipped(info)
                yield None if info.is_dir() else Entry(info.filename, index, info.file_size, reason)


def _reason_against_zipped(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return gettext("it is a link: put the file itself into the archive")
    if kind not in (0, stat.S_IFREG):
        return gettext("it is a device or pipe: leave it out")
    if info.flag_bits & ENCRYPTED:
        return gettext("it is encrypted: pack it without a password")
    # Only these unpack in portions of a size that the reader chooses.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return gettext("its compression is unsupported: pack it with deflate, or unpack the archive")
    return ""


def _zip_contents(archive: Archive, requests: Sequence[ImageRequest]) -> Iterator[Content]:
    with zipfile.ZipFile(archive.path) as packed:
        entries = packed.infolist()
        for item in requests:
            yield _zipped(packed, entries[item.place])


def _zipped(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | BadPhotograph:
    try:
        with packed.open(info) as file:
            return file.read(info.file_size + 1)
    except Exception as error:
        # As with a damaged image, the reader may raise any error for a damaged entry.
        return BadPhotograph(
            gettext("it is damaged in the archive (%(reason)s): pack it again") % {"reason": reason_in(error)}
        )
