"""Verdicts of several reviewers on predictions: final states, label sets, and what a second review changed.

Source: Shankar et al. 2020, sections 3 and 4.3. States are whole numbers, so that arrays hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.floating]

# The four verdicts are also the columns of counts; the other two are states that no reviewer says.
CORRECT, WRONG, UNCLEAR, DONT_KNOW, UNREVIEWED, DISPUTED = range(6)
VERDICTS = ("correct", "wrong", "unclear", "dontknow")
STATES = (*VERDICTS, "unreviewed", "disputed")
# The states of the release, in its order; a label in dispute is unclear there: experts reached no consensus.
LABEL_STATES = ("correct", "wrong", "unclear")


def final_states(counts: IntArray, settled: IntArray, n_reviewers: int) -> NDArray[np.int64]:
    """Decide the state of each item from its reviewers' verdicts and from the consensus, if there was one.

    The consensus wins. Otherwise, once `n_reviewers` gave a verdict, it is the verdict of all who know; reviewers who
    differ, or who all do not know, leave it DISPUTED. Before that it is UNREVIEWED, also where two differ already:
    a dispute would tell the reviewers still to come what others said.

    Args:
        counts: (N, 4) reviewers who say correct, wrong, unclear and don't know.
        settled: (N,) CORRECT, WRONG or UNCLEAR by consensus; UNREVIEWED where there is none.
        n_reviewers: verdicts wanted for each item, 1 or more.

    Returns:
        (N,) states: CORRECT, WRONG, UNCLEAR, UNREVIEWED or DISPUTED.

    Raises:
        ValueError: shapes differ, a count is negative, or a settled state is another.

    Source: Shankar et al. 2020, section 3; “unclear: no consensus” as in TFDS' imagenet2012_multilabel.

    >>> counts = np.array([[2, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 2], [1, 0, 0, 0], [1, 1, 0, 0]])
    >>> settled = np.array([4, 4, 4, 4, 4, 1])
    >>> [STATES[state] for state in final_states(counts, settled, 2)]
    ['correct', 'disputed', 'correct', 'disputed', 'unreviewed', 'wrong']
    """
    counts, settled = np.asarray(counts, np.int64).reshape(-1, len(VERDICTS)), np.asarray(settled, np.int64)
    _check_states(counts, settled, n_reviewers)
    agreed = (counts[:, :DONT_KNOW] > 0).sum(axis=1) == 1
    states = np.where(agreed, counts[:, :DONT_KNOW].argmax(axis=1), DISPUTED)
    states = np.where(counts.sum(axis=1) >= n_reviewers, states, UNREVIEWED)
    return np.where(settled == UNREVIEWED, states, settled).astype(np.int64)


def _check_states(counts: IntArray, settled: IntArray, n_reviewers: int) -> None:
    if settled.shape != (len(counts),):
        raise ValueError(f"{len(counts)} items have counts, but settled has shape {settled.shape}; pass one for each.")
    if (counts < 0).any():
        raise ValueError("A count is negative; pass the number of reviewers with each verdict.")
    if not np.isin(settled, (CORRECT, WRONG, UNCLEAR, UNREVIEWED)).all():
        raise ValueError("A settled state is none of CORRECT, WRONG, UNCLEAR and UNREVIEWED.")
    if n_reviewers < 1:
        raise ValueError(f"n_reviewers is {n_reviewers}; pass 1 or more.")


def problematic_images(n_marks: IntArray, n_reviewers: IntArray) -> BoolArray:
    """Decide which images are problematic: at least half of the reviewers who took part marked them.

    Args:
        n_marks: (I,) reviewers who marked the image, for whatever reason.
        n_reviewers: (I,) reviewers who took part in its page.

    Returns:
        (I,) whether the image is problematic.

    Raises:
        ValueError: shapes differ, a count is negative, or more marked an image than took part.

    Source: the reasons of TFDS' imagenet2012_multilabel; a tie counts as problematic, since the image is in doubt.

    >>> problematic_images(np.array([0, 1, 1, 2]), np.array([2, 2, 3, 3])).tolist()
    [False, True, False, True]
    """
    n_marks, n_reviewers = np.asarray(n_marks, np.int64), np.asarray(n_reviewers, np.int64)
    if n_marks.shape != n_reviewers.shape:
        raise ValueError("Each image needs its marks and its reviewers; pass two arrays of the same length.")
    if (n_marks < 0).any() or (n_marks > n_reviewers).any():
        raise ValueError("An image has more marks than reviewers, or fewer than none.")
    return (n_marks > 0) & (2 * n_marks >= n_reviewers)


def label_sets(image: IntArray, label: IntArray, states: IntArray, n_images: int) -> list[dict[str, list[int]]]:
    """Gather the labels of each image by their final states, in the keys of the release.

    Args:
        image: (N,) position of each item's image, from 0 to n_images - 1.
        label: (N,) index of each item's label.
        states: (N,) final states; a label in DISPUTED is unclear, one in UNREVIEWED or DONT_KNOW is left out.
        n_images: images, those without an item included.

    Returns:
        For each image a dict of correct, wrong and unclear with label indexes in ascending order; empty keys are
        absent.

    Raises:
        ValueError: the arrays differ in length, or an image is out of range.

    Source: `image_labels` of Shankar et al. 2020, human_accuracy.pickle.

    >>> label_sets(np.array([0, 0, 2, 2]), np.array([7, 3, 3, 5]), np.array([CORRECT, CORRECT, WRONG, DISPUTED]), 3)
    [{'correct': [3, 7]}, {}, {'wrong': [3], 'unclear': [5]}]
    """
    image, label, states = _items(image, label, states, n_images=n_images)
    states = np.where(states == DISPUTED, UNCLEAR, states)
    order = np.lexsort((label, states, image))
    order = order[np.isin(states[order], (CORRECT, WRONG, UNCLEAR))]
    sets: list[dict[str, list[int]]] = [{} for _ in range(n_images)]
    for row in order:
        sets[image[row]].setdefault(LABEL_STATES[states[row]], []).append(int(label[row]))
    return sets


def _items(*columns: IntArray, n_images: int) -> list[NDArray[np.int64]]:
    """Return the columns of items as arrays, the first of which holds positions of images."""
    arrays = [np.asarray(column, np.int64) for column in columns]
    if any(array.shape != arrays[0].shape or array.ndim != 1 for array in arrays):
        raise ValueError("Items need one value in each array; pass one-dimensional arrays of the same length.")
    if ((arrays[0] < 0) | (arrays[0] >= n_images)).any():
        raise ValueError(f"An image is out of range; positions go from 0 to {n_images - 1}.")
    return arrays


@dataclass(frozen=True)
class Outcome:
    """The changes that a second review made to the labels of each image: (I,) flags.

    `added`: a label is correct that had no state before. `modified`: a label has another state than before. An image
    can be both, and is counted in both, as in the paper; it is `unchanged` if it is neither. `waiting` images have a
    label without a final state yet, and are none of the three.
    """

    unchanged: BoolArray
    added: BoolArray
    modified: BoolArray
    waiting: BoolArray


def outcome_of_second_review(image: IntArray, before: IntArray, after: IntArray, n_images: int) -> Outcome:
    """Compare the states of labels before and after a second review.

    Args:
        image: (N,) position of each item's image, from 0 to n_images - 1.
        before: (N,) final state in the first review; UNREVIEWED where it has no such item, or none was reached.
        after: (N,) final state in the second review; UNREVIEWED where it waits for reviewers.
        n_images: images, those without an item included: they are unchanged.

    Returns:
        The flags of each image. A dispute is the state unclear before, and waits for consensus after.

    Raises:
        ValueError: the arrays differ in length, or an image is out of range.

    Source: Shankar et al. 2020, section 4.3 (1,320 unchanged, 531 added, 239 modified, of 2,000 images).

    >>> image = np.array([0, 0, 1, 1, 2])
    >>> before = np.array([CORRECT, WRONG, CORRECT, UNREVIEWED, WRONG])
    >>> after = np.array([CORRECT, WRONG, WRONG, CORRECT, UNREVIEWED])
    >>> outcome = outcome_of_second_review(image, before, after, 3)
    >>> outcome.unchanged.tolist(), outcome.added.tolist(), outcome.modified.tolist(), outcome.waiting.tolist()
    ([True, False, False], [False, True, False], [False, True, False], [False, False, True])
    """
    image, before, after = _items(image, before, after, n_images=n_images)
    before = np.where(before == DISPUTED, UNCLEAR, before)
    is_new = np.isin(before, (UNREVIEWED, DONT_KNOW))
    waiting = _any_item(image, np.isin(after, (UNREVIEWED, DONT_KNOW, DISPUTED)), n_images)
    added = _any_item(image, is_new & (after == CORRECT), n_images) & ~waiting
    modified = _any_item(image, ~is_new & (after != before), n_images) & ~waiting
    return Outcome(unchanged=~(added | modified | waiting), added=added, modified=modified, waiting=waiting)


def _any_item(image: NDArray[np.int64], flags: BoolArray, n_images: int) -> BoolArray:
    return np.bincount(image[flags], minlength=n_images).astype(bool)


# What reviewers of known skill are expected to do


def settle_by_plurality(counts: IntArray) -> NDArray[np.int64]:
    """Settle each item as most of those reviewers say who know; ties, and items that nobody knows, are UNCLEAR.

    Args:
        counts: (N, 4) reviewers who say correct, wrong, unclear and don't know.

    Returns:
        (N,) CORRECT, WRONG or UNCLEAR.

    >>> settle_by_plurality(np.array([[3, 2, 0, 0], [2, 2, 1, 0], [0, 1, 0, 4], [0, 0, 0, 5]])).tolist()
    [0, 2, 1, 2]
    """
    judged = np.asarray(counts, np.int64).reshape(-1, len(VERDICTS))[:, :DONT_KNOW]
    is_most = judged == judged.max(axis=1, keepdims=True)
    return np.where(is_most.sum(axis=1) == 1, is_most.argmax(axis=1), UNCLEAR).astype(np.int64)


def distribution_of_counts(skills: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Compute how probable each outcome of a count of verdicts is, reviewers being independent of each other.

    Args:
        skills: (R, T, 4) probability that a reviewer says each verdict, given the truth.

    Returns:
        counts (C, 4): all ways to count R verdicts; probability (T, C) of each, given the truth.

    Raises:
        ValueError: the shape is another, or a row is no distribution.

    >>> counts, probability = distribution_of_counts(np.array([[[0.75, 0.25, 0, 0]], [[0.5, 0.5, 0, 0]]]))
    >>> {tuple(c): p for c, p in zip(counts[:, :2].tolist(), probability[0].tolist()) if p}
    {(2, 0): 0.375, (1, 1): 0.5, (0, 2): 0.125}
    """
    skills = np.asarray(skills, np.float64)
    if skills.ndim != 3 or skills.shape[2] != len(VERDICTS):
        raise ValueError(f"skills has shape {skills.shape}; pass (reviewers, truths, 4).")
    if (skills < 0).any() or not np.allclose(skills.sum(axis=2), 1):
        raise ValueError("Each reviewer's verdicts on a truth need probabilities of 0 or more that sum to 1.")
    so_far: dict[tuple[int, ...], NDArray[np.float64]] = {(0,) * len(VERDICTS): np.ones(skills.shape[1])}
    for skill in skills:
        longer: dict[tuple[int, ...], NDArray[np.float64]] = {}
        for count, probability in so_far.items():
            for verdict in range(len(VERDICTS)):
                further = (*count[:verdict], count[verdict] + 1, *count[verdict + 1 :])
                longer[further] = longer.get(further, 0) + probability * skill[:, verdict]
        so_far = longer
    return np.array(list(so_far), np.int64), np.stack(list(so_far.values()), axis=1)


