"""Reading the CSV files that researchers write, row by row, with line numbers."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

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
    """A file to read, and what the person who sent it calls it: messages show the name, functions open the path."""

    path: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.name


InputFile = Path | NamedFile


class BadTable(UserError):
    """A file that is no table of the wanted columns; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Refusal:
    """One row or file that was not taken: where it is, why, and the way out as a UserError has it."""

    where: str
    reason: str
    shell: str = ""
    page: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class TableRow:
    """One row: the number of its line, and its cells by column without blanks around them ("" where there is none)."""

    line: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        return f"line {self.line}"


def read_table(
    path: InputFile, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[TableRow | Refusal]:
    """The rows of a CSV file (UTF-8, one header line); a row of the wrong length is a Refusal.

    Raises BadTable when the file cannot be read, or its header has other columns.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, csv.reader(file, strict=True), required, optional)
    except OSError as error:
        raise BadTable(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        raise BadTable(f"{path} is not UTF-8 text ({error.reason}): save it as CSV in UTF-8.") from error


def table_rows(
    name: str, content: bytes, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[TableRow | Refusal]:
    """The same of a CSV file's bytes; `name` is what messages call it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable(f"{name} is not UTF-8 text ({error.reason}): save it as CSV in UTF-8.") from error
    yield from _rows(name, csv.reader(io.StringIO(text, newline=""), strict=True), required, optional)


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
            # A quoted cell may run over several lines: a row starts after the end of the one before.
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadTable(f"{path}, line {reader.line_num}: {error}. Correct the quotes in that line.") from error


def _check_header(
    path: InputFile | str, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    wanted = f"columns: {', '.join(required)}" + (f", and if you like {', '.join(optional)}" if optional else "")
    missing = [name for name in required if name not in header]
    # A column nobody reads may be a misspelt one: taking the file without it would lose what it says.
    unknown = [name for name in header if name not in required + optional]
    if missing:
        raise BadTable(f"{path} has no column {missing[0]!r} in its first line. Its {wanted}.")
    if unknown:
        raise BadTable(f"{path} has a column {unknown[0]!r}, which has no meaning here: remove it. Its {wanted}.")
    if len(set(header)) < len(header):
        raise BadTable(f"{path} has a column twice in its first line. Its {wanted}.")


def _row(line: int, header: list[str], cells: list[str]) -> TableRow | Refusal:
    if len(cells) != len(header):
        return Refusal(
            f"line {line}", f"it has {len(cells)} cells where the first line has {len(header)}: put commas into quotes"
        )
    return TableRow(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def all_refused(head: str, refusals: Sequence[Refusal]) -> UserError:
    """Return the error of a file of which nothing is taken: the first of its refusals, and each way out once."""
    rest = len(refusals) - MOST_REFUSALS_SHOWN
    more = [Remark(f"and {rest} more")] if rest > 0 else []
    texts = [Remark(str(refusal), refusal.shell, refusal.page) for refusal in refusals[:MOST_REFUSALS_SHOWN]]
    remark = joined([Remark(head), *texts, *more])
    return UserError(remark.message, shell=remark.shell, page=remark.page)
