"""All measures of all workers, from their votes and their answers to controls."""

from __future__ import annotations

import numpy as np

from numerics.workers.intervals import measure, share_of, wilson
from numerics.workers.tables import (
    AGREEMENT,
    FALSE_ALARMS,
    MEASURES,
    NOBODY,
    RECALL,
    SHARE_SELECTED,
    BoolArray,
    ControlTable,
    Measure,
    VoteTable,
    WorkerReport,
)


def measure_workers(votes: VoteTable, controls: ControlTable) -> WorkerReport:
    """Measure all workers.

    Args:
        votes: their answers to questions.
        controls: their answers to controls, of the same workers.

    Returns:
        A measure for each name in MEASURES; those without any observation are NaN.

    Raises:
        ValueError: the tables are about different numbers of workers.
    """
    if votes.n_workers != controls.n_workers:
        raise ValueError(f"votes are of {votes.n_workers} workers and controls of {controls.n_workers}.")
    nothing = measure(np.full(votes.n_workers, np.nan), np.zeros(votes.n_workers, np.int64))
    measures = dict.fromkeys(MEASURES, nothing)
    measures[RECALL] = _share(controls, controls.expected)
    measures[FALSE_ALARMS] = _share(controls, ~controls.expected)
    measures[SHARE_SELECTED] = _share(votes.first_answers(), np.ones(len(votes.first_answers()), bool))
    measures[AGREEMENT] = _agreement(votes.first_answers())
    return WorkerReport(measures, np.full(votes.n_workers, NOBODY))


def _share(table: VoteTable | ControlTable, chosen: BoolArray) -> Measure:
    n = np.bincount(table.worker[chosen], minlength=table.n_workers)
    n_yes = np.bincount(table.worker[chosen & table.answer], minlength=table.n_workers)
    return measure(share_of(n_yes, n), n, interval=wilson(n_yes, n))


def _agreement(votes: VoteTable) -> Measure:
    n_shown = np.bincount(votes.pair, minlength=votes.n_pairs)[votes.pair] - 1
    n_yes = np.bincount(votes.pair[votes.answer], minlength=votes.n_pairs)[votes.pair] - votes.answer
    same = share_of(np.where(votes.answer, n_yes, n_shown - n_yes), n_shown)
    with_others = n_shown > 0
    n = np.bincount(votes.worker[with_others], minlength=votes.n_workers)
    total = np.bincount(votes.worker[with_others], same[with_others], minlength=votes.n_workers)
    return measure(share_of(total, n), n)
