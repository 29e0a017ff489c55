"""Measure real people: the control questions of Beyer et al. 2020, answered by 78 raters and five experts.

    .venv/bin/python -m benchmarks.real_raters [--folder FOLDER]

The experts' majority is the truth of a control. Maybe is no yes. First the controls are measured, then the raters are
flagged by the thresholds of numerics/workers/thresholds.py, which were set before these answers were looked at. Both
the questions and the controls are the same answers here, so the flags see more than on a site.
"""

import argparse
import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np

from numerics.control_quality import measure_controls
from numerics.workers.report import flagged, flags, measure_workers
from numerics.workers.tables import AGREEMENT, LIKENESS, ControlTable, VoteTable
from numerics.workers.thresholds import FEWEST_GOOD_WORKERS, LEAST_SHARE_OF_GOOD_WORKERS

FOLDER = Path(__file__).resolve().parents[2] / "shared/released"
Answers = dict[tuple[str, str], dict[str, bool]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    experts = read(chosen.folder / "real_golden.csv.gz", "expert")
    raters = read(chosen.folder / "real_golden_votes.csv.gz", "rater")
    pairs = sorted(set(experts) & set(raters))
    truth = np.array([2 * sum(experts[pair].values()) > len(experts[pair]) for pair in pairs])
    report(*tables(raters, pairs, truth), truth)


def read(path: Path, person: str) -> Answers:
    answers: Answers = defaultdict(dict)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["image"], row["label"]][row[person]] = row["answer"] == "yes"
    return answers


def tables(raters: Answers, pairs: list[tuple[str, str]], truth: np.ndarray) -> tuple[VoteTable, ControlTable]:
    names = sorted({rater for pair in pairs for rater in raters[pair]})
    number = {name: place for place, name in enumerate(names)}
    rows = [(number[rater], place, yes) for place, pair in enumerate(pairs) for rater, yes in raters[pair].items()]
    worker, pair, answer = (np.array(column) for column in zip(*rows, strict=True))
    # The file has no order of answers: each person's are one grid, in the order of the file.
    unknown = np.full(worker.size, np.nan)
    votes = VoteTable(worker, pair, answer, np.zeros(worker.size, int), worker, unknown, len(names))
    return votes, ControlTable(worker, pair, truth[pair], answer, len(names))


def report(votes: VoteTable, controls: ControlTable, truth: np.ndarray) -> None:
    result = measure_workers(votes, controls)
    measures = result.measures
    bad = flagged(measures)
    print(f"{votes.n_workers} raters, {len(votes)} answers to {truth.size} controls, {truth.sum()} positive")
    for name, measure in measures.items():
        if measure.n.any():
            low, middle, high = np.nanquantile(measure.value, [0.05, 0.5, 0.95])
            print(f"  {name:15} median {middle:.3f}, 90 % of raters {low:.3f} to {high:.3f}")
    for name, by in flags(measures).items():
        for worker in np.flatnonzero(by):
            measure = measures[name]
            other = f" (with rater {result.likeness_with[worker]})" if name == LIKENESS else ""
            print(f"  rater {worker} flagged by {name}: {measure.value[worker]:.3f}{other}, q {measure.q[worker]:.2g}")
    items = measure_controls(controls, np.where(bad, np.nan, measures[AGREEMENT].value))
    failed = items.failed_by_good(FEWEST_GOOD_WORKERS, LEAST_SHARE_OF_GOOD_WORKERS)
    print(f"controls: median difficulty {np.median(items.difficulty):.3f}; good workers fail {failed.sum()}")
    everybody = np.ones(votes.n_workers, bool)
    for name, kept in (("before", everybody), ("after", ~bad)):
        answers = votes.rows(kept[votes.worker])
        n = np.bincount(answers.pair, minlength=truth.size)
        share = np.bincount(answers.pair, answers.answer, truth.size) / np.maximum(n, 1)
        print(
            f"{name} the rules: {kept.sum()} raters, single answers agree with the experts on "
            f"{np.mean(answers.answer == truth[answers.pair]):.4f}, majorities on {np.mean((share > 0.5) == truth):.4f}"
        )


if __name__ == "__main__":
    main()
