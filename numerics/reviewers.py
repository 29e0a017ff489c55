"""Simulated reviewers of known skill, and how often images have the wrong set of labels.

With `numerics.verdicts.expected_error` they check what verdicts of several reviewers are worth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numerics.verdicts import CORRECT, DONT_KNOW, LABEL_STATES, UNCLEAR, VERDICTS, WRONG

# Shares of correct, wrong and unclear among the reviewed predictions of Shankar et al. 2020, as released by TFDS
# (imagenet2012_multilabel 3.0.0): 24,465, 60,555 and 475 of 85,495.
PUBLISHED_PRIOR = np.array([24_465, 60_555, 475]) / 85_495


def skill_of(accuracy: float, *, unclear: float = 0.0, dont_know: float = 0.0) -> NDArray[np.float64]:
    """Return what a reviewer says, given the truth.

    Args:
        accuracy: probability of the right verdict, whatever the truth.
        unclear: probability to call a label unclear that is correct or wrong.
        dont_know: probability of no verdict.

    Returns:
        (3, 4) probabilities of each verdict, given that the truth is correct, wrong or unclear. The rest falls on the
        opposite verdict; of an unclear label, half on each.

    Raises:
        ValueError: a probability is negative, or they sum to more than 1.

    >>> skill_of(0.9, unclear=0.02, dont_know=0.03).round(3).tolist()
    [[0.9, 0.05, 0.02, 0.03], [0.05, 0.9, 0.02, 0.03], [0.035, 0.035, 0.9, 0.03]]
    """
    error = 1 - accuracy - dont_know
    if min(accuracy, unclear, dont_know) < 0 or error - unclear < -1e-12:
        raise ValueError("accuracy, unclear and dont_know are 0 or more, and sum to 1 at most.")
    skill = np.zeros((len(LABEL_STATES), len(VERDICTS)))
    skill[CORRECT, WRONG] = skill[WRONG, CORRECT] = max(0.0, error - unclear)
    skill[[CORRECT, WRONG], UNCLEAR] = unclear
    skill[UNCLEAR, [CORRECT, WRONG]] = error / 2
    np.fill_diagonal(skill, accuracy)
    skill[:, DONT_KNOW] = dont_know
    return skill


def draw_verdicts(
    truth: NDArray[np.integer], skills: NDArray[np.floating], random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw what reviewers say of items, independently of each other.

    Args:
        truth: (N,) CORRECT, WRONG or UNCLEAR.
        skills: (R, 3, 4) as of `skill_of`.
        random: the source of chance.

    Returns:
        (N, R) verdicts.

    >>> draw_verdicts(np.array([CORRECT, WRONG]), np.stack([skill_of(1.0)] * 3), np.random.default_rng(1)).tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    truth, skills = np.asarray(truth, np.int64), np.asarray(skills, np.float64)
    limits = skills.cumsum(axis=2)[:, truth, :-1]
    draws = random.random((len(skills), len(truth), 1))
    verdicts: NDArray[np.int64] = (draws >= limits).sum(axis=2, dtype=np.int64).T
    return verdicts


def count_verdicts(verdicts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count the verdicts on each item.

    Args:
        verdicts: (N, R) verdicts.

    Returns:
        (N, 4) reviewers who say correct, wrong, unclear and don't know.

    >>> count_verdicts(np.array([[0, 0, 1], [3, 2, 2]])).tolist()
    [[2, 1, 0, 0], [0, 0, 2, 1]]
    """
    is_said = np.asarray(verdicts)[:, :, None] == np.arange(len(VERDICTS))
    counts: NDArray[np.int64] = is_said.sum(axis=1, dtype=np.int64)
    return counts


def expected_set_error(item_error: float, n_labels: NDArray[np.integer]) -> float:
    """Compute how often an image has a set of correct labels that is not the true one.

    Args:
        item_error: probability that a label is in the set and should not be, or the other way round
            (`ExpectedError.correct_after`), independently of the other labels.
        n_labels: (I,) reviewed labels of each image.

    Returns:
        The average over the images.

    >>> round(expected_set_error(0.1, np.array([1, 2])), 3)
    0.145
    """
    return float(1 - ((1 - item_error) ** np.asarray(n_labels)).mean())


def wrong_sets(is_correct: NDArray[np.bool_], truth: NDArray[np.integer], image: NDArray[np.integer]) -> float:
    """Return the share of images whose set of correct labels is not the true one.

    Args:
        is_correct: (N,) whether the label is in the set.
        truth: (N,) its true state.
        image: (N,) position of its image; every image from 0 to the last has a label.

    >>> wrong_sets(np.array([True, False, True]), np.array([CORRECT, CORRECT, CORRECT]), np.array([0, 0, 1]))
    0.5
    """
    differs = np.asarray(is_correct) != (np.asarray(truth) == CORRECT)
    return float((np.bincount(np.asarray(image), weights=differs) > 0).mean())
