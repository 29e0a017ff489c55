"""Compile the catalogs of translated texts (`locale/*/LC_MESSAGES/*.po`) that changed: `python -m launcher.catalogs`.

Babel does it, since a fresh machine has no msgfmt.
"""

import os
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from launcher.places import ROOT, PlaceError

FOLDERS = ("locale", "marketplace/locale")


def compile_catalogs(root: Path = ROOT) -> list[Path]:
    """Write the `.mo` beside each newer `.po`; return those written. Two processes may do it at the same time.

    Raises PlaceError if a catalog cannot be read.
    """
    catalogs = [path for folder in FOLDERS for path in sorted((root / folder).glob("*/LC_MESSAGES/*.po"))]
    outdated = [path for path in catalogs if is_outdated(path)]
    for path in outdated:
        compile_catalog(path)
    return [path.with_suffix(".mo") for path in outdated]


def is_outdated(catalog: Path) -> bool:
    compiled = catalog.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime < catalog.stat().st_mtime


def compile_catalog(path: Path) -> None:
    scratch = path.with_suffix(f".{os.getpid()}.scratch")
    try:
        with open(path, "rb") as source, open(scratch, "wb") as target:
            write_mo(target, read_po(source, locale=path.parents[1].name, abort_invalid=True))
        # As readable as what it is made from, whatever the umask.
        scratch.chmod(path.stat().st_mode & 0o666)
        scratch.replace(path.with_suffix(".mo"))
    except (PoFileError, OSError, ValueError) as error:
        raise PlaceError(f"The catalog {path} cannot be compiled: {error}. Correct it, or remove it.") from error
    finally:
        scratch.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        compile_catalogs()
    except PlaceError as error:
        sys.exit(str(error))
