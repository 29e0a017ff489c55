"""Reader of the CSV files that researchers write, row by row, with line numbers."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

from django.utils.translation import gettext, ngettext

from access.texts.reads import are_texts
from catalog.errors import Remark, UserError, joined

MOST_REFUSALS_SHOWN = 20


class Lines(Protocol):
    """A CSV reader, whose class has no public name."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True)
class NamedFile(PathLike[str]):
    """A file to read, and its sender's name for it: messages show the name, functions open the path."""

    path: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.name


InputFile = Path | NamedFile


class BadTable(UserError):
    """An error: a file is not a table with the required columns; the message has the reason and the way out."""


@dataclass(frozen=True)
class Refusal:
    """A row or file that was not imported: its place, the reason, and the way out as in a UserError."""

    where: str
    reason: str
    shell: str = ""
    page: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class TableRow:
    """A row: the number of its line, and its cells by column without blanks around them ("" for an empty cell)."""

    line: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        return gettext("line %(line)s") % {"line": self.line}


def read_table(
    path: InputFile, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[TableRow | Refusal]:
    """Yield the rows of a CSV file (UTF-8, one header line); a row of the wrong length is a Refusal.

    Raises BadTable when the file cannot be read, or its header has other columns.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, csv.reader(file, strict=True), required, optional)
    except OSError as error:
        message = gettext("%(file)s cannot be read: %(reason)s. Check the path and its permissions.")
        raise BadTable(message % {"file": path, "reason": error.strerror}) from error
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error


def table_rows(
    name: str, content: bytes, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[TableRow | Refusal]:
    """Yield the rows of a CSV file's bytes, as `read_table` does; `name` stands for the file in messages."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(name, error) from error
    yield from _rows(name, csv.reader(io.StringIO(text, newline=""), strict=True), required, optional)


def _not_text(path: InputFile | str, error: UnicodeDecodeError) -> BadTable:
    message = gettext("%(file)s is not UTF-8 text (%(reason)s): save it as CSV in UTF-8.")
    return BadTable(message % {"file": path, "reason": error.reason})


def _rows(
    path: InputFile | str, reader: Lines, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[TableRow | Refusal]:
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, required, optional)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _row(line, header, cells)
            # A quoted cell may span several lines: a row starts after the end of the previous row.
            line = reader.line_num + 1
    except csv.Error as error:
        message = gettext("%(file)s, line %(line)s: %(reason)s. Correct the quotes in that line.")
        raise BadTable(message % {"file": path, "line": reader.line_num, "reason": error}) from error


def _check_header(
    path: InputFile | str, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    absent = [name for name in required if name not in header]
    # An unknown column may be a misspelt one: reading the file without it would lose its content.
    unknown = [name for name in header if name not in required + optional]
    if absent:
        message = gettext("%(file)s has no column %(column)r in its first line.")
        raise _bad_header(message % {"file": path, "column": absent[0]}, required, optional)
    if unknown:
        message = gettext("%(file)s has an unknown column %(column)r: remove it.")
        raise _bad_header(message % {"file": path, "column": unknown[0]}, required, optional)
    if len(set(header)) < len(header):
        message = gettext("%(file)s has a column twice in its first line.")
        raise _bad_header(message % {"file": path}, required, optional)


def _bad_header(message: str, required: tuple[str, ...], optional: tuple[str, ...]) -> BadTable:
    values = {"required": ", ".join(required), "optional": ", ".join(optional)}
    columns = (
        gettext("Columns: %(required)s; optional: %(optional)s.") if optional else gettext("Columns: %(required)s.")
    )
    return BadTable(f"{message} {columns % values}")


def _row(line: int, header: list[str], cells: list[str]) -> TableRow | Refusal:
    if len(cells) != len(header):
        reason = ngettext(
            "the line has %(n)s cell, but the first line has %(expected)s: quote cells with commas",
            "the line has %(n)s cells, but the first line has %(expected)s: quote cells with commas",
            len(cells),
        )
        where = gettext("line %(line)s") % {"line": line}
        return Refusal(where, reason % {"n": len(cells), "expected": len(header)})
    if not are_texts(cells):
        where = gettext("line %(line)s") % {"line": line}
        return Refusal(where, gettext("a cell contains control characters: remove them"))
    return TableRow(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def all_refused(head: str, refusals: Sequence[Refusal]) -> UserError:
    """Return the error of a file that is refused as a whole: the first refusals, and each way out once."""
    n_more = len(refusals) - MOST_REFUSALS_SHOWN
    more = [Remark(ngettext("and %(n)s more", "and %(n)s more", n_more) % {"n": n_more})] if n_more > 0 else []
    texts = [Remark(str(refusal), refusal.shell, refusal.page) for refusal in refusals[:MOST_REFUSALS_SHOWN]]
    remark = joined([Remark(head), *texts, *more])
    return UserError(remark.message, shell=remark.shell, page=remark.page)
