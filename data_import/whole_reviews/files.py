"""Files of reviews: a whole review as JSON lines, or label sets as one JSON document, as csv or as JSON lines.

Nothing is ever unpickled: a pickle runs what its author wrote.
"""

import json
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from catalog.models import Dataset
from csv_files.cells import unguarded
from csv_files.tables import BadTable, Refusal, read_table
from data_import.votes.files import BadFile, line_fault, opened_text
from data_import.whole_reviews.label_sets import OTHER_COLUMNS, BadLabelSets, log_of_document, log_of_rows
from review_task.files.reads import BadReviewRow, ReviewLog, ReviewRow, row_in

MOST_BYTES = 2**30
REQUIRED = ("image", "label", "state")
OPTIONAL = ("dataset_label", "initial_state", "problematic", "reasons", *OTHER_COLUMNS)
PICKLES = (".pickle", ".pkl")
NO_PICKLE = gettext_lazy("%(file)s is a pickle, which this site never opens: it would run what its author wrote.")
# What a person runs who trusts the file.
CONVERSION = gettext_lazy(
    "Where you trust the file, convert it: python -c 'import json, pickle, sys; json.dump({key: value for key, value "
    'in pickle.load(sys.stdin.buffer).items() if key in ("image_labels", "initial_annots", "image_map", '
    '"wnid_map")}, sys.stdout, default=list)\' < FILE.pickle > FILE.json'
)


def read_review(path: Path, dataset: Dataset, title: str) -> ReviewLog:
    """Return the review that a file holds; `title` is for label sets, which have none. Raises BadFile."""
    name = path.name.removesuffix(".gz")
    if name.endswith(PICKLES):
        raise BadFile(NO_PICKLE % {"file": path}, shell=str(CONVERSION))
    try:
        if name.endswith(".json"):
            return log_of_document(_document(path), dataset, title)
        if name.endswith(".csv"):
            return log_of_rows(_csv_rows(path), dataset, title)
        return _log_of_lines(path, dataset, title)
    except BadLabelSets as error:
        raise BadFile(f"{path}: {error}", shell=error.shell, page=error.page) from error
    except FileNotFoundError as error:
        raise BadFile(gettext("There is no file %(file)s.") % {"file": path}) from error
    except UnicodeDecodeError as error:
        raise BadFile(gettext("%(file)s is not UTF-8 text. Save the file as UTF-8.") % {"file": path}) from error
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(gettext("%(file)s cannot be read: %(reason)s.") % {"file": path, "reason": error}) from error


def _document(path: Path) -> Any:
    with opened_text(path) as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise BadFile(gettext("%(file)s is larger than 1 GiB, unpacked.") % {"file": path})
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise BadFile(gettext("%(file)s is no JSON: %(reason)s.") % {"file": path, "reason": error}) from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError(gettext("a key stands twice in an object"))
    return entries


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        for row in read_table(path, REQUIRED, OPTIONAL):
            if isinstance(row, Refusal):
                raise BadFile(f"{path}, {row}", shell=row.shell, page=row.page)
            yield row.where, {name: unguarded(cell) for name, cell in row.cells.items()}
    except BadTable as error:
        raise BadFile(str(error), shell=error.shell, page=error.page) from error


def _log_of_lines(path: Path, dataset: Dataset, title: str) -> ReviewLog:
    """Return the review of a file of JSON lines: a whole one, or the rows of label sets."""
    lines = _json_lines(path)
    head = next(lines, None)
    if head is None:
        raise BadFile(gettext("%(file)s is empty.") % {"file": path})
    number, first = head
    if not isinstance(first, dict) or "row" not in first:
        return log_of_rows(_label_rows(path, [head], lines), dataset, title)
    try:
        row = row_in(first)
        if not isinstance(row, ReviewRow):
            raise BadReviewRow(gettext("the first line must be the row “review”."))
        log = ReviewLog(row)
        for number, line in lines:  # noqa: B007 - named in the error
            log.add(row_in(line))
    except BadReviewRow as error:
        raise line_fault(path, number, error) from error
    return log


def _label_rows(
    path: Path, head: list[tuple[int, Any]], lines: Iterator[tuple[int, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in chain(head, lines):
        if not isinstance(line, dict):
            raise line_fault(path, number, BadReviewRow(gettext("a line must be an object.")))
        yield gettext("line %(line)s") % {"line": number}, line


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with opened_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line, object_pairs_hook=_without_repeats)
            except (ValueError, RecursionError) as error:
                reason = gettext("this is no JSON: %(reason)s.") % {"reason": error}
                raise line_fault(path, number, BadReviewRow(reason)) from error
