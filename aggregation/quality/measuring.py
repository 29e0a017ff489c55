"""The measures of a study's workers and controls, as rows to store."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aggregation.models import ControlMeasure, WorkerMeasure
from aggregation.quality.controls.reads import switched_off
from aggregation.quality.kinds import ANSWERS
from aggregation.quality.loading import IntArray, StudyVotes, control_table, vote_table, without_controls
from catalog.models import Dataset
from numerics.control_quality import ControlReport, measure_controls
from numerics.workers.report import flagged, measure_workers
from numerics.workers.tables import AGREEMENT, NOBODY, Measure, WorkerReport

# Rows that no new vote touches compare equal to those stored.
DIGITS = 9


@dataclass(frozen=True)
class Measured:
    """All measures of a dataset: rows of workers, and a report on controls with (image, label) ids of each."""

    rows: list[WorkerMeasure]
    controls: ControlReport
    control_keys: IntArray

    def control_rows(self, dataset: Dataset) -> list[ControlMeasure]:
        report = self.controls
        return [
            ControlMeasure(
                dataset=dataset,
                image_id=image,
                label_id=label,
                expected=bool(report.expected[place]),
                n=int(report.n[place]),
                n_passed=int(report.n_passed[place]),
                n_good=int(report.n_good[place]),
                n_good_passed=int(report.n_good_passed[place]),
                difficulty=float(report.difficulty[place]),
                discrimination=_number(report.discrimination[place]),
            )
            for place, (image, label) in enumerate(self.control_keys.tolist())
        ]


def measured_study(dataset: Dataset, votes: StudyVotes) -> Measured:
    """Measure the workers of a dataset over all, and over each batch; controls that are switched off test nobody."""
    fair = without_controls(votes, switched_off(dataset))
    everywhere = _scope(fair)
    batches = np.unique(votes.columns["batch"]).tolist()
    # The votes of a single batch are those over all: most studies have no other.
    scopes = {batch: everywhere if len(batches) == 1 else _scope(fair.of_batch(batch)) for batch in batches}
    rows = [row for batch, scope in [(None, everywhere), *scopes.items()] for row in scope.rows(dataset, batch)]
    report, keys = _controls(votes.counting(), everywhere)
    return Measured([*rows, *_answers(dataset, votes)], report, keys)


@dataclass(frozen=True)
class Scope:
    """Reports on all votes of a scope: of the workers whose work counts, compared with each other, and of the rest.

    The work of the rest does not count, so nobody is compared with it; it is itself compared with what counts.
    """

    workers: IntArray
    report: WorkerReport
    others: IntArray
    report_of_others: WorkerReport | None
    everybody: IntArray

    def rows(self, dataset: Dataset, batch: int | None) -> Iterator[WorkerMeasure]:
        yield from _rows(dataset, batch, self.report, self.workers, self.workers)
        if self.report_of_others is not None:
            yield from _rows(dataset, batch, self.report_of_others, self.everybody, self.others)


def _scope(votes: StudyVotes) -> Scope:
    counting = votes.counting()
    workers, everybody = counting.workers, votes.workers
    others = np.setdiff1d(everybody, workers)
    if not len(others):
        return Scope(workers, _report(counting, workers), others, None, everybody)
    with_others = votes.rows((votes.columns["counts"] == 1) | np.isin(votes.columns["worker"], others))
    return Scope(workers, _report(counting, workers), others, _report(with_others, everybody), everybody)


def _report(votes: StudyVotes, workers: IntArray) -> WorkerReport:
    return measure_workers(vote_table(votes, workers), control_table(votes, workers)[0])


def _controls(votes: StudyVotes, scope: Scope) -> tuple[ControlReport, IntArray]:
    """Return the report on all controls, also those switched off: a person may want to see how they do.

    Nobody who is flagged counts as a good worker.
    """
    table, keys = control_table(votes, scope.workers)
    measures = scope.report.measures
    return measure_controls(table, np.where(flagged(measures), np.nan, measures[AGREEMENT].value)), keys


def _rows(
    dataset: Dataset, batch: int | None, report: WorkerReport, workers: IntArray, chosen: IntArray
) -> Iterator[WorkerMeasure]:
    """Yield the measures of the `chosen` among the `workers` of a report: those with observations."""
    is_chosen = np.isin(workers, chosen)
    for name, measure in report.measures.items():
        likeness_with = report.likeness_with if name == "likeness" else None
        for place in np.flatnonzero(is_chosen & (measure.n > 0)).tolist():
            other = NOBODY if likeness_with is None else int(likeness_with[place])
            yield WorkerMeasure(
                dataset=dataset,
                batch_id=batch,
                worker_id=int(workers[place]),
                measure=name,
                other_id=None if other == NOBODY else int(workers[other]),
                **_figures(measure, place),
            )


def _figures(measure: Measure, place: int) -> dict[str, float | int | None]:
    columns = ("value", "low", "high", "expected", "p", "q")
    figures: dict[str, float | int | None] = {name: _number(getattr(measure, name)[place]) for name in columns}
    return figures | {"n": int(measure.n[place])}


def _number(value: float) -> float | None:
    return round(float(value), DIGITS) if np.isfinite(value) else None


def _answers(dataset: Dataset, votes: StudyVotes) -> Iterator[WorkerMeasure]:
    """Yield the number of submissions of each worker, by batch and over all, of every kind of task."""
    total: dict[int, int] = {}
    for worker, batch, n in votes.answers:
        total[worker] = total.get(worker, 0) + n
        yield WorkerMeasure(dataset=dataset, batch_id=batch, worker_id=worker, measure=ANSWERS, n=n)
    for worker, n in total.items():
        yield WorkerMeasure(dataset=dataset, batch_id=None, worker_id=worker, measure=ANSWERS, n=n)
