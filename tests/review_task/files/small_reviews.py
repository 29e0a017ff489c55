"""A small review as a file holds it, to be changed by a test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from review_task.files.rows import (
    CommentRow,
    ConsensusRow,
    FurtherLabelRow,
    ItemRow,
    PageRow,
    ProblemRow,
    ReviewerRow,
    ReviewLog,
    ReviewRow,
    VerdictRow,
    line_of,
    row_in,
)

MOMENT = "2026-01-01T12:00:00+00:00"


def small_log(**figures: Any) -> ReviewLog:
    """Two pages, of class 1 with two labels and of no class with one; ann took part in both, ben in the first."""
    head = ReviewRow("Small", "first", 2, 0, None, None, ["a screenshot"])
    return ReviewLog(
        replace(head, **figures),
        pages=[PageRow(0, 1), PageRow(1, None)],
        items=[
            ItemRow(0, "a.jpg", 1, 1, 3, "models"),
            ItemRow(0, "a.jpg", 1, 2, 0, "people"),
            ItemRow(1, "b.jpg", None, 0, 1, "seeded"),
        ],
        reviewers=[
            ReviewerRow(0, "ann", "confirmed", MOMENT),
            ReviewerRow(0, "ben", "confirmed", MOMENT),
            ReviewerRow(1, "ann", "confirmed", MOMENT),
        ],
        verdicts=[
            VerdictRow(0, "a.jpg", 1, "ann", "correct", "", "", MOMENT),
            VerdictRow(0, "a.jpg", 1, "ben", "wrong", "", "", MOMENT),
            VerdictRow(0, "a.jpg", 2, "ann", "unclear", "", "", MOMENT),
        ],
        problems=[ProblemRow(0, "a.jpg", "ben", "a screenshot", True, MOMENT)],
        further_labels=[FurtherLabelRow(0, "a.jpg", "ann", 3, "", True, MOMENT)],
        comments=[CommentRow(0, "a.jpg", 1, "ann", "Its ears.", MOMENT)],
        consensus=[ConsensusRow(0, "a.jpg", 1, "ben", "correct", "", "", MOMENT)],
    )


def changed(rows: str, place: int = 0, **cells: Any) -> ReviewLog:
    """Return the small review with other cells in one of its rows."""
    log = small_log()
    getattr(log, rows)[place] = replace(getattr(log, rows)[place], **cells)
    return log


def with_further(rows: str, place: int = 0, **cells: Any) -> ReviewLog:
    """Return the small review with a further row: a copy of one of its rows with other cells."""
    log = small_log()
    getattr(log, rows).append(replace(getattr(log, rows)[place], **cells))
    return log


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_log(path: Path, log: ReviewLog) -> Path:
    return write_lines(path, [line_of(row) for row in log.rows()])


def renaming(log: ReviewLog, **names: Mapping[str, str]) -> ReviewLog:
    """Return a review with other names in all its rows: `names` says by cell which stands instead of which."""
    copy = ReviewLog(log.review)
    for row in list(log.rows())[1:]:
        line = line_of(row)
        others = {cell: instead[line[cell]] for cell, instead in names.items() if line.get(cell) in instead}
        copy.add(row_in(line | others))
    return copy
