"""Find frauds in simulated studies: T24. Prints how many of each kind are flagged, and what rules do to the error.

    .venv/bin/python -m benchmarks.frauds [--seeds 10] [--first 100] [--clearness 1]

Each study has 100 honest and 43 dishonest people, 10,000 pairs, 9 answers a pair and grids of 48 cells, once with 5
positive controls, once with 3 positive and 3 negative. After few grids: each fraud has done 3 grids only, a copycat or
a person with several ids the 6 first that they have in common. The error is the root mean square difference between
the selection frequency and the share of honest people who would select. With rules on, flagged workers are excluded
and, as the site does, the answers that this takes away are asked of other people. The error with frauds known is that
of rules that exclude all frauds and nobody else: chance alone, since nine answers are few.

Thresholds: numerics/workers/thresholds.py. Seeds below 100 were used while the measures were written; those from 100 on
were not.
"""

import argparse
from dataclasses import replace

import numpy as np

from numerics.workers.report import flagged, flags, measure_workers
from numerics.workers.tables import ControlTable, VoteTable
from tests.numerics.frauds import COPYCAT, HONEST, PEOPLE, SEVERAL_IDS, Plan, Study, simulate

FEW, FEW_IN_COMMON = 3, 6
CONTROLS = ((5, 0), (3, 3))
Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--first", type=int, default=100, metavar="SEED")
    parser.add_argument("--clearness", type=float, default=1.0, metavar="X", help="of photographs: 1 is as in ReaL")
    chosen = parser.parse_args()
    for positive, negative in CONTROLS:
        print(f"\n{positive} positive and {negative} negative controls, {chosen.seeds} studies")
        plan = Plan(positive=positive, negative=negative, clearness=chosen.clearness)
        rows = [measured(plan, seed) for seed in range(chosen.first, chosen.first + chosen.seeds)]
        for name in rows[0]:
            values = [row[name] for row in rows]
            print(f"  {name:36}{np.mean(values):8.4f}   ({min(values):.4f} to {max(values):.4f})")


def measured(plan: Plan, seed: int) -> Row:
    """Return the figures of one study."""
    study = simulate(plan, seed)
    all_flags = flags(measure_workers(study.votes, study.controls).measures)
    flags_of_few = flagged(measure_workers(*after_few(study)).measures)
    excluded = np.any(list(all_flags.values()), axis=0)
    row = {f"flagged, {kind}": shares_of(study, excluded)[kind] for kind in PEOPLE}
    row |= {f"flagged after few grids, {kind}": shares_of(study, flags_of_few)[kind] for kind in PEOPLE}
    honest = study.kind == HONEST
    row |= {f"honest flagged by {name}": float(by[honest].mean()) for name, by in all_flags.items()}
    return row | errors(plan, study, excluded, seed)


def shares_of(study: Study, chosen: np.ndarray) -> Row:
    return {kind: float(chosen[study.kind == kind].mean()) for kind in PEOPLE}


def after_few(study: Study) -> tuple[VoteTable, ControlTable]:
    """Return the answers of a study in which frauds have only begun."""
    most = np.select([study.kind == HONEST, np.isin(study.kind, (COPYCAT, SEVERAL_IDS))], [10**9, FEW_IN_COMMON], FEW)
    votes, controls = study.votes, study.controls
    kept = study.control_turn < most[controls.worker]
    columns = (controls.worker[kept], controls.control[kept], controls.expected[kept], controls.answer[kept])
    return votes.rows(study.turn < most[votes.worker]), ControlTable(*columns, controls.n_workers)


def errors(plan: Plan, study: Study, excluded: np.ndarray, seed: int) -> Row:
    rng = np.random.default_rng(seed + 1_000_000)
    honest_only = simulate(replace(plan, people={HONEST: plan.people[HONEST]}), seed)
    off = error(study, study.votes.pair, study.votes.answer)
    on, once = (error(study, *votes_of(plan, study, excluded, rng, again=again)) for again in (True, False))
    ideal = error(study, *votes_of(plan, study, study.kind != HONEST, rng, again=True))
    without = error(honest_only, honest_only.votes.pair, honest_only.votes.answer)
    return {
        "error, rules off": off,
        "error, rules on": on,
        "error, rules on, not asked again": once,
        "error, frauds known": ideal,
        "error, no fraud": without,
        "rules on / rules off": on / off,
        "frauds known / rules off": ideal / off,
        "rules on / no fraud": on / without,
    }


def votes_of(
    plan: Plan, study: Study, excluded: np.ndarray, rng: np.random.Generator, *, again: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return pair and answer of the votes that are left, with those of other honest people until none is missing."""
    kept = ~excluded[study.votes.worker]
    pair, answer = study.votes.pair[kept], study.votes.answer[kept]
    if not again:
        return pair, answer
    missing = np.repeat(np.arange(plan.n_pairs), plan.answers - np.bincount(pair, minlength=plan.n_pairs))
    people = np.flatnonzero((study.kind == HONEST) & ~excluded)
    chance = study.honest[rng.choice(people, missing.size), missing]
    return np.concatenate([pair, missing]), np.concatenate([answer, rng.random(missing.size) < chance])


def error(study: Study, pair: np.ndarray, answer: np.ndarray) -> float:
    n = np.bincount(pair, minlength=study.frequency.size)
    share = np.bincount(pair, answer, study.frequency.size)[n > 0] / n[n > 0]
    return float(np.sqrt(np.mean((share - study.frequency[n > 0]) ** 2)))


if __name__ == "__main__":
    main()
