"""Images and labels from files: what `./manage import` does.

Every row or file stands for itself: a bad one is refused with its place and reason, and the good ones are in.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from annotation_site.tables import Refusal, TableRow, read_table
from catalog.actions import BadName, NewImage, add_images, check_image_name
from catalog.decoding import read_files
from catalog.models import Dataset, Image, Label
from catalog.photographs import LARGEST_FILE_BYTES, BadPhotograph, Photograph
from catalog.reads import UnknownLabel, label_lookup

MOST_IN_PORTION = 50


@dataclass(frozen=True)
class Wanted:
    """An image to import: where the request stands, the file, the image's name and its dataset label."""

    where: str
    path: Path
    name: str
    label: Label | None


@dataclass
class Outcome:
    added: int = 0
    known: int = 0
    # Images of the dataset, whichever import brought them, that are without one.
    unlabelled: int = 0
    refused: list[Refusal] = field(default_factory=list)


class NothingToImport(ValueError):
    """The path holds nothing that could be imported."""


def wanted_images(path: Path, dataset: Dataset) -> tuple[list[Wanted | Refusal], list[str]]:
    """What a folder or a manifest asks for, and remarks that are no refusals.

    Raises NothingToImport or BadTable when the path is neither.
    """
    if path.is_dir():
        return images_of_folder(path, dataset)
    if not path.exists():
        raise NothingToImport(f"There is no {path}. Name a folder of images, or a CSV manifest.")
    return list(images_of_manifest(path, dataset)), []


# Folders


def images_of_folder(folder: Path, dataset: Dataset) -> tuple[list[Wanted | Refusal], list[str]]:
    """Every file under a folder, by name; sub-folders named by class, as ImageNet has them, give the dataset label."""
    root = folder.resolve()
    names = sorted(_names_under(root))
    if not names:
        raise NothingToImport(f"There are no files in {folder}. Name a folder of images, or a CSV manifest.")
    labels, remarks = _labels_of_folders(names, dataset)
    wanted = [_file_in(root, printable(name), name, name, labels.get(_first_folder(name))) for name in names]
    return wanted, remarks


def _names_under(root: Path) -> Iterator[str]:
    """Paths below the root, with forward slashes. Links to folders are listed, not followed; hidden files left out."""
    for folder, subfolders, files in os.walk(root):
        linked = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in linked]
        for name in (*files, *linked):
            if not name.startswith("."):
                yield Path(folder, name).relative_to(root).as_posix()


