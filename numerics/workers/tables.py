"""Tables of answers and measures of workers: plain arrays, by position of the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

RECALL = "recall"
FALSE_ALARMS = "false_alarms"
SHARE_SELECTED = "share_selected"
AGREEMENT = "agreement"
CONSISTENCY = "consistency"
SECONDS = "seconds"
ENTROPY = "entropy"
PERIODICITY = "periodicity"
LIKENESS = "likeness"
MEASURES = (
    RECALL,
    FALSE_ALARMS,
    SHARE_SELECTED,
    AGREEMENT,
    CONSISTENCY,
    SECONDS,
    ENTROPY,
    PERIODICITY,
    LIKENESS,
)
NOBODY = -1
"""In a place of `WorkerReport.likeness_with`: no other worker."""


@dataclass(frozen=True)
class VoteTable:
    """Votes on questions: V answers, a row each.

    Attributes:
        worker: (V,) position of the worker, 0 to n_workers - 1.
        pair: (V,) position of the pair, 0 to n_pairs - 1.
        answer: (V,) whether the cell was selected.
        position: (V,) place of the cell in its grid as the worker saw it, from 0.
        grid: (V,) position of the submission; submissions are numbered in the order of their time.
        seconds: (V,) seconds for which the photograph was in view; NaN if unknown.
        n_workers: W; workers without votes have measures of no observations.
        repeat_of: (V,) row of the vote that this one repeats, -1 for a first answer; None without repeats. A repeat
            counts for consistency only.
        network: (W,) mark of the network from which a worker answered, -1 if unknown; None if all are.
    """

    worker: IntArray
    pair: IntArray
    answer: BoolArray
    position: IntArray
    grid: IntArray
    seconds: FloatArray
    n_workers: int
    repeat_of: IntArray | None = None
    network: IntArray | None = None

    def __post_init__(self) -> None:
        columns = [self.worker, self.pair, self.answer, self.position, self.grid, self.seconds]
        columns += [self.repeat_of] if self.repeat_of is not None else []
        check_columns(columns, self.worker, self.n_workers)
        if self.network is not None and len(self.network) != self.n_workers:
            raise ValueError(f"network has {len(self.network)} marks for {self.n_workers} workers; pass one each.")

    def __len__(self) -> int:
        return len(self.worker)

    @property
    def n_pairs(self) -> int:
        return int(self.pair.max(initial=-1)) + 1

    def first_answers(self) -> VoteTable:
        """Return the table without repeats."""
        if self.repeat_of is None:
            return self
        return self.rows(self.repeat_of < 0)

    def rows(self, chosen: BoolArray) -> VoteTable:
        """Return some rows as a table without repeats."""
        return VoteTable(
            worker=self.worker[chosen],
            pair=self.pair[chosen],
            answer=self.answer[chosen],
            position=self.position[chosen],
            grid=self.grid[chosen],
            seconds=self.seconds[chosen],
            n_workers=self.n_workers,
            network=self.network,
        )


@dataclass(frozen=True)
class ControlTable:
    """Answers to controls: a row each.

    Attributes:
        worker: (C,) position of the worker, as in the table of votes.
        control: (C,) position of the control, from 0: an image and a label that every grid may show.
        expected: (C,) whether the control is to be selected (positive) or not (negative).
        answer: (C,) whether it was selected.
        n_workers: W.
    """

    worker: IntArray
    control: IntArray
    expected: BoolArray
    answer: BoolArray
    n_workers: int

    def __post_init__(self) -> None:
        check_columns([self.worker, self.control, self.expected, self.answer], self.worker, self.n_workers)

    def __len__(self) -> int:
        return len(self.worker)

    @property
    def n_controls(self) -> int:
        return int(self.control.max(initial=-1)) + 1


def check_columns(columns: list[NDArray[Any]], worker: IntArray, n_workers: int) -> None:
    """Check that columns have one length and workers are in range.

    Raises:
        ValueError: they do not.
    """
    if len({column.shape for column in columns}) > 1 or worker.ndim != 1:
        raise ValueError("The columns of a table must be one-dimensional and equally long.")
    if worker.size and not 0 <= worker.min() <= worker.max() < n_workers:
        raise ValueError(f"Workers must be numbered from 0 to {n_workers - 1}.")


@dataclass(frozen=True)
class Measure:
    """One measure of all workers.

    Attributes:
        value: (W,) the measure; NaN without observations.
        n: (W,) the number of observations.
        low, high: (W,) its 95 % interval; NaN where there is none.
        expected: (W,) the value that an honest worker would have on the same cells; NaN if unknown.
        p: (W,) false-alarm probability: how often honest work looks as bad; NaN if undefined.
        q: (W,) p after Holm's correction for the number of workers.
    """

    value: FloatArray
    n: IntArray
    low: FloatArray
    high: FloatArray
    expected: FloatArray
    p: FloatArray
    q: FloatArray


@dataclass(frozen=True)
class WorkerReport:
    """The measures of all workers, by name.

    Attributes:
        measures: one for each name in MEASURES.
        likeness_with: (W,) the worker whom the measure of likeness is about, or NOBODY.
    """

    measures: dict[str, Measure] = field(default_factory=dict)
    likeness_with: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
