import numpy as np
import pytest

from numerics.workers.report import measure_workers
from numerics.workers.tables import MEASURES, ControlTable, VoteTable


def votes_of(answers):
    """Three workers at the same pairs, in one grid each."""
    answers = np.array(answers, bool)
    worker, pair = np.indices(answers.shape).reshape(2, -1)
    return VoteTable(worker, pair, answers.ravel(), pair, worker, np.full(worker.size, np.nan), len(answers))


def controls_of(expected, answers):
    answers = np.array(answers, bool)
    worker, control = np.indices(answers.shape).reshape(2, -1)
    return ControlTable(worker, control, np.array(expected, bool)[control], answers.ravel(), len(answers))


def test_every_measure_has_a_value_for_every_worker():
    report = measure_workers(
        votes_of([[1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]]), controls_of([1, 1, 0], [[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    )
    assert tuple(report.measures) == MEASURES
    assert all(measure.value.shape == (3,) for measure in report.measures.values())
    assert report.measures["recall"].value.tolist() == [1, 0.5, 1]
    assert report.measures["false_alarms"].value.tolist() == [0, 0, 1]
    assert report.measures["share_selected"].value.tolist() == [0.5, 0.25, 1]
    assert report.measures["agreement"].value.tolist() == [0.625, 0.5, 0.375]


def test_workers_without_answers_have_no_measure():
    report = measure_workers(votes_of(np.zeros((2, 0))), controls_of([], np.zeros((2, 0))))
    for measure in report.measures.values():
        assert np.isnan(measure.value).all() and np.isnan(measure.p).all() and not measure.n.any()


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="of 2 workers and controls of 3"):
        measure_workers(votes_of([[1], [0]]), controls_of([1], [[1], [1], [0]]))
    with pytest.raises(ValueError, match="equally long"):
        ControlTable(np.array([0]), np.array([0, 1]), np.array([True]), np.array([True]), 1)
    with pytest.raises(ValueError, match="numbered from 0 to 0"):
        ControlTable(np.array([1]), np.array([0]), np.array([True]), np.array([True]), 1)
