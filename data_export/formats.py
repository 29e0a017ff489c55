"""The formats that rows are written in: a new one is a function and a line in FORMATS."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from csv_files.cells import guarded

Row = dict[str, Any]
# What the released files separate by spaces; every other list is JSON.
SPACED = frozenset({"selected", "selected_wnid"})


@dataclass(frozen=True)
class Format:
    """How rows are written. `write` takes columns, rows, the file, and whether the rows begin it; returns how many.

    `title` stands on the page of files, which offers it with the names of labels too if `has_named_file`.
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
