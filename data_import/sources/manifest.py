"""Images that a CSV file lists, with their names and dataset labels."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from catalog.actions import BadName, check_image_name
from catalog.models import Dataset, Label
from catalog.reads import UnknownLabel, label_lookup
from csv_files.tables import InputFile, Refusal, TableRow, read_table
from data_import.sources.folder import contents_of_files, file_in
from data_import.sources.wanted import Found, Wanted, printable

REQUIRED, OPTIONAL = ("file",), ("name", "label")

# (where the request stands, the cell `file`, the image's name, its label) to the request.
Locate = Callable[[str, str, str, Label | None], Wanted | Refusal]


def images_of_manifest(manifest: InputFile, dataset: Dataset) -> Found:
    """The rows of a CSV with the columns file, and optionally name and label. Raises BadTable."""
    rows = read_table(manifest, REQUIRED, OPTIONAL)
    return Found(list(wanted_rows(rows, dataset, partial(file_in, Path(manifest).resolve().parent))), contents_of_files)


def wanted_rows(rows: Iterable[TableRow | Refusal], dataset: Dataset, locate: Locate) -> Iterator[Wanted | Refusal]:
    """The requests of a manifest's rows. Raises BadTable."""
    find = label_lookup(dataset.label_set)
    line_of_name: dict[str, str] = {}
    for row in rows:
        yield row if isinstance(row, Refusal) else _image_of_row(row, find, locate, line_of_name)


def _image_of_row(
    row: TableRow, find: Callable[[str], Label], locate: Locate, line_of_name: dict[str, str]
) -> Wanted | Refusal:
    """What a row asks for, or all that is wrong with it; `line_of_name` gathers where each name stood first."""
    file = row.cells["file"]
    where = f"{row.where} ({printable(file)})"
    name = row.cells.get("name") or str(PurePosixPath(file))
    outside = _not_inside(file)
    found = Refusal(where, outside) if outside else locate(where, file, name, None)
    faults = [found.reason] if isinstance(found, Refusal) else []
    label, fault = _label_of(row.cells.get("label", ""), find)
    if fault:
        faults.append(fault)
    if row.cells.get("name") or not faults:
        faults += _name_faults(name, where, line_of_name)
    if faults or isinstance(found, Refusal):
        return Refusal(where, "; ".join(faults))
    return replace(found, label=label)


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
