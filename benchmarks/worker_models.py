#!/usr/bin/env python3
"""Measure agreement and the worker model on released votes: figures beside the published ones, and seconds.

    python benchmarks/worker_models.py FOLDER

The folder has real_votes.csv.gz, real_labels.csv.gz and bluebirds_votes.csv.gz. Files are read before the clock starts.
"""

import argparse
import csv
import gzip
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from numerics.agreement import alpha_with_interval, answer_counts, contradictions, shared_answers  # noqa: E402
from numerics.posterior import decided_otherwise, fit_prior, noise_floor, posterior_of  # noqa: E402
from numerics.raters import presence  # noqa: E402

ANSWERS = {"no": 0, "yes": 1, "maybe": 2}
FILES = ("real_votes.csv.gz", "real_labels.csv.gz", "bluebirds_votes.csv.gz")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        sys.exit(f"{folder} lacks {', '.join(missing)}.")
    measure_real(folder)
    measure_bluebirds(folder)
    measure_a_large_study()


def rows(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def positions(keys):
    """Return the position of each key among the distinct ones, and those."""
    order: dict = {}
    return np.array([order.setdefault(key, len(order)) for key in keys]), list(order)


def timed(name, function):
    begin = time.perf_counter()
    result = function()
    print(f"  {name}: {time.perf_counter() - begin:.2f} s")
    return result


def measure_real(folder):
    votes = rows(folder / "real_votes.csv.gz")
    pair, pairs = positions((vote["image"], int(vote["label"])) for vote in votes)
    worker, workers = positions(vote["rater"] for vote in votes)
    image, _ = positions(name for name, _ in pairs)
    answer = np.array([ANSWERS[vote["answer"]] for vote in votes])
    print(f"ReaL: {len(votes)} votes of {len(workers)} raters on {len(pairs)} pairs")
    counts = answer_counts(pair, answer, len(pairs), 3)
    yes = np.stack([counts[:, 1], counts[:, 0] + counts[:, 2]], axis=1)
    for name, table in (("yes against not yes", yes), ("three answers", counts)):
        alpha = timed(name, lambda table=table: alpha_with_interval(table, image, rng=np.random.default_rng(1)))
        print(f"    alpha {alpha.value:.4f}, 95 % interval {alpha.low:.4f} to {alpha.high:.4f}")
    published = {row["image"]: {int(label) for label in row["labels"].split()} for row in rows(folder / FILES[1])}
    kept = np.array([label in published[name] for name, label in pairs])
    for three in (True, False):
        said = answer if three else (answer == 1).astype(int)
        model = timed(
            f"two states, {'three' if three else 'two'} answers",
            lambda said=said, three=three: presence(pair, worker, said, n_workers=len(workers), three=three),
        )
        agreed = ((model.posterior[:, 1] > 0.8) == kept).mean()
        print(f"    {model.n_rounds} rounds; decisions at 0.8 as published: {agreed:.4f}")
    print(f"    a majority of yes: {((yes[:, 0] >= 3) == kept).mean():.4f}")
    show_floor(yes[:, 0], yes.sum(axis=1))
    timed("matrix of raters", lambda: shared_answers(pair, worker, answer, len(workers), 3))
    label = np.array([index for _, index in pairs])
    two = timed("contradictions", lambda: contradictions(image, label, yes[:, 0], yes.sum(axis=1), 1000))
    worst = ", ".join(f"{two.first[n]} or {two.second[n]} ({two.expected[n]:.1f})" for n in range(5))
    print(f"    most contradictions: {worst}")


def show_floor(n_selected, n_shown):
    prior = fit_prior(n_selected, n_shown)
    timed("posteriors", lambda: posterior_of(n_selected, n_shown, prior))
    floor = noise_floor(n_selected, n_shown, decided_otherwise(n_selected, n_shown, prior))
    print(f"    beta({prior.a:.3f}, {prior.b:.3f}); a second panel decides {floor.otherwise:.1%} otherwise;")
    print(f"    of yes {floor.yes_lost:.1%} would not repeat, of no {floor.no_lost:.1%}")


def measure_bluebirds(folder):
    votes = rows(folder / "bluebirds_votes.csv.gz")
    pair, pairs = positions(vote["image"] for vote in votes)
    worker, workers = positions(vote["worker"] for vote in votes)
    answer = np.array([ANSWERS[vote["answer"]] for vote in votes])
    truths = {vote["image"]: vote["truth"] == "yes" for vote in votes}
    truth = np.array([truths[name] for name in pairs])
    counts = answer_counts(pair, answer, len(pairs), 2)
    print(
        f"Bluebirds: {len(votes)} votes; the majority is right on {((counts[:, 1] > counts[:, 0]) == truth).mean():.4f}"
    )
    model = timed("worker model", lambda: presence(pair, worker, answer, n_workers=len(workers)))
    print(f"    right on {((model.posterior[:, 1] > 0.5) == truth).mean():.4f}")


def measure_a_large_study():
    """Time 1.26 million votes of 2,000 people on 140,000 pairs, nine each."""
    rng = np.random.default_rng(1)
    n_pairs, n_workers = 140_000, 2000
    pair = np.repeat(np.arange(n_pairs), 9)
    # Grids of 48 pairs with nine people each, as in a study.
    grid = pair // 48
    crews = np.argsort(rng.random((grid.max() + 1, n_workers)), axis=1)[:, :9].astype(np.int64)
    worker = crews[grid, np.tile(np.arange(9), n_pairs)]
    truth = rng.random(n_pairs) < 0.2
    skill = rng.uniform(0.6, 0.98, n_workers)
    answer = np.where(rng.random(pair.size) < skill[worker], truth[pair], ~truth[pair]).astype(int)
    print(f"A made-up study: {pair.size} votes of {n_workers} people")
    model = timed("worker model", lambda: presence(pair, worker, answer, n_workers=n_workers))
    print(f"    {model.n_rounds} rounds; right on {((model.posterior[:, 1] > 0.5) == truth).mean():.4f}")
    timed("matrix of workers", lambda: shared_answers(pair, worker, answer, n_workers, 2))
    counts = answer_counts(pair, answer, n_pairs, 2)
    timed("alpha with interval", lambda: alpha_with_interval(counts, rng=np.random.default_rng(1)))


if __name__ == "__main__":
    main()
