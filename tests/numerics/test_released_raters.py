"""On real votes the worker model gives what was published, and agreement is what others computed."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from numerics.agreement import answer_counts, krippendorff_alpha
from numerics.raters import presence

RELEASED = Path(__file__).resolve().parents[3] / "shared" / "released"
ANSWERS = {"no": 0, "yes": 1, "maybe": 2}

pytestmark = pytest.mark.skipif(not RELEASED.is_dir(), reason=f"the released votes are not in {RELEASED}")


def rows(name):
    with gzip.open(RELEASED / name, "rt", newline="") as file:
        yield from csv.DictReader(file)


def positions(keys):
    """Return the position of each key among the different ones, and those."""
    order: dict = {}
    return np.array([order.setdefault(key, len(order)) for key in keys]), list(order)


@pytest.fixture(scope="module")
def real():
    votes = [(row["image"], int(row["label"]), row["rater"], row["answer"]) for row in rows("real_votes.csv.gz")]
    pair, pairs = positions((image, label) for image, label, _, _ in votes)
    worker, workers = positions(rater for _, _, rater, _ in votes)
    return pair, pairs, worker, len(workers), np.array([ANSWERS[answer] for *_, answer in votes])


def test_alpha_of_real_votes_with_three_answers_and_of_yes_against_the_others(real):
    pair, pairs, _, _, answer = real
    assert len(answer) == 226_515
    counts = answer_counts(pair, answer, len(pairs), 3)
    assert krippendorff_alpha(counts) == pytest.approx(0.4078, abs=5e-5)
    yes = np.stack([counts[:, 1], counts[:, 0] + counts[:, 2]], axis=1)
    assert krippendorff_alpha(yes) == pytest.approx(0.4865, abs=5e-5)


def test_two_states_and_three_answers_decide_as_published(real):
    pair, pairs, worker, n_workers, answer = real
    model = presence(pair, worker, answer, n_workers=n_workers, three=True)
    labels = {row["image"]: {int(label) for label in row["labels"].split()} for row in rows("real_labels.csv.gz")}
    published = np.array([label in labels[image] for image, label in pairs])
    assert model.converged
    assert ((model.posterior[:, 1] > 0.8) == published).mean() >= 0.97


def test_on_bluebirds_the_model_is_right_more_often_than_the_majority():
    votes = list(rows("bluebirds_votes.csv.gz"))
    pair, pairs = positions(row["image"] for row in votes)
    worker, workers = positions(row["worker"] for row in votes)
    answer = np.array([ANSWERS[row["answer"]] for row in votes])
    truths = {row["image"]: row["truth"] == "yes" for row in votes}
    truth = np.array([truths[image] for image in pairs])
    counts = answer_counts(pair, answer, len(pairs), 2)
    assert ((counts[:, 1] > counts[:, 0]) == truth).mean() == pytest.approx(0.7593, abs=5e-5)
    model = presence(pair, worker, answer, n_workers=len(workers))
    assert ((model.posterior[:, 1] > 0.5) == truth).mean() >= 0.88
