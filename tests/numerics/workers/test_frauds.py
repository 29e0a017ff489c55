"""Frauds are found, and honest people are not flagged: a short form of benchmarks/frauds.py."""

import os

import numpy as np
import pytest

from benchmarks.frauds import FEW, measured
from numerics.workers.report import flagged, flags, measure_workers
from numerics.workers.tables import MEASURES
from tests.numerics.frauds import (
    ALL_NO,
    ALL_YES,
    COPYCAT,
    HONEST,
    PATTERN,
    PEOPLE,
    RANDOM,
    SEVERAL_IDS,
    Plan,
    simulate,
)

SOME = {HONEST: 40, ALL_YES: 3, ALL_NO: 3, RANDOM: 3, PATTERN: 3, COPYCAT: 3, SEVERAL_IDS: 4}


@pytest.fixture(scope="module")
def study():
    return simulate(Plan(people=SOME, n_pairs=4000, positive=3, negative=3), 1)


@pytest.fixture(scope="module")
def report(study):
    return measure_workers(study.votes, study.controls)


def flagged_by(report, study, name, kind):
    return flags(report.measures)[name][study.kind == kind].all()


def test_every_fraud_is_flagged_and_hardly_any_honest_worker(study, report):
    suspects = flagged(report.measures)
    assert suspects[study.kind != HONEST].all()
    assert suspects[study.kind == HONEST].sum() <= 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ALL_YES, "share_selected"),
        (ALL_YES, "false_alarms"),
        (ALL_NO, "share_selected"),
        (ALL_NO, "recall"),
        (RANDOM, "agreement"),
        (RANDOM, "recall"),
        (PATTERN, "entropy"),
        (PATTERN, "periodicity"),
        (COPYCAT, "likeness"),
        (SEVERAL_IDS, "likeness"),
    ],
)
def test_a_kind_of_fraud_is_seen_by_its_measure(study, report, kind, name):
    assert flagged_by(report, study, name, kind)


def test_a_copy_is_like_its_source_and_the_source_is_not_suspected(study, report):
    copies = np.flatnonzero(study.kind == COPYCAT)
    assert report.likeness_with[copies].tolist() == study.source[copies].tolist()
    assert not flags(report.measures)["likeness"][study.source[copies]].any()


def test_the_order_of_answers_decides_who_is_the_copy(study):
    backwards = study.votes.rows(np.ones(len(study.votes), bool))
    backwards = type(backwards)(**{**backwards.__dict__, "grid": backwards.grid.max() - backwards.grid})
    likeness = flags(measure_workers(backwards, study.controls).measures)["likeness"]
    copies = np.flatnonzero(study.kind == COPYCAT)
    assert likeness[study.source[copies]].all() and not likeness[copies].any()


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="the long form of T24 runs with ./test --soak")
@pytest.mark.parametrize(("positive", "negative"), [(5, 0), (3, 3)])
def test_t24_holds_for_many_seeds(positive, negative):
    rows = [measured(Plan(positive=positive, negative=negative), seed) for seed in range(100, 110)]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    for kind in PEOPLE:
        if kind != HONEST:
            assert mean[f"flagged, {kind}"] >= 0.9, kind
    for kind in (ALL_YES, ALL_NO, RANDOM, PATTERN):
        assert mean[f"flagged after few grids, {kind}"] >= 0.9, (kind, FEW)
    assert mean["flagged after few grids, copycat"] >= 0.8
    assert mean["flagged, honest"] <= 0.01
    assert mean["rules on / no fraud"] <= 1.1
    assert mean["error, rules on"] <= 1.05 * mean["error, frauds known"]


def test_the_flags_are_about_all_measures(report):
    assert tuple(flags(report.measures)) == MEASURES
