"""Requests for images, and the rules on names that all sources share."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from django.utils.translation import gettext, ngettext

from catalog.decoding.reads import Content
from catalog.errors import UserError
from catalog.models import Label, LabelSet
from catalog.photographs.reads import LARGEST_FILE_BYTES
from catalog.reads import UnknownLabel, label_lookup
from csv_files.tables import Refusal

# Four times the largest import this is made for. More entries would fill the memory before an image is read.
MOST_ENTRIES = 200_000
FOLDERS_SHOWN = 5
PACKED = (".tar", ".tgz", ".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar")


class NothingToImport(UserError):
    """A source without images, or one that cannot be read."""


@dataclass(frozen=True)
class ImageRequest:
    """An image to import: the place of the request, the image's name and dataset label, and its place in the source.

    `place` is for the source alone: a path, a position in an archive, an object of a bucket.
    """

    where: str
    name: str
    label: Label | None
    place: Any


@dataclass(frozen=True)
class Listing:
    """Requests of a source, and remarks for people.

    `contents` yields the contents of the requests it gets, in their order, each fetched as late as possible.
    """

    requests: list[ImageRequest | Refusal]
    contents: Callable[[Sequence[ImageRequest]], Iterator[Content]]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive or bucket: its name there, place and size; `reason` if it is refused without a look."""

    name: str
    place: Any
    n_bytes: int
    reason: str = ""


def requests_of_entries(
    entries: Iterable[Entry], label_set: LabelSet
) -> tuple[list[ImageRequest | Refusal], list[str]]:
    """Return requests for all entries except hidden ones, labelled by their top folders; and remarks."""
    visible = [entry for entry in entries if leads_out(entry.name) or not _hidden(entry.name)]
    names: set[str] = set()
    requests: list[ImageRequest | Refusal] = []
    for entry in visible:
        name = entry.name if leads_out(entry.name) else plain_name(entry.name)
        twice = gettext("the name appears twice: change one of them") if name in names else ""
        reason = _reason_against(entry) or twice
        names.add(name)
        where = printable(name)
        requests.append(Refusal(where, reason) if reason else ImageRequest(where, name, None, entry.place))
    return labelled_by_folder(requests, label_set)


def _reason_against(entry: Entry) -> str:
    if leads_out(entry.name):
        return gettext("its name leads out of the folder: change the name")
    if entry.reason:
        return entry.reason
    if entry.name.lower().endswith(PACKED):
        return gettext("it is an archive in an archive: unpack it first")
    return too_large(entry.n_bytes)


def too_large(n_bytes: int) -> str:
    """Return the reason why a file of this size is not fetched; blank if it is fetched."""
    if n_bytes <= LARGEST_FILE_BYTES:
        return ""
    sizes = {"size": f"{n_bytes / 2**20:.1f}", "limit": LARGEST_FILE_BYTES // 2**20}
    return gettext("it has %(size)s MiB; the limit is %(limit)s MiB: make it smaller") % sizes


def leads_out(name: str) -> bool:
    """Return whether a name, read as a path of Unix or Windows, leaves its folder."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    return any(path.is_absolute() or path.anchor or ".." in path.parts for path in paths)


def plain_name(name: str) -> str:
    """Return the name without "./" and doubled slashes."""
    return PurePosixPath(name).as_posix()


def _hidden(name: str) -> bool:
    # __MACOSX: metadata that the archiver of macOS adds.
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def first_folder(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def labelled_by_folder(
    requests: Sequence[ImageRequest | Refusal], label_set: LabelSet
) -> tuple[list[ImageRequest | Refusal], list[str]]:
    """Return the requests with the labels of those top sub-folders that are named by a class, and remarks.

    Refusals are ignored for this. If no sub-folder is named by a class there is no remark.
    """
    n_files = Counter(first_folder(item.name) for item in requests if isinstance(item, ImageRequest))
    del n_files[""]
    find = label_lookup(label_set)
    labels: dict[str, Label] = {}
    for folder in n_files:
        with suppress(UnknownLabel):
            labels[folder] = find(folder)
    if not labels:
        return list(requests), []
    message = ngettext(
        "The name of %(n)s sub-folder is used as the dataset label of its images.",
        "The names of %(n)s sub-folders are used as the dataset labels of their images.",
        len(labels),
    )
    remarks = [message % {"n": f"{len(labels):,}"}]
    n_unlabelled = {folder: n for folder, n in sorted(n_files.items()) if folder not in labels}
    if n_unlabelled:
        remarks.append(_unlabelled_remark(n_unlabelled, label_set))
    return [_with_label(item, labels) for item in requests], remarks


def _with_label(item: ImageRequest | Refusal, labels: dict[str, Label]) -> ImageRequest | Refusal:
    return replace(item, label=labels.get(first_folder(item.name))) if isinstance(item, ImageRequest) else item


def _unlabelled_remark(n_files: dict[str, int], label_set: LabelSet) -> str:
    folders = [f"{printable(folder)} ({n:,})" for folder, n in list(n_files.items())[:FOLDERS_SHOWN]]
    n_more, n_all = len(n_files) - FOLDERS_SHOWN, sum(n_files.values())
    if n_more > 0:
        more = ngettext("%(n)s more sub-folder", "%(n)s more sub-folders", n_more)
        folders.append(more % {"n": f"{n_more:,}"})
    message = ngettext(
        "%(n)s file has no dataset label, because its sub-folder is not named by a class of %(label_set)s: "
        "%(folders)s. To label it later, import a manifest, or a folder named by a class.",
        "%(n)s files have no dataset label, because their sub-folders are not named by a class of %(label_set)s: "
        "%(folders)s. To label them later, import a manifest, or folders named by class.",
        n_all,
    )
    return message % {"n": f"{n_all:,}", "label_set": label_set, "folders": ", ".join(folders)}


def printable(text: str) -> str:
    """Return the text for a message: file names may contain control characters, and bytes that are no characters."""
    return text if text.isprintable() else ascii(text)[1:-1]
