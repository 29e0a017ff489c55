"""Final states of items, label sets, and the outcome of a second review: by hand, and against plain loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.verdicts import (
    CORRECT,
    DISPUTED,
    DONT_KNOW,
    UNCLEAR,
    UNREVIEWED,
    WRONG,
    distribution_of_counts,
    expected_error,
    final_states,
    label_sets,
    outcome_of_second_review,
    problematic_images,
    settle_by_plurality,
)

# Reviewers' verdicts on one item, of `n_reviewers`, with the consensus if any, and its state.
BY_HAND = [
    ([], 1, UNREVIEWED, UNREVIEWED),
    ([CORRECT], 1, UNREVIEWED, CORRECT),
    ([CORRECT], 2, UNREVIEWED, UNREVIEWED),
    ([WRONG, WRONG], 2, UNREVIEWED, WRONG),
    ([UNCLEAR, UNCLEAR], 2, UNREVIEWED, UNCLEAR),
    ([CORRECT, WRONG], 2, UNREVIEWED, DISPUTED),
    # A difference shows only when the last of them has judged.
    ([CORRECT, WRONG], 3, UNREVIEWED, UNREVIEWED),
    ([CORRECT, UNCLEAR], 2, UNREVIEWED, DISPUTED),
    # Who does not know takes part, and leaves it to the others.
    ([CORRECT, DONT_KNOW], 2, UNREVIEWED, CORRECT),
    ([WRONG, WRONG, DONT_KNOW], 3, UNREVIEWED, WRONG),
    ([CORRECT, WRONG, DONT_KNOW], 3, UNREVIEWED, DISPUTED),
    ([DONT_KNOW], 1, UNREVIEWED, DISPUTED),
    ([DONT_KNOW, DONT_KNOW], 2, UNREVIEWED, DISPUTED),
    ([DONT_KNOW, DONT_KNOW], 3, UNREVIEWED, UNREVIEWED),
    # One reviewer more than wanted.
    ([CORRECT, CORRECT, WRONG], 2, UNREVIEWED, DISPUTED),
    # The consensus wins over all.
    ([CORRECT, WRONG], 2, CORRECT, CORRECT),
    ([CORRECT, WRONG], 2, UNCLEAR, UNCLEAR),
    ([CORRECT, CORRECT], 2, WRONG, WRONG),
    ([], 2, WRONG, WRONG),
]


def counts_of(verdicts):
    return [verdicts.count(verdict) for verdict in range(4)]


@pytest.mark.parametrize(("verdicts", "n_reviewers", "settled", "state"), BY_HAND)
def test_the_final_state_by_hand(verdicts, n_reviewers, settled, state):
    assert final_states(np.array([counts_of(verdicts)]), np.array([settled]), n_reviewers).tolist() == [state]


def plain_state(verdicts, settled, n_reviewers):
    if settled != UNREVIEWED:
        return settled
    if len(verdicts) < n_reviewers:
        return UNREVIEWED
    answers = {verdict for verdict in verdicts if verdict != DONT_KNOW}
    return answers.pop() if len(answers) == 1 else DISPUTED


item = st.tuples(
    st.lists(st.sampled_from([CORRECT, WRONG, UNCLEAR, DONT_KNOW]), max_size=6),
    st.sampled_from([CORRECT, WRONG, UNCLEAR, UNREVIEWED, UNREVIEWED, UNREVIEWED]),
)


@given(st.lists(item, max_size=12), st.integers(1, 5))
def test_the_final_states_are_those_of_a_plain_loop(items, n_reviewers):
    counts = np.array([counts_of(verdicts) for verdicts, _ in items]).reshape(-1, 4)
    states = final_states(counts, np.array([settled for _, settled in items], int), n_reviewers)
    assert states.tolist() == [plain_state(verdicts, settled, n_reviewers) for verdicts, settled in items]


@pytest.mark.parametrize(
    ("counts", "settled", "n_reviewers", "message"),
    [
        ([[1, 0, 0, 0]], [UNREVIEWED, UNREVIEWED], 1, "one for each"),
        ([[-1, 0, 0, 0]], [UNREVIEWED], 1, "negative"),
        ([[1, 0, 0, 0]], [DISPUTED], 1, "settled state"),
        ([[1, 0, 0, 0]], [DONT_KNOW], 1, "settled state"),
        ([[1, 0, 0, 0]], [UNREVIEWED], 0, "1 or more"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, settled, n_reviewers, message):
    with pytest.raises(ValueError, match=message):
        final_states(np.array(counts), np.array(settled), n_reviewers)


def test_half_of_the_reviewers_make_an_image_problematic():
    n_marks, n_reviewers = np.array([0, 0, 1, 1, 1, 2, 2, 3]), np.array([0, 1, 1, 2, 3, 3, 5, 5])
    expected = [False, False, True, True, False, True, False, True]
    assert problematic_images(n_marks, n_reviewers).tolist() == expected
    with pytest.raises(ValueError, match="more marks than reviewers"):
        problematic_images(np.array([2]), np.array([1]))
    with pytest.raises(ValueError, match="same length"):
        problematic_images(np.array([2]), np.array([1, 2]))


def test_label_sets_have_the_keys_of_the_release_and_leave_out_empty_ones():
    image = np.array([2, 0, 0, 0, 0, 0, 2])
    label = np.array([9, 8, 1, 5, 4, 3, 2])
    states = np.array([WRONG, CORRECT, CORRECT, UNCLEAR, DISPUTED, UNREVIEWED, DONT_KNOW])
    assert label_sets(image, label, states, 3) == [{"correct": [1, 8], "unclear": [4, 5]}, {}, {"wrong": [9]}]
    assert label_sets(np.array([], int), np.array([], int), np.array([], int), 1) == [{}]


items_of_images = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 5), st.integers(0, 5)),
    unique_by=lambda row: row[:2],
    max_size=20,
)


@given(items_of_images)
def test_label_sets_are_those_of_a_plain_loop(rows):
    image, label, states, _ = np.array(rows, int).reshape(-1, 4).T
    sets = label_sets(image, label, states, 5)
    for picture in range(5):
        words = {CORRECT: "correct", WRONG: "wrong", UNCLEAR: "unclear", DISPUTED: "unclear"}
        expected: dict[str, list[int]] = {}
        for row_image, row_label, state, _ in sorted(rows):
            if row_image == picture and state in words:
                expected.setdefault(words[state], []).append(row_label)
        assert sets[picture] == expected


# Twelve images: (before, after) of each label, and what became of the image.
TWELVE = [
    ([(CORRECT, CORRECT)], "unchanged"),
    ([(CORRECT, CORRECT), (WRONG, WRONG), (UNCLEAR, UNCLEAR)], "unchanged"),
    # A label that people gave, which is wrong, changes nothing; neither does one that is unclear.
    ([(CORRECT, CORRECT), (UNREVIEWED, WRONG)], "unchanged"),
    ([(CORRECT, CORRECT), (UNREVIEWED, UNCLEAR)], "unchanged"),
    ([(CORRECT, CORRECT), (UNREVIEWED, CORRECT)], "added"),
    ([(CORRECT, WRONG), (WRONG, WRONG)], "modified"),
    ([(WRONG, CORRECT)], "modified"),
    ([(CORRECT, UNCLEAR)], "modified"),
    ([(CORRECT, WRONG), (UNREVIEWED, CORRECT)], "added modified"),
    # A dispute of the first review was unclear in its label sets.
    ([(DISPUTED, UNCLEAR), (CORRECT, CORRECT)], "unchanged"),
    ([(DISPUTED, CORRECT), (CORRECT, CORRECT)], "modified"),
    # A dispute of the second one waits for consensus, and so does what nobody judged.
    ([(CORRECT, WRONG), (CORRECT, DISPUTED), (UNREVIEWED, CORRECT)], "waiting"),
]


def outcome_of(images):
    rows = [(n, before, after) for n, (labels, _) in enumerate(images) for before, after in labels]
    image, before, after = (np.array(column) for column in zip(*rows, strict=True))
    return outcome_of_second_review(image, before, after, len(images))


def test_the_outcome_of_twelve_images_by_hand():
    outcome = outcome_of(TWELVE)
    flags = {
        "unchanged": outcome.unchanged,
        "added": outcome.added,
        "modified": outcome.modified,
        "waiting": outcome.waiting,
    }
    words = [" ".join(word for word, flag in flags.items() if flag[n]) for n in range(len(TWELVE))]
    assert words == [word for _, word in TWELVE]
    # As in the paper, where 1,320 + 531 + 239 are more than 2,000.
    assert [int(flag.sum()) for flag in flags.values()] == [5, 2, 5, 1]


def plain_outcome(labels):
    if any(after in (UNREVIEWED, DONT_KNOW, DISPUTED) for _, after in labels):
        return {"waiting"}
    words = set()
    for before, after in labels:
        was = UNCLEAR if before == DISPUTED else before
        if was in (UNREVIEWED, DONT_KNOW):
            words |= {"added"} if after == CORRECT else set()
        elif was != after:
            words.add("modified")
    return words or {"unchanged"}


@given(items_of_images)
def test_the_outcome_is_that_of_a_plain_loop(rows):
    image = np.array([row[0] for row in rows], int)
    before, after = (np.array([row[column] for row in rows], int) for column in (2, 3))
    outcome = outcome_of_second_review(image, before, after, 5)
    for picture in range(5):
        words = {name for name in ("unchanged", "added", "modified", "waiting") if getattr(outcome, name)[picture]}
        assert words == plain_outcome([row[2:] for row in rows if row[0] == picture])


def test_items_out_of_range_are_refused():
    with pytest.raises(ValueError, match="out of range"):
        label_sets(np.array([1]), np.array([0]), np.array([0]), 1)
    with pytest.raises(ValueError, match="same length"):
        outcome_of_second_review(np.array([0, 0]), np.array([0]), np.array([0, 0]), 1)


def test_plurality_is_of_those_who_know():
    counts = np.array([[3, 2, 0, 0], [2, 2, 1, 0], [0, 1, 0, 4], [0, 0, 0, 5], [1, 1, 3, 0]])
    assert settle_by_plurality(counts).tolist() == [CORRECT, UNCLEAR, WRONG, UNCLEAR, UNCLEAR]


def plain_error(skills, prior):
    """Go through every combination of verdicts, one by one."""
    disputed = before = after = correct_before = correct_after = 0.0
    for truth, verdicts in itertools.product(range(3), itertools.product(range(4), repeat=len(skills))):
        weight = prior[truth] * np.prod(
            [skill[truth][verdict] for skill, verdict in zip(skills, verdicts, strict=True)]
        )
        state = plain_state(verdicts, UNREVIEWED, len(skills))
        judged = [verdicts.count(verdict) for verdict in range(3)]
        plurality = judged.index(max(judged)) if judged.count(max(judged)) == 1 else UNCLEAR
        first = UNCLEAR if state == DISPUTED else state
        last = plurality if state == DISPUTED else state
        disputed += weight * (state == DISPUTED)
        before, after = before + weight * (first != truth), after + weight * (last != truth)
        correct_before += weight * ((first == CORRECT) != (truth == CORRECT))
        correct_after += weight * ((last == CORRECT) != (truth == CORRECT))
    return disputed, before, after, correct_before, correct_after


@pytest.mark.parametrize("n_reviewers", [1, 2, 3, 5])
def test_the_expected_error_is_that_of_all_combinations(n_reviewers):
    random = np.random.default_rng(n_reviewers)
    skills = random.dirichlet([1, 1, 1, 1], (n_reviewers, 3))
    prior = random.dirichlet([1, 1, 1])
    error = expected_error(skills, prior)
    plain = plain_error(skills, prior)
    assert (error.disputed, error.before, error.after, error.correct_before, error.correct_after) == pytest.approx(
        plain
    )


def test_consensus_of_five_good_reviewers_helps_and_of_one_changes_nothing():
    skill = np.array([[0.92, 0.05, 0.02, 0.01], [0.04, 0.94, 0.01, 0.01], [0.2, 0.2, 0.55, 0.05]])
    prior = np.array([0.28, 0.71, 0.01])
    single, five = expected_error(skill[None], prior), expected_error(np.stack([skill] * 5), prior)
    assert single.before == single.after
    assert five.after < single.after < five.before


def test_the_distribution_of_counts_is_one_for_each_truth():
    skills = np.random.default_rng(3).dirichlet([1, 2, 3, 1], (4, 3))
    counts, probability = distribution_of_counts(skills)
    assert (counts.sum(axis=1) == 4).all() and len({tuple(count) for count in counts}) == len(counts) == 35
    assert probability.sum(axis=1) == pytest.approx(1)
    with pytest.raises(ValueError, match="sum to 1"):
        distribution_of_counts(skills * 2)
    with pytest.raises(ValueError, match="reviewers, truths, 4"):
        distribution_of_counts(skills[:, :, :3])
    with pytest.raises(ValueError, match="correct, wrong and unclear"):
        expected_error(skills, np.array([0.5, 0.5]))
