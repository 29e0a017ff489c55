"""The worker model is that of crowd-kit, alpha that of krippendorff, in the environment of ./test --crowd-kit."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest

from numerics.agreement import answer_counts, krippendorff_alpha
from numerics.beta import beta_quantile
from numerics.raters import dawid_skene
from tests.test_boundaries import ROOT

PYTHON = ROOT / "var" / "crowd_kit" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="run ./test --crowd-kit once: it installs crowd-kit")
# What the other implementations say of votes [pair, worker, answer] after so many rounds, and of beta quantiles.
THEIRS = """
import json, sys
import krippendorff, numpy as np, pandas as pd
from crowdkit.aggregation import DawidSkene
from scipy.stats import beta
asked = json.load(sys.stdin)
frame = pd.DataFrame(asked["votes"], columns=["task", "worker", "label"])
said = {"rounds": {}}
for rounds in asked["rounds"]:
    # Without its own end, which looks at the likelihood.
    model = DawidSkene(n_iter=rounds, tol=-1e18).fit(frame)
    said["rounds"][rounds] = model.probas_.sort_index().sort_index(axis=1).to_numpy().tolist()
said["alpha"] = krippendorff.alpha(value_counts=np.array(asked["counts"]), level_of_measurement="nominal")
said["quantiles"] = beta.ppf(*asked["quantiles"]).tolist()
print(json.dumps(said))
"""
ROUNDS = (1, 2, 10, 50)


def made_votes(seed, n_answers):
    """Votes of 25 people of different worth on 200 pairs, five a pair."""
    rng = np.random.default_rng(seed)
    worth = rng.uniform(0.2, 0.95, 25)
    pair, truth = np.repeat(np.arange(200), 5), rng.integers(0, n_answers, 200)
    worker = np.concatenate([rng.choice(25, 5, replace=False) for _ in range(200)])
    right = rng.random(1000) < worth[worker]
    return pair, worker, np.where(right, truth[pair], rng.integers(0, n_answers, 1000))


@pytest.mark.parametrize("n_answers", [2, 3])
def test_others_say_the_same_of_the_same_votes(n_answers):
    pair, worker, answer = made_votes(n_answers, n_answers)
    counts = answer_counts(pair, answer, 200, n_answers)
    quantiles = [[0.025, 0.5, 0.975, 0.3], [0.1, 0.9, 7.1, 300.0], [0.9, 4.0, 2.2, 80.0]]
    votes = np.stack([pair, worker, answer], axis=1).tolist()
    asked = {"votes": votes, "counts": counts.tolist(), "rounds": ROUNDS, "quantiles": quantiles}
    done = subprocess.run([PYTHON, "-c", THEIRS], input=json.dumps(asked), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout)
    for rounds in ROUNDS:
        options: dict[str, Any] = {"first": np.eye(n_answers), "n_workers": 25, "smoothing": 0, "tolerance": -1}
        ours = dawid_skene(pair, worker, answer, most_rounds=rounds, **options)
        assert ours.posterior == pytest.approx(np.array(theirs["rounds"][str(rounds)]), abs=1e-6), rounds
    assert krippendorff_alpha(counts) == pytest.approx(theirs["alpha"], abs=1e-12)
    assert beta_quantile(*map(np.array, quantiles)) == pytest.approx(np.array(theirs["quantiles"]), abs=1e-9)
