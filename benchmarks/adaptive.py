"""Measure the votes that adaptive redundancy saves, and its error, on people's real answers.

    .venv/bin/python -m benchmarks.adaptive [--votes FILE] [--repetitions N]

FILE has the columns image, label, rater and answer (yes, maybe, no; maybe is no yes). Every pair needs many votes,
since the majority of all of them is the truth; those of Beyer et al. 2020 on their control questions have 78. In each
repetition some pairs are drawn as the initial subset, which teaches one table for all classes; every vote, there
and later, is that of a person drawn from those who answered the pair. The yardsticks are the majority of a fixed number
of votes, and the other way to ask again: one more person for a whole grid while one of its cells is unclear.
"""

import argparse
import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numerics.confidence import Decision, StoppingRule, confidence_table, decide

VOTES = Path(__file__).resolve().parents[2] / "shared/released/real_golden_votes.csv.gz"
FEWEST_VOTES = 30
INITIAL_PAIRS = 100
INITIAL_VOTES = 10
CELLS_OF_A_GRID = 48
FIXED = (3, 5, 9)
RULES = [
    StoppingRule(accept=accept, reject=round(1 - accept, 2), min_votes=least, cap=10)
    for accept in (0.9, 0.95, 0.99)
    for least in (1, 3, 5)
]
Votes = NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=Path, default=VOTES, metavar="FILE")
    parser.add_argument("--repetitions", type=int, default=50, metavar="N")
    chosen = parser.parse_args()
    if not chosen.votes.exists():
        parser.error(f"there is no {chosen.votes}; name a file of votes with --votes.")
    pairs = read(chosen.votes)
    if len(pairs) < 2 * INITIAL_PAIRS:
        parser.error(f"{chosen.votes}: {len(pairs)} pairs have {FEWEST_VOTES} votes; {2 * INITIAL_PAIRS} are needed.")
    report(pairs, chosen.repetitions)


def read(path: Path) -> list[Votes]:
    """The votes of each pair that has enough of them, and more on one side than on the other."""
    votes: dict[tuple[str, str], list[bool]] = defaultdict(list)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            votes[row["image"], row["label"]].append(row["answer"] == "yes")
    many = [np.array(of_pair) for of_pair in votes.values() if len(of_pair) >= FEWEST_VOTES]
    return [of_pair for of_pair in many if 2 * of_pair.sum() != of_pair.size]


def report(pairs: list[Votes], repetitions: int) -> None:
    rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for seed in range(repetitions):
        for name, row in repetition(pairs, np.random.default_rng(seed)):
            rows[name].append(row)
    n_measured = len(pairs) - INITIAL_PAIRS
    print(f"{len(pairs)} pairs; {INITIAL_PAIRS} of them teach, {n_measured} are measured; {repetitions} repetitions")
    print(f"{'':44}{'votes a pair':>14}{'wrong %':>10}{'undecided %':>13}")
    for name, results in rows.items():
        votes, wrong, undecided = np.mean(results, axis=0)
        print(f"{name:44}{votes:>14.2f}{100 * wrong:>10.2f}{100 * undecided:>13.2f}")


def repetition(pairs: list[Votes], chance: np.random.Generator) -> list[tuple[str, tuple[float, float, float]]]:
    """(name, (votes a pair, share decided against the majority of all, share left undecided)) of every way to ask."""
    drawn = np.stack([chance.permuted(of_pair)[:INITIAL_VOTES] for of_pair in pairs]).astype(np.int64)
    truth = np.array([2 * of_pair.sum() > of_pair.size for of_pair in pairs])
    order = chance.permutation(len(pairs))
    initial, measured = order[:INITIAL_PAIRS], order[INITIAL_PAIRS:]
    yes = drawn[initial].sum(axis=1)
    p_good = confidence_table(yes, INITIAL_VOTES - yes, INITIAL_VOTES, INITIAL_VOTES).p_good
    results: list[tuple[str, tuple[float, float, float]]] = []
    for n_votes in FIXED:
        good = 2 * drawn[measured, :n_votes].sum(axis=1) > n_votes
        results.append((f"majority of {n_votes}", (n_votes, float(np.mean(good != truth[measured])), 0.0)))
    for rule in RULES:
        name = f"{rule.min_votes} to {rule.cap} votes, {rule.reject:g} to {rule.accept:g}"
        results.append((name, ask_in_rounds(drawn[measured], truth[measured], p_good, rule, cells=1)))
        in_grids = ask_in_rounds(drawn[measured], truth[measured], p_good, rule, cells=CELLS_OF_A_GRID)
        results.append((f"  {name}, whole grids", in_grids))
    return results


def ask_in_rounds(
    drawn: NDArray[np.int64], truth: Votes, p_good: NDArray[np.float64], rule: StoppingRule, cells: int
) -> tuple[float, float, float]:
    """Ask in rounds; with several `cells` to a grid, all of them once more while one of them wants a vote."""
    grid = np.arange(len(drawn)) // cells
    n_votes = np.full(len(drawn), rule.min_votes)
    while True:
        yes = np.array([row[:n].sum() for row, n in zip(drawn, n_votes, strict=True)])
        decisions = decide(yes, n_votes - yes, p_good, rule)
        again = np.isin(grid, grid[decisions == Decision.MORE])
        if not again.any():
            break
        n_votes = n_votes + again
    wrong = decisions == np.where(truth, Decision.REJECT, Decision.ACCEPT)
    return float(n_votes.mean()), float(wrong.mean()), float(np.mean(decisions == Decision.UNDECIDED))


if __name__ == "__main__":
    main()
