"""Files in the one folder of this machine from which pages may import (settings: IMPORT_ROOT)."""

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext

from data_import.sources.archive import SUFFIXES
from data_import.sources.requests import NothingToImport

MOST_LISTED = 300
# A folder of very many images must not hold up the page.
MOST_OF_A_FOLDER = 5000
DEPTH = 3


class OutsideImportRoot(NothingToImport):
    """A path that pages may not import from; the message says why."""


def path_on_server(text: str) -> Path:
    """Return the path of a folder, manifest or archive below IMPORT_ROOT, with links followed.

    Raises OutsideImportRoot, also for links that lead out of it.
    """
    root = Path(settings.IMPORT_ROOT).resolve()
    try:
        path = (root / text).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        # A link to itself, a name with a zero byte, a name that is too long.
        reason = getattr(error, "strerror", None) or gettext("this is not a path")
        raise OutsideImportRoot(
            gettext("“%(path)s” cannot be opened in the import folder (%(reason)s).") % {"path": text, "reason": reason}
        ) from None
    if not path.is_relative_to(root):
        raise OutsideImportRoot(
            gettext("“%(path)s” is outside the import folder: move or copy it into the folder.") % {"path": text}
        )
    return path


def there_is_a_folder() -> bool:
    """Return whether IMPORT_ROOT exists, after an attempt to make it: researchers have no access to the server."""
    with suppress(OSError):
        Path(settings.IMPORT_ROOT).mkdir(parents=True, exist_ok=True)
    return Path(settings.IMPORT_ROOT).is_dir()


def sources_on_server() -> tuple[list[str], bool]:
    """Return the sources below IMPORT_ROOT, the nearest first, and whether there are more than these."""
    root = Path(settings.IMPORT_ROOT).resolve()
    sources: list[str] = []
    level = [root]
    for _ in range(DEPTH):
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
                    sources.append(f"{Path(entry.path).relative_to(root).as_posix()}/")
                elif entry.name.lower().endswith((*SUFFIXES, ".csv")):
                    sources.append(Path(entry.path).relative_to(root).as_posix())
                if len(sources) > MOST_LISTED:
                    return sources[:MOST_LISTED], True
        level = below
    return sources, False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            first = islice(entries, MOST_OF_A_FOLDER)
            visible = [entry for entry in first if not entry.name.startswith(".") and entry.name.isprintable()]
    except OSError:
        return []
    return sorted(visible, key=lambda entry: entry.name)
