"""Compare the label sets of five simulated reviewers of known skill with what a calculation from their skills predicts.

    .venv/bin/python -m benchmarks.reviewers [--images N] [--seed N]

Images have 1 to 9 reviewed labels, 4.27 on average as published, and truths have the shares of Shankar et al. 2020.
Reviewers judge independently; disputes are settled by plurality, as reviewers who see each other's verdicts would do
at least. For each panel the report gives the share of labels in the wrong set and the share of images whose set of
correct labels is wrong: observed, expected, and their difference in standard errors.
"""

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numerics.reviewers import (
    PUBLISHED_PRIOR,
    count_verdicts,
    draw_verdicts,
    expected_set_error,
    skill_of,
    wrong_sets,
)
from numerics.verdicts import CORRECT, DISPUTED, UNCLEAR, UNREVIEWED, expected_error, final_states, settle_by_plurality

MEAN_LABELS = 4.27
MOST_LABELS = 9
# From a new reviewer to one with three months of practice.
REVIEWERS = np.stack(
    [
        skill_of(0.88, unclear=0.03, dont_know=0.04),
        skill_of(0.92, unclear=0.02, dont_know=0.02),
        skill_of(0.94, unclear=0.02, dont_know=0.01),
        skill_of(0.95, unclear=0.01, dont_know=0.01),
        skill_of(0.97, unclear=0.01),
    ]
)
PANELS = {
    "the first": [0],
    "the middle one": [2],
    "the best": [4],
    "the middle three": [1, 2, 3],
    "all five": [*range(5)],
}


class Measured(NamedTuple):
    """Shares of a simulated review."""

    disputed: float
    items_before: float
    items_after: float
    sets_before: float
    sets_after: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_683, metavar="N")
    parser.add_argument("--seed", type=int, default=2, metavar="N")
    chosen = parser.parse_args()
    random = np.random.default_rng(chosen.seed)
    n_labels = 1 + random.binomial(MOST_LABELS - 1, (MEAN_LABELS - 1) / (MOST_LABELS - 1), chosen.images)
    image = np.repeat(np.arange(chosen.images), n_labels)
    truth = random.choice(3, len(image), p=PUBLISHED_PRIOR)
    print(f"{chosen.images:,} images, {len(image):,} labels; share in percent, (difference in standard errors)")
    print(
        f"{'panel':18}{'disputed':>10}{'labels wrong: before':>28}{'after':>24}{'sets wrong: before':>26}{'after':>24}"
    )
    for name, members in PANELS.items():
        report(name, REVIEWERS[members], truth, image, n_labels, random)


def report(
    name: str,
    skills: NDArray[np.float64],
    truth: NDArray[np.int64],
    image: NDArray[np.int64],
    n_labels: NDArray[np.int64],
    random: np.random.Generator,
) -> None:
    measured = simulate(skills, truth, image, random)
    error = expected_error(skills, PUBLISHED_PRIOR)
    pairs = [
        (measured.items_before, error.before, len(image)),
        (measured.items_after, error.after, len(image)),
        (measured.sets_before, expected_set_error(error.correct_before, n_labels), len(n_labels)),
        (measured.sets_after, expected_set_error(error.correct_after, n_labels), len(n_labels)),
    ]
    cells = [f"{100 * seen:.2f} of {100 * due:.2f} ({standard_errors(seen, due, n):+.1f})" for seen, due, n in pairs]
    print(f"{name:18}{100 * measured.disputed:>10.1f}{cells[0]:>28}{cells[1]:>24}{cells[2]:>26}{cells[3]:>24}")


def standard_errors(observed: float, expected: float, n: int) -> float:
    return float((observed - expected) / np.sqrt(expected * (1 - expected) / n))


def simulate(
    skills: NDArray[np.float64], truth: NDArray[np.int64], image: NDArray[np.int64], random: np.random.Generator
) -> Measured:
    counts = count_verdicts(draw_verdicts(truth, skills, random))
    states = final_states(counts, np.full(len(counts), UNREVIEWED), len(skills))
    is_disputed = states == DISPUTED
    before = np.where(is_disputed, UNCLEAR, states)
    after = final_states(counts, np.where(is_disputed, settle_by_plurality(counts), UNREVIEWED), len(skills))
    return Measured(
        float(is_disputed.mean()),
        float((before != truth).mean()),
        float((after != truth).mean()),
        wrong_sets(before == CORRECT, truth, image),
        wrong_sets(after == CORRECT, truth, image),
    )


if __name__ == "__main__":
    main()
