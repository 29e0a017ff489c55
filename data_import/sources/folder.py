"""Images in a folder of this machine."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalog.decoding.reads import Content
from catalog.models import Dataset, Label
from csv_files.tables import InputFile, Refusal
from data_import.sources.wanted import Found, NothingToImport, Wanted, labelled_by_folder, printable


def images_of_folder(folder: InputFile, dataset: Dataset) -> Found:
    """Every file under a folder, by name; sub-folders named by class, as ImageNet has them, give the dataset label."""
    root = Path(folder).resolve()
    names = sorted(_names_under(root))
    if not names:
        raise NothingToImport(f"There are no files in {folder}. Name a folder of images, or a CSV manifest.")
    requests = [file_in(root, printable(name), name, name, None) for name in names]
    wanted, remarks = labelled_by_folder(requests, dataset)
    return Found(wanted, contents_of_files, remarks)


def _names_under(root: Path) -> Iterator[str]:
    """Paths below the root, with forward slashes. Links to folders are listed, not followed; hidden files left out."""
    for folder, subfolders, files in os.walk(root):
        linked = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in linked]
        for name in (*files, *linked):
            if not name.startswith("."):
                yield Path(folder, name).relative_to(root).as_posix()


def file_in(root: Path, where: str, file: str, name: str, label: Label | None) -> Wanted | Refusal:
    """The request for a file below `root`, unless links lead out of it."""
    try:
        resolved = (root / file).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        # Python tells of a link to itself by a RuntimeError.
        reason = getattr(error, "strerror", None) or "it is a link to itself"
        return Refusal(where, f"it cannot be read ({reason}): check the path")
    if not resolved.is_relative_to(root):
        return Refusal(where, "it is a link out of the folder: copy the file to where the link is")
    if resolved.is_dir():
        return Refusal(where, "it is a folder or a link to one: name a file, or move its files here")
    return Wanted(where, name, label, resolved)


def contents_of_files(wanted: Sequence[Wanted]) -> Iterator[Content]:
    """The paths: they are read where they are decoded."""
    return (item.place for item in wanted)