def _first_folder(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def _labels_of_folders(names: list[str], dataset: Dataset) -> tuple[dict[str, Label], list[str]]:
    """The labels of the top sub-folders, if all of them are classes; else none, and a remark if some are."""
    folders = {_first_folder(name) for name in names} - {""}
    find = label_lookup(dataset.label_set)
    labels = {}
    others = []
    for folder in sorted(folders):
        try:
            labels[folder] = find(folder)
        except UnknownLabel:
            others.append(folder)
    if others and labels:
        remark = (
            f"{len(labels)} of {len(folders)} sub-folders are named by a class of {dataset.label_set}, others, such as "
            f"{others[0]!r}, are not: no dataset labels are taken from folders. A manifest can give them."
        )
        return {}, [remark]
    taken = f"The names of {len(labels):,} sub-folders give the dataset labels of the images in them."
    return labels, [taken] if labels else []


# Manifests


def images_of_manifest(manifest: Path, dataset: Dataset) -> Iterator[Wanted | Refusal]:
    """The rows of a CSV with the columns file, and optionally name and label. Raises BadTable."""
    root = manifest.resolve().parent
    find = label_lookup(dataset.label_set)
    line_of_name: dict[str, str] = {}
    for row in read_table(manifest, ("file",), ("name", "label")):
        yield row if isinstance(row, Refusal) else _image_of_row(root, row, find, line_of_name)


def _image_of_row(
    root: Path, row: TableRow, find: Callable[[str], Label], line_of_name: dict[str, str]
) -> Wanted | Refusal:
    """What a row asks for, or all that is wrong with it; `line_of_name` gathers where each name stood first."""
    file = row.cells["file"]
    where = f"{row.where} ({printable(file)})"
    name = row.cells.get("name") or str(PurePosixPath(file))
    outside = _not_inside(file)
    found = Refusal(where, outside) if outside else _file_in(root, where, file, name, None)
    faults = [found.reason] if isinstance(found, Refusal) else []
    label, fault = _label_of(row.cells.get("label", ""), find)
    if fault:
        faults.append(fault)
    if row.cells.get("name") or not faults:
        faults += _name_faults(name, where, line_of_name)
    return Refusal(where, "; ".join(faults)) if faults else replace(found, label=label)


def _label_of(text: str, find: Callable[[str], Label]) -> tuple[Label | None, str]:
    try:
        return (find(text) if text else None), ""
    except UnknownLabel as error:
        return None, str(error)


def _name_faults(name: str, where: str, line_of_name: dict[str, str]) -> list[str]:
    try:
        check_image_name(name)
    except BadName as error:
        return [str(error)]
    first = line_of_name.setdefault(name, where)
    return [] if first == where else [f"the name {name!r} stands in {first} already: give it another"]


def _not_inside(file: str) -> str:
    if not file:
        return "the column file is empty: name an image file"
    if "\0" in file:
        return "the column file holds a character that no file name has"
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        return "it leads out of the manifest's folder: write a path below that"
    return ""


def _file_in(root: Path, where: str, file: str, name: str, label: Label | None) -> Wanted | Refusal:
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
    return Wanted(where, resolved, name, label)


def printable(text: str) -> str:
    """Text for a message: a file name may hold bytes that are no characters, or ones that a terminal obeys."""
    return text if text.isprintable() else ascii(text)[1:-1]


# Both


def import_images(*, dataset: Dataset, wanted: list[Wanted | Refusal], progress: Callable[[int], object]) -> Outcome:
    """Add what is wanted, portion by portion: what is in stays in, whatever happens to the rest.

    An image of a name that is there already is left as it is, unless its file is absent (a replayed one): then it
    gets this file. `progress` is told how many of `wanted` are done since the last time.
    """
    outcome = Outcome()
    fresh, refused = _sort_out(dataset, wanted)
    outcome.known = len(wanted) - len(fresh) - len(refused)
    progress(len(wanted) - len(fresh))
    for read in _portions(zip(fresh, read_files(item.path for item in fresh), strict=True)):
        images = []
        for item, found in read:
            if isinstance(found, BadPhotograph):
                refused[item.where] = Refusal(item.where, str(found))
            else:
                images.append(NewImage(item.name, item.label, found))
        n_new = add_images(dataset=dataset, images=images)
        outcome.added += n_new
        outcome.known += len(images) - n_new
        progress(len(read))
    outcome.unlabelled = dataset.images.filter(dataset_label=None).count()
    outcome.refused = [refused[item.where] for item in wanted if item.where in refused]
    return outcome


Read = tuple[Wanted, Photograph | BadPhotograph]


def _portions(read: Iterable[Read]) -> Iterator[list[Read]]:
    """What is stored in one transaction: one each would wait for the disk each time; too many would fill the memory."""
    portion: list[Read] = []
    n_bytes = 0
    for item, found in read:
        portion.append((item, found))
        n_bytes += len(found.original) if isinstance(found, Photograph) else 0
        if len(portion) == MOST_IN_PORTION or n_bytes > LARGEST_FILE_BYTES:
            yield portion
            portion, n_bytes = [], 0
    if portion:
        yield portion


def _sort_out(dataset: Dataset, wanted: list[Wanted | Refusal]) -> tuple[list[Wanted], dict[str, Refusal]]:
    """What is to be read, and by place what cannot be taken; the rest is there already."""
    known = {image.name: image for image in dataset.images.select_related("dataset_label")}
    fresh: list[Wanted] = []
    refused: dict[str, Refusal] = {}
    for item in wanted:
        if isinstance(item, Refusal):
            refused[item.where] = item
        elif reason := _reason_against(item, known.get(item.name)):
            refused[item.where] = Refusal(item.where, reason)
        elif item.name not in known or not known[item.name].original:
            fresh.append(item)
    return fresh, refused


def _reason_against(item: Wanted, known: Image | None) -> str:
    try:
        check_image_name(item.name)
    except BadName as error:
        return str(error)
    if known is None or item.label in (None, known.dataset_label):
        return ""
    standing = f"with the dataset label {known.dataset_label}" if known.dataset_label else "without a dataset label"
    return (
        f"{item.name!r} is there already {standing}, and an import changes no label (here: {item.label}): "
        "give the image another name, or import into another dataset"
    )
