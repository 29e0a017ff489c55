"""All measures of all workers, from their votes and their answers to controls."""

from __future__ import annotations

import numpy as np

from numerics.workers.intervals import measure
from numerics.workers.likeness import likeness
from numerics.workers.others import agreement, consistency, others_of, passed, share_selected
from numerics.workers.positions import entropy, periodicity, places_of
from numerics.workers.seconds import median_seconds
from numerics.workers.tables import (
    AGREEMENT,
    CONSISTENCY,
    ENTROPY,
    FALSE_ALARMS,
    LIKENESS,
    MEASURES,
    PERIODICITY,
    RECALL,
    SECONDS,
    SHARE_SELECTED,
    BoolArray,
    ControlTable,
    Measure,
    VoteTable,
    WorkerReport,
)
from numerics.workers.thresholds import FEWEST, FLAG_AT

ROUNDS = 4
"""Passes over the workers: those flagged in one are not compared with in the next."""


def measure_workers(votes: VoteTable, controls: ControlTable) -> WorkerReport:
    """Measure all workers.

    Honest people are those whom nothing flags. So the measures against others are taken several times, each time
    against the workers whom the last time did not flag, until these stay the same.

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
    answers = votes.first_answers()
    grids = places_of(answers)
    measures = {ENTROPY: entropy(grids), PERIODICITY: periodicity(grids)}
    measures = _until_settled(votes, answers, controls, measures)
    trusted = ~flagged(measures)
    # A copy agrees with its source, whom others may need: only then are copies looked for.
    measures[LIKENESS], likeness_with = likeness(answers, trusted)
    if (~flagged(measures) != trusted).any():
        measures = _until_settled(votes, answers, controls, measures)
    return WorkerReport({name: measures[name] for name in MEASURES}, likeness_with)


def _until_settled(
    votes: VoteTable, answers: VoteTable, controls: ControlTable, measures: dict[str, Measure]
) -> dict[str, Measure]:
    """Measure against those whom nothing flags, until these stay the same."""
    trusted = ~flagged(measures)
    for _ in range(ROUNDS):
        measures = measures | _against_others(votes, answers, controls, trusted)
        before, trusted = trusted, ~flagged(measures)
        if (before == trusted).all():
            break
    return measures


def _against_others(
    votes: VoteTable, answers: VoteTable, controls: ControlTable, trusted: BoolArray
) -> dict[str, Measure]:
    others = others_of(answers.worker, answers.pair, answers.answer, trusted)
    return {
        RECALL: _controls(controls, True, trusted),
        FALSE_ALARMS: _controls(controls, False, trusted),
        SHARE_SELECTED: share_selected(answers, others, trusted),
        AGREEMENT: agreement(answers, others, trusted),
        CONSISTENCY: consistency(votes, answers, others, trusted),
        SECONDS: median_seconds(answers, trusted),
    }


def _controls(controls: ControlTable, expected: bool, trusted: BoolArray) -> Measure:
    chosen = controls.expected == expected
    if not chosen.any():
        return measure(np.full(trusted.shape, np.nan), np.zeros(trusted.shape, np.int64))
    columns = (controls.worker[chosen], controls.control[chosen], controls.answer[chosen])
    return passed(*columns, trusted, too_few=expected)


def flags(measures: dict[str, Measure]) -> dict[str, BoolArray]:
    """Return by measure whom it flags: enough observations, and a corrected false-alarm probability that is small."""
    return {name: (result.q <= FLAG_AT) & (result.n >= FEWEST[name]) for name, result in measures.items()}


def flagged(measures: dict[str, Measure]) -> BoolArray:
    """Return (W,) who is flagged by any measure."""
    return np.asarray(np.any(list(flags(measures).values()), axis=0))
