"""What a source offers to the import, and the rules on names that all sources share."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from catalog.decoding.reads import Content
from catalog.errors import UserError
from catalog.models import Dataset, Label
from catalog.photographs.reads import LARGEST_FILE_BYTES
from catalog.reads import UnknownLabel, label_lookup
from csv_files.tables import Refusal

# Four times the largest import this is made for. What is beyond costs memory before a single image is looked at.
MOST_ENTRIES = 200_000
FOLDERS_SHOWN = 5
PACKED = (".tar", ".tgz", ".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar")


class NothingToImport(UserError):
    """The source holds nothing that could be imported, or cannot be read."""


@dataclass(frozen=True)
class Wanted:
    """An image to import: where the request stands, the image's name and dataset label, and where its source finds it.

    `place` is for the source alone: a path, the place in an archive, an object of a bucket.
    """

    where: str
    name: str
    label: Label | None
    place: Any


@dataclass(frozen=True)
class Found:
    """What a source asks for, and remarks that are no refusals.

    `contents` fetches what of it is given, in that order, as late as it can.
    """

    wanted: list[Wanted | Refusal]
    contents: Callable[[Sequence[Wanted]], Iterator[Content]]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive or bucket: its name there, place and size; `reason` if it cannot be taken whatever it is."""

    name: str
    place: Any
    n_bytes: int
    reason: str = ""


def wanted_entries(entries: Iterable[Entry], dataset: Dataset) -> tuple[list[Wanted | Refusal], list[str]]:
    """The requests for all entries but hidden ones, labelled by their top folders; and remarks."""
    shown = [entry for entry in entries if leads_out(entry.name) or not _hidden(entry.name)]
    met: set[str] = set()
    wanted: list[Wanted | Refusal] = []
    for entry in shown:
        name = entry.name if leads_out(entry.name) else plain_name(entry.name)
        reason = _reason_against(entry) or ("the name stands there twice: give one another" if name in met else "")
        met.add(name)
        where = printable(name)
        wanted.append(Refusal(where, reason) if reason else Wanted(where, name, None, entry.place))
    return labelled_by_folder(wanted, dataset)


def _reason_against(entry: Entry) -> str:
    if leads_out(entry.name):
        return "its name leads out of the folder it is in: give it another"
    if entry.reason:
        return entry.reason
    if entry.name.lower().endswith(PACKED):
        return "it is an archive inside: unpack it first"
    return too_large(entry.n_bytes)


def too_large(n_bytes: int) -> str:
    """Why a file of this size is not even fetched, or nothing."""
    if n_bytes <= LARGEST_FILE_BYTES:
        return ""
    limit = LARGEST_FILE_BYTES // 2**20
    return f"it has {n_bytes / 2**20:.1f} MiB; at most {limit} are taken: make it smaller"


def leads_out(name: str) -> bool:
    """Whether a name, read as a path of Unix or Windows, leaves the folder it stands in."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    return any(path.is_absolute() or path.anchor or ".." in path.parts for path in paths)


def plain_name(name: str) -> str:
    """Without "./" and doubled slashes."""
    return PurePosixPath(name).as_posix()


def _hidden(name: str) -> bool:
    # __MACOSX: what the archiver of macOS keeps beside each file.
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def first_folder(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def labelled_by_folder(
    wanted: Sequence[Wanted | Refusal], dataset: Dataset
) -> tuple[list[Wanted | Refusal], list[str]]:
    """The requests with the labels of those top sub-folders that are named by a class, and remarks on all of them.

    What is refused says nothing of how a dataset is laid out. Where no sub-folder is a class there is no remark.
    """
    n_files = Counter(first_folder(item.name) for item in wanted if isinstance(item, Wanted))
    del n_files[""]
    find = label_lookup(dataset.label_set)
    labels: dict[str, Label] = {}
    for folder in n_files:
        with suppress(UnknownLabel):
            labels[folder] = find(folder)
    if not labels:
        return list(wanted), []
    remarks = [f"The names of {len(labels):,} sub-folders give the dataset labels of the images in them."]
    others = {folder: n for folder, n in sorted(n_files.items()) if folder not in labels}
    if others:
        remarks.append(_unlabelled_words(others, dataset))
    return [_with_label(item, labels) for item in wanted], remarks


def _with_label(item: Wanted | Refusal, labels: dict[str, Label]) -> Wanted | Refusal:
    return replace(item, label=labels.get(first_folder(item.name))) if isinstance(item, Wanted) else item


def _unlabelled_words(n_files: dict[str, int], dataset: Dataset) -> str:
    shown = [f"{printable(folder)} ({n:,})" for folder, n in list(n_files.items())[:FOLDERS_SHOWN]]
    more = [f"{len(n_files) - FOLDERS_SHOWN:,} more sub-folders"] if len(n_files) > FOLDERS_SHOWN else []
    return (
        f"{sum(n_files.values()):,} files come without a dataset label, as the name of their sub-folder is not that of "
        f"one class of {dataset.label_set}: {', '.join(shown + more)}. A manifest, or the folder under a class's name, "
        "gives it later."
    )


def printable(text: str) -> str:
    """Text for a message: a file name may hold bytes that are no characters, or ones that a terminal obeys."""
    return text if text.isprintable() else ascii(text)[1:-1]
