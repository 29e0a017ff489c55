"""Files of answers: every row is checked before anything is loaded.

A votes file is CSV (UTF-8, plain or gzipped) with a header. Beside the columns that a kind needs it may have those
of our own export: worker (without it, a column of the kind stands for a person), role, state, submitted_at,
settings_version, submission, further ones of the kind, and names of labels (columns that end in _wnid or _words). Of
these the names, settings_version and submission are not read.
"""

import csv
import gzip
import zlib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from django.utils.translation import gettext

from access.texts.reads import are_texts
from catalog.errors import UserError
from csv_files.cells import unguarded
from workforce.kinds import ReplayedVotes
from workforce.votes.reads import FURTHER_COLUMNS, BadCell, BadRow, Cells

NAME_ENDINGS = ("_wnid", "_words")


class BadFile(UserError):
    """A file of answers with a fault; the message names the file, the line if there is one, and the reason."""


def line_fault(path: Path, line: int, error: UserError) -> BadFile:
    """Return the error for a fault in a line of the file."""
    message = gettext("%(file)s, line %(line)s: %(reason)s") % {"file": path, "line": line, "reason": error}
    return BadFile(message, shell=error.shell, page=error.page)


def read_votes(kind: ReplayedVotes, path: Path, labels: Container[int]) -> list[Any]:
    """Return the answers of a file of votes in the order of submission.

    `labels`: the class indexes of the dataset's label set. Raises BadFile.
    """
    answers = list(_answers(kind, path, labels))
    try:
        return kind.in_order(answers)
    except BadRow as error:
        raise line_fault(path, error.line, error) from error


def _no_json_lines() -> dict[str, str]:
    return {
        "message": gettext("JSON lines are not supported."),
        "shell": gettext("Export as csv: ./manage export … --format csv."),
        "page": gettext("Download the file as csv under Files."),
    }


def _answers(kind: ReplayedVotes, path: Path, labels: Container[int]) -> Iterator[Any]:
    if ".jsonl" in path.suffixes:
        raise line_fault(path, 1, BadCell(**_no_json_lines()))
    line = 0
    try:
        with opened_text(path) as file:
            reader = csv.reader(file, strict=True)
            header = _checked_header(next(reader, None), kind.columns, (*FURTHER_COLUMNS, *kind.further))
            for row in reader:
                line = reader.line_num
                if row:
                    yield kind.answer(line, _cells(header, row), labels)
    except FileNotFoundError as error:
        raise BadFile(gettext("There is no file %(file)s.") % {"file": path}) from error
    except UnicodeDecodeError as error:
        raise BadFile(
            gettext("%(file)s, after line %(line)s: this is not UTF-8 text. Save the file as UTF-8.")
            % {"file": path, "line": line}
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(gettext("%(file)s cannot be read: %(reason)s.") % {"file": path, "reason": error}) from error
    except csv.Error as error:
        raise BadFile(
            gettext("%(file)s, after line %(line)s: this is not CSV: %(reason)s.")
            % {"file": path, "line": line, "reason": error}
        ) from error
    except BadCell as error:
        raise line_fault(path, max(line, 1), error) from error


def opened_text(path: Path) -> TextIO:
    """Open a file of UTF-8 text, plain or gzipped, with its line ends as they are."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _checked_header(header: list[str] | None, columns: Iterable[str], further: Iterable[str]) -> list[str]:
    if header is None:
        raise BadCell(
            gettext("the file is empty. Its first line must name the columns %(columns)s.")
            % {"columns": ", ".join(columns)}
        )
    if header and header[0].startswith("{"):
        raise BadCell(**_no_json_lines())
    lacking = [column for column in columns if column not in header]
    if lacking:
        raise BadCell(
            gettext("the header lacks %(lacking)s. Required columns: %(columns)s.")
            % {"lacking": ", ".join(lacking), "columns": ", ".join(columns)}
        )
    expected = {*columns, *further}
    unknown = [column for column in header if column not in expected and not column.endswith(NAME_ENDINGS)]
    if unknown:
        raise BadCell(
            gettext("unknown column “%(column)s”. Optional columns: %(columns)s.")
            % {"column": unknown[0], "columns": ", ".join(further)}
        )
    if len(set(header)) < len(header):
        raise BadCell(gettext("the header names a column twice."))
    return header


def _cells(header: list[str], row: list[str]) -> Cells:
    if len(row) != len(header):
        raise BadCell(
            gettext("the row has %(n_cells)s cells, but the header names %(n_columns)s columns.")
            % {"n_cells": len(row), "n_columns": len(header)}
        )
    if not are_texts(row):
        raise BadCell(gettext("a cell contains control characters: remove them."))
    return {name: unguarded(cell) if cell.startswith("'") else cell for name, cell in zip(header, row, strict=True)}
