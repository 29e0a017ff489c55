"""Formats of exported rows: a new one takes a function and a line in FORMATS."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from csv_files.cells import guarded

Row = dict[str, Any]
# Lists that the released files separate by spaces; all other lists are JSON.
SPACED = frozenset({"selected", "selected_wnid"})


@dataclass(frozen=True)
class Format:
    """A format of rows. `write` takes columns, rows, the file, and whether the rows begin it; returns their number.

    The page Files shows `title`, and if `has_named_file` a second file with the names of labels.
    """

    title: str
    content_type: str
    write: Callable[[list[str], Iterator[Row], TextIO, bool], int]
    has_named_file: bool = False


def write_csv(columns: list[str], rows: Iterator[Row], out: TextIO, head: bool) -> int:
    writer = csv.writer(out, lineterminator="\n")
    if head:
        writer.writerow(columns)
    n_rows = 0
    for row in rows:
        writer.writerow([csv_cell(column, row[column]) for column in columns])
        n_rows += 1
    return n_rows


def csv_cell(column: str, value: Any) -> Any:
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, list):
        return " ".join(map(str, value)) if column in SPACED else json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, datetime) else value


def write_jsonl(columns: list[str], rows: Iterator[Row], out: TextIO, head: bool) -> int:
    n_rows = 0
    for row in rows:
        out.write(json.dumps(row, ensure_ascii=False, default=datetime.isoformat) + "\n")
        n_rows += 1
    return n_rows


FORMATS = {
    "csv": Format("CSV", "text/csv; charset=utf-8", write_csv, has_named_file=True),
    "jsonl": Format("JSON lines", "application/jsonl; charset=utf-8", write_jsonl),
}
