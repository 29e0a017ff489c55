"""Images in a folder of this machine."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.utils.translation import gettext

from catalog.decoding.reads import Content
from catalog.models import Label, LabelSet
from csv_files.tables import InputFile, Refusal
from data_import.sources.requests import ImageRequest, Listing, NothingToImport, labelled_by_folder, printable


def images_of_folder(folder: InputFile, label_set: LabelSet) -> Listing:
    """List every file under a folder; sub-folders named by class, as in ImageNet, give the dataset label."""
    root = Path(folder).resolve()
    names = sorted(names_under(root))
    if not names:
        raise NothingToImport(
            gettext("There are no files in %(folder)s. Name a folder of images, or a CSV manifest.")
            % {"folder": folder}
        )
    requests = [file_in(root, printable(name), name, name, None) for name in names]
    requests, remarks = labelled_by_folder(requests, label_set)
    return Listing(requests, contents_of_files, remarks)


def names_under(root: Path) -> Iterator[str]:
    """Yield paths below the root, with forward slashes, except hidden files. Links to folders are not followed."""
    for folder, subfolders, files in os.walk(root):
        linked = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in linked]
        for name in (*files, *linked):
            if not name.startswith("."):
                yield Path(folder, name).relative_to(root).as_posix()


def file_in(root: Path, where: str, file: str, name: str, label: Label | None) -> ImageRequest | Refusal:
    """Return the request for a file below `root`, or a refusal for links that lead out of it."""
    try:
        resolved = (root / file).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        # Python raises RuntimeError for a link to itself.
        reason = getattr(error, "strerror", None) or gettext("it is a link to itself")
        return Refusal(where, gettext("it cannot be read (%(reason)s): check the path") % {"reason": reason})
    if not resolved.is_relative_to(root):
        return Refusal(where, gettext("it is a link out of the folder: replace the link with the file"))
    if resolved.is_dir():
        return Refusal(where, gettext("it is a folder or a link to one: name a file, or move its files here"))
    return ImageRequest(where, name, label, resolved)


def contents_of_files(requests: Sequence[ImageRequest]) -> Iterator[Content]:
    """Yield the paths; the decoding processes read them."""
    return (item.place for item in requests)
