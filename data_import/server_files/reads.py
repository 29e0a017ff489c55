"""What lies in the one folder of this machine from which pages may import (settings: IMPORT_ROOT)."""

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from django.conf import settings

from data_import.sources.archive import SUFFIXES
from data_import.sources.wanted import NothingToImport

MOST_LISTED = 300
# A folder of very many images must not hold up the page.
MOST_OF_A_FOLDER = 5000
DEPTH = 3


class OutsideImportRoot(NothingToImport):
    """A path that cannot be imported from; the message says why."""


def path_on_server(text: str) -> Path:
    """The folder, manifest or archive below IMPORT_ROOT that a text names, with links followed.

    Raises OutsideImportRoot, also for what leads out of it by a link.
    """
    root = Path(settings.IMPORT_ROOT).resolve()
    try:
        path = (root / text).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        # A link to itself, a name with a zero, a name longer than any.
        reason = getattr(error, "strerror", None) or "no path is written so"
        raise OutsideImportRoot(f"{text!r} cannot be opened below the import folder ({reason}).") from None
    if not path.is_relative_to(root):
        raise OutsideImportRoot(f"{text!r} leads out of the import folder: move or copy it into that folder.")
    return path


def there_is_a_folder() -> bool:
    """Whether IMPORT_ROOT is there. It is made if it can be: only who deploys could otherwise."""
    with suppress(OSError):
        Path(settings.IMPORT_ROOT).mkdir(parents=True, exist_ok=True)
    return Path(settings.IMPORT_ROOT).is_dir()


def found_on_server() -> tuple[list[str], bool]:
    """Sources below IMPORT_ROOT, those nearest to it first, and whether there are more than are listed."""
    root = Path(settings.IMPORT_ROOT).resolve()
    found: list[str] = []
    level = [root]
    for _ in range(DEPTH):
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
                    found.append(f"{Path(entry.path).relative_to(root).as_posix()}/")
                elif entry.name.lower().endswith((*SUFFIXES, ".csv")):
                    found.append(Path(entry.path).relative_to(root).as_posix())
                if len(found) > MOST_LISTED:
                    return found[:MOST_LISTED], True
        level = below
    return found, False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            some = islice(entries, MOST_OF_A_FOLDER)
            shown = [entry for entry in some if not entry.name.startswith(".") and entry.name.isprintable()]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)
