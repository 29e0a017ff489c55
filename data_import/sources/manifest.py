"""Images that a CSV file lists, with their names and dataset labels."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from django.utils.translation import gettext

from catalog.actions import BadName, check_image_name
from catalog.models import Label, LabelSet
from catalog.reads import UnknownLabel, label_lookup
from csv_files.tables import InputFile, Refusal, TableRow, read_table
from data_import.sources.folder import contents_of_files, file_in
from data_import.sources.requests import ImageRequest, Listing, printable

REQUIRED, OPTIONAL = ("file",), ("name", "label")

# (place of the request, the cell `file`, the image's name, its label) to the request.
Locate = Callable[[str, str, str, Label | None], ImageRequest | Refusal]


def images_of_manifest(manifest: InputFile, label_set: LabelSet) -> Listing:
    """List the rows of a CSV with the column file, and optionally name and label. Raises BadTable."""
    rows = read_table(manifest, REQUIRED, OPTIONAL)
    return Listing(
        list(requests_of_rows(rows, label_set, partial(file_in, Path(manifest).resolve().parent))), contents_of_files
    )


def requests_of_rows(
    rows: Iterable[TableRow | Refusal], label_set: LabelSet, locate: Locate
) -> Iterator[ImageRequest | Refusal]:
    """Yield the requests of a manifest's rows. Raises BadTable."""
    find = label_lookup(label_set)
    line_of_name: dict[str, str] = {}
    for row in rows:
        yield row if isinstance(row, Refusal) else _image_of_row(row, find, locate, line_of_name)


def _image_of_row(
    row: TableRow, find: Callable[[str], Label], locate: Locate, line_of_name: dict[str, str]
) -> ImageRequest | Refusal:
    """Return the request of a row, or a refusal with all its faults; `line_of_name` gathers the first line of names."""
    file = row.cells["file"]
    where = f"{row.where} ({printable(file)})"
    name = row.cells.get("name") or str(PurePosixPath(file))
    outside = not_inside(file)
    request = Refusal(where, outside) if outside else locate(where, file, name, None)
    faults = [request.reason] if isinstance(request, Refusal) else []
    label, fault = _label_of(row.cells.get("label", ""), find)
    if fault:
        faults.append(fault)
    if row.cells.get("name") or not faults:
        faults += _name_faults(name, where, line_of_name)
    if faults or isinstance(request, Refusal):
        return Refusal(where, "; ".join(faults))
    return replace(request, label=label)


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
    if first == where:
        return []
    return [gettext("the name “%(name)s” appears in %(line)s too: change one of them") % {"name": name, "line": first}]


def not_inside(file: str, column: str = "file") -> str:
    """Return why a path of a manifest is refused without a look; blank if it is not."""
    if not file:
        return gettext("the column %(column)s is empty: name an image file") % {"column": column}
    if "\0" in file:
        message = gettext("the column %(column)s contains a character that file names cannot have")
        return message % {"column": column}
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        return gettext("it leads out of the manifest's folder: write a path below that folder")
    return ""