@dataclass(frozen=True)
class ExpectedError:
    """Probabilities that reviewers of known skill bring about.

    `disputed`: that an item goes to consensus. `before`, `after`: that it is in the wrong set of labels, with disputes
    left unclear, and with disputes settled by plurality. `correct_before`, `correct_after`: that it is in the set of
    correct labels and should not be, or the other way round.
    """

    disputed: float
    before: float
    after: float
    correct_before: float
    correct_after: float


def expected_error(skills: FloatArray, prior: FloatArray) -> ExpectedError:
    """Compute how often the label sets of reviewers of known skill are wrong about an item.

    Args:
        skills: (R, 3, 4) probability that a reviewer says each verdict, given that the truth is correct, wrong or
            unclear.
        prior: (3,) how often each is the truth.

    Returns:
        Probabilities for one item, before and after consensus.

    Raises:
        ValueError: a shape is another, or a row is no distribution.

    Source: exact, by the distribution of counts of independent verdicts.

    >>> sure = np.array([[0.9, 0.1, 0, 0], [0.1, 0.9, 0, 0], [0, 0, 1, 0]])
    >>> error = expected_error(np.stack([sure] * 3), np.array([0.5, 0.5, 0]))
    >>> round(error.disputed, 4), round(error.before, 4), round(error.after, 4)
    (0.27, 0.271, 0.028)
    """
    prior = np.asarray(prior, np.float64)
    counts, probability = distribution_of_counts(skills)
    if (
        probability.shape[0] != len(LABEL_STATES)
        or prior.shape != (len(LABEL_STATES),)
        or not np.isclose(prior.sum(), 1)
    ):
        raise ValueError("skills and prior need the truths correct, wrong and unclear, and prior sums to 1.")
    joint = probability * prior[:, None]
    truth = np.arange(len(LABEL_STATES))[:, None]
    states = final_states(counts, np.full(len(counts), UNREVIEWED), len(skills))
    is_disputed = states == DISPUTED
    before = np.where(is_disputed, UNCLEAR, states)
    after = np.where(is_disputed, settle_by_plurality(counts), states)
    return ExpectedError(
        disputed=float(joint[:, is_disputed].sum()),
        before=float(joint[before != truth].sum()),
        after=float(joint[after != truth].sum()),
        correct_before=float(joint[(before == CORRECT) != (truth == CORRECT)].sum()),
        correct_after=float(joint[(after == CORRECT) != (truth == CORRECT)].sum()),
    )
