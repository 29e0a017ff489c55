"""Laws that final states, label sets and outcomes keep for any verdicts: order, monotony, and what nobody said."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.verdicts import (
    CORRECT,
    DISPUTED,
    DONT_KNOW,
    LABEL_STATES,
    STATES,
    UNCLEAR,
    UNREVIEWED,
    VERDICTS,
    WRONG,
    Outcome,
    distribution_of_counts,
    expected_error,
    final_states,
    label_sets,
    outcome_of_second_review,
    problematic_images,
    settle_by_plurality,
)

counts_of_an_item = st.lists(st.integers(0, 6), min_size=4, max_size=4)
items = st.lists(counts_of_an_item, min_size=1, max_size=20)
rows_of_images = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)),
    unique_by=lambda row: row[:2],
    max_size=25,
)
FLAGS = ("unchanged", "added", "modified", "waiting")


def unsettled(n: int) -> np.ndarray:
    return np.full(n, UNREVIEWED)


def columns(rows: list[tuple[int, ...]], width: int) -> list[np.ndarray]:
    table = np.array(rows, np.int64).reshape(-1, width)
    return list(table.T)


def flags_of(outcome: Outcome) -> dict[str, list[bool]]:
    return {name: getattr(outcome, name).tolist() for name in FLAGS}


# Final states


@given(items, st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_state_does_not_depend_on_the_other_items(counts, n_reviewers, seed):
    table = np.array(counts)
    states = final_states(table, unsettled(len(table)), n_reviewers)
    order = np.random.default_rng(seed).permutation(len(table))
    assert final_states(table[order], unsettled(len(table)), n_reviewers).tolist() == states[order].tolist()
    alone = [final_states(row[None], unsettled(1), n_reviewers)[0] for row in table]
    assert states.tolist() == alone


@given(items, st.integers(1, 8), st.sampled_from([CORRECT, WRONG, UNCLEAR]))
def test_a_consensus_stands_whatever_reviewers_say(counts, n_reviewers, settled):
    table = np.array(counts)
    states = final_states(table, np.full(len(table), settled), n_reviewers)
    assert set(states.tolist()) == {settled}


@given(counts_of_an_item, st.integers(1, 8))
def test_more_reviewers_wanted_can_only_leave_an_item_unreviewed(counts, n_reviewers):
    table = np.array([counts])
    (fewer,), (more,) = (final_states(table, unsettled(1), n) for n in (n_reviewers, n_reviewers + 1))
    assert more in (fewer, UNREVIEWED)
    assert fewer != UNREVIEWED or more == UNREVIEWED


@given(counts_of_an_item, st.integers(1, 8), st.integers(0, 3))
def test_a_further_verdict_never_ends_a_dispute_unless_nobody_knew(counts, n_reviewers, verdict):
    further = list(counts)
    further[verdict] += 1
    before, after = final_states(np.array([counts, further]), unsettled(2), n_reviewers)
    nobody_knew = not any(counts[:DONT_KNOW])
    if before == DISPUTED and not nobody_knew:
        assert after == DISPUTED
    if verdict == DONT_KNOW and before != UNREVIEWED:
        assert after == before, "who does not know changes nothing"


@given(counts_of_an_item, st.integers(1, 8))
def test_correct_and_wrong_are_treated_alike(counts, n_reviewers):
    correct, wrong, *others = counts
    state, mirrored = final_states(np.array([counts, [wrong, correct, *others]]), unsettled(2), n_reviewers)
    assert mirrored == {CORRECT: WRONG, WRONG: CORRECT}.get(int(state), state)


def test_nothing_to_decide_gives_nothing():
    empty = np.array([], int)
    assert final_states(np.zeros((0, 4), int), empty, 1).shape == (0,)
    assert settle_by_plurality(np.zeros((0, 4), int)).shape == (0,)
    assert problematic_images(empty, empty).tolist() == []
    assert label_sets(empty, empty, empty, 0) == [] and label_sets(empty, empty, empty, 2) == [{}, {}]
    assert flags_of(outcome_of_second_review(empty, empty, empty, 2))["unchanged"] == [True, True]


def test_the_names_of_states_are_those_of_their_numbers():
    assert [STATES[state] for state in (CORRECT, WRONG, UNCLEAR, DONT_KNOW)] == list(VERDICTS)
    assert (STATES[UNREVIEWED], STATES[DISPUTED], len(STATES)) == ("unreviewed", "disputed", 6)
    assert tuple(STATES[state] for state in range(3)) == LABEL_STATES


# Plurality and problems


@given(items, st.integers(0, 50))
def test_plurality_follows_the_most_and_don_t_know_has_no_voice(counts, n_unknowing):
    table = np.array(counts)
    settled = settle_by_plurality(table)
    assert set(settled.tolist()) <= {CORRECT, WRONG, UNCLEAR}
    louder = table.copy()
    louder[:, DONT_KNOW] += n_unknowing
    assert settle_by_plurality(louder).tolist() == settled.tolist()
    for (*judged, _), state in zip(counts, settled.tolist(), strict=True):
        leaders = [verdict for verdict in range(3) if judged[verdict] == max(judged)]
        assert state == (leaders[0] if len(leaders) == 1 else UNCLEAR)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_an_image_is_problematic_by_half_of_those_who_took_part(pairs):
    n_marks, n_others = columns(pairs, 2)
    flags = problematic_images(n_marks, n_marks + n_others).tolist()
    assert flags == [marks > 0 and marks >= others for marks, others in pairs]


@pytest.mark.parametrize(("n_marks", "n_reviewers"), [([-1], [1]), ([0], [-1]), ([3], [2]), ([0, 2], [2, 1])])
def test_marks_that_cannot_be_are_refused(n_marks, n_reviewers):
    with pytest.raises(ValueError, match="more marks than reviewers, or fewer than none"):
        problematic_images(np.array(n_marks), np.array(n_reviewers))


# Label sets and outcomes


@given(rows_of_images, st.integers(0, 2**32 - 1))
def test_label_sets_hold_each_label_once_whatever_the_order_of_rows(rows, seed):
    image, label, states, _ = columns(rows, 4)
    sets = label_sets(image, label, states, 6)
    order = np.random.default_rng(seed).permutation(len(image))
    assert label_sets(image[order], label[order], states[order], 6) == sets
    for n, of_image in enumerate(sets):
        flat = [value for values in of_image.values() for value in values]
        is_final = (image == n) & ~np.isin(states, (UNREVIEWED, DONT_KNOW))
        assert sorted(flat) == sorted(label[is_final].tolist())
        assert all(values == sorted(values) and values for values in of_image.values())


@given(rows_of_images, st.integers(0, 2**32 - 1))
def test_each_image_has_an_outcome_and_unchanged_and_waiting_have_no_other(rows, seed):
    image, _, before, after = columns(rows, 4)
    outcome = outcome_of_second_review(image, before, after, 6)
    flags = np.array([getattr(outcome, name) for name in FLAGS])
    assert flags.any(axis=0).all()
    alone = flags[[0, 3]].any(axis=0)
    assert (flags[:, alone].sum(axis=0) == 1).all()
    order = np.random.default_rng(seed).permutation(len(image))
    again = outcome_of_second_review(image[order], before[order], after[order], 6)
    assert flags_of(again) == flags_of(outcome)


@given(rows_of_images)
def test_a_second_review_that_says_the_same_changes_nothing(rows):
    image, _, before, _ = columns(rows, 4)
    final = np.where(np.isin(before, (CORRECT, WRONG, UNCLEAR)), before, UNCLEAR)
    assert outcome_of_second_review(image, final, final, 6).unchanged.all()


@pytest.mark.parametrize(("before", "after"), [*itertools.product(range(6), repeat=2)])
def test_the_outcome_of_a_single_label_for_each_pair_of_states(before, after):
    flags = flags_of(outcome_of_second_review(np.array([0]), np.array([before]), np.array([after]), 1))
    if after in (UNREVIEWED, DONT_KNOW, DISPUTED):
        expected = "waiting"
    elif before in (UNREVIEWED, DONT_KNOW):
        expected = "added" if after == CORRECT else "unchanged"
    else:
        expected = "unchanged" if (UNCLEAR if before == DISPUTED else before) == after else "modified"
    assert [name for name in FLAGS if flags[name][0]] == [expected]


@pytest.mark.parametrize("function", [label_sets, outcome_of_second_review])
@pytest.mark.parametrize(
    ("image", "others", "n_images", "message"),
    [
        ([0, 1], [0], 2, "same length"),
        ([[0, 1]], [[0, 1]], 2, "one-dimensional"),
        ([0, 2], [0, 0], 2, "from 0 to 1"),
        ([-1], [0], 1, "from 0 to 0"),
        ([0], [0], 0, "out of range"),
    ],
)
def test_items_that_belong_nowhere_are_refused(function: Any, image, others, n_images, message):
    with pytest.raises(ValueError, match=message):
        function(np.array(image), np.array(others), np.array(others), n_images)


# Expected errors


def test_the_order_of_reviewers_is_of_no_account():
    skills = np.random.default_rng(11).dirichlet([3, 2, 1, 1], (4, 3))
    prior = np.array([0.3, 0.6, 0.1])
    errors = [expected_error(skills[list(order)], prior) for order in itertools.permutations(range(4))]
    for error in errors[1:]:
        assert vars(error) == pytest.approx(vars(errors[0]))


@pytest.mark.parametrize("n_reviewers", [1, 2, 4])
def test_reviewers_who_know_everything_are_never_wrong_and_who_know_nothing_always_dispute(n_reviewers):
    sure = np.hstack([np.eye(3), np.zeros((3, 1))])
    silent = np.tile([0.0, 0.0, 0.0, 1.0], (3, 1))
    prior = np.array([0.2, 0.5, 0.3])
    assert set(vars(expected_error(np.stack([sure] * n_reviewers), prior)).values()) == {0.0}
    error = expected_error(np.stack([silent] * n_reviewers), prior)
    assert error.disputed == 1
    # Everything is left unclear, which is wrong but for what is unclear, and takes all correct labels away.
    assert (error.before, error.after) == (pytest.approx(0.7), pytest.approx(0.7))
    assert (error.correct_before, error.correct_after) == (pytest.approx(0.2), pytest.approx(0.2))


@pytest.mark.parametrize("seed", range(6))
def test_errors_are_probabilities_and_errors_of_the_correct_set_are_among_them(seed):
    random = np.random.default_rng(seed)
    error = expected_error(random.dirichlet([1, 1, 1, 1], (3, 3)), random.dirichlet([1, 1, 1]))
    assert all(0 <= value <= 1 + 1e-12 for value in vars(error).values())
    assert error.correct_before <= error.before + 1e-12 and error.correct_after <= error.after + 1e-12


@pytest.mark.parametrize("n_reviewers", range(6))
def test_counts_are_all_ways_to_divide_reviewers_among_verdicts(n_reviewers):
    skills = np.random.default_rng(n_reviewers).dirichlet([1, 1, 1, 1], (n_reviewers, 2))
    if n_reviewers == 0:
        skills = np.zeros((0, 2, 4))
    counts, probability = distribution_of_counts(skills)
    ways = {way for way in itertools.product(range(n_reviewers + 1), repeat=4) if sum(way) == n_reviewers}
    assert {tuple(count) for count in counts.tolist()} == ways
    assert probability.T @ np.ones(2) == pytest.approx(probability.sum(axis=0))
    # Each reviewer's verdicts are expected as often as their skills say.
    assert probability @ counts == pytest.approx(skills.sum(axis=0))


@pytest.mark.parametrize("prior", [[0.5, 0.5], [0.5, 0.4, 0.2], [[0.2, 0.3, 0.5]]])
def test_a_prior_that_is_none_is_refused(prior):
    skills = np.full((2, 3, 4), 0.25)
    with pytest.raises(ValueError, match="prior sums to 1"):
        expected_error(skills, np.array(prior))


@pytest.mark.parametrize("change", [np.array([0.5, -0.5, 0, 0]), np.array([0.1, 0, 0, 0])])
def test_skills_that_are_no_distribution_are_refused(change):
    with pytest.raises(ValueError, match="sum to 1"):
        distribution_of_counts(np.full((2, 3, 4), 0.25) + change)
