"""Reading files of answers: every row is checked before anything is loaded.

A votes file is CSV (UTF-8, plain or gzipped) with a header. Beside the columns that a kind needs it may have those
that our own export adds: worker (who answered; without it, a column of the kind stands for a person), role, state,
submitted_at, settings_version, submission, further ones of the kind, and names of labels (columns that end in _wnid or
_words). Of these the names, settings_version and submission are not read.
"""

import csv
import gzip
import zlib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from catalog.errors import UserError
from csv_files.cells import unguarded
from workforce.kinds import ReplayedVotes
from workforce.votes.reads import FURTHER_COLUMNS, BadCell, BadRow, Cells

JSON_LINES = "JSON lines are not read."
AS_CSV = {"shell": "Export as csv: ./manage export … --format csv.", "page": "Take the file as csv (the page Files)."}
NAME_ENDINGS = ("_wnid", "_words")


class BadFile(UserError):
    """A file of answers cannot be loaded; the message names the file, the line if there is one, and the reason."""


def read_votes(kind: ReplayedVotes, path: Path, labels: Container[int]) -> list[Any]:
    """Return the answers of a file of votes in the order of submission.

    `labels`: the class indexes of the dataset's label set. Raises BadFile.
    """
    answers = list(_answers(kind, path, labels))
    try:
        return kind.in_order(answers)
    except BadRow as error:
        raise BadFile(f"{path}, line {error.line}: {error}", shell=error.shell, page=error.page) from error


def _answers(kind: ReplayedVotes, path: Path, labels: Container[int]) -> Iterator[Any]:
    if ".jsonl" in path.suffixes:
        raise BadFile(f"{path}: {JSON_LINES}", **AS_CSV)
    line = 0
    try:
        with _opened(path) as file:
            reader = csv.reader(file, strict=True)
            header = _checked_header(next(reader, None), kind.columns, (*FURTHER_COLUMNS, *kind.further))
            for row in reader:
                line = reader.line_num
                if row:
                    yield kind.answer(line, _cells(header, row), labels)
    except FileNotFoundError as error:
        raise BadFile(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}, after line {line}: not UTF-8 text. Save the file as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read: {error}.") from error
    except csv.Error as error:
        raise BadFile(f"{path}, after line {line}: not CSV: {error}.") from error
    except BadCell as error:
        raise BadFile(f"{path}, line {max(line, 1)}: {error}", shell=error.shell, page=error.page) from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _checked_header(header: list[str] | None, columns: Iterable[str], further: Iterable[str]) -> list[str]:
    if header is None:
        raise BadCell(f"the file is empty; its first line must name the columns {', '.join(columns)}.")
    if header and header[0].startswith("{"):
        raise BadCell(JSON_LINES, **AS_CSV)
    missing = [column for column in columns if column not in header]
    if missing:
        raise BadCell(f"the header lacks {', '.join(missing)}; needed are {', '.join(columns)}.")
    known = {*columns, *further}
    strange = [column for column in header if column not in known and not column.endswith(NAME_ENDINGS)]
    if strange:
        raise BadCell(f"unknown column {strange[0]!r}; beside the needed ones: {', '.join(further)}.")
    if len(set(header)) < len(header):
        raise BadCell("a column is named twice.")
    return header


def _cells(header: list[str], row: list[str]) -> Cells:
    if len(row) != len(header):
        raise BadCell(f"{len(row)} cells, but the header names {len(header)} columns.")
    return {name: unguarded(cell) if cell.startswith("'") else cell for name, cell in zip(header, row, strict=True)}
