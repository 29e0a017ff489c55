import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.composition import IMAGENETV2, PROFILES, TSIPRAS, CellRole, GridProfile, Shortfall, compose, compose_all
from tests.processor_time import at_most

NOTHING = np.empty(0, np.int64)
SOAK = bool(os.environ.get("SOAK"))
# Worlds that hypothesis makes for each property, and classes of the large study (of ten images each).
N_WORLDS, N_CLASSES = (300, 1000) if SOAK else (60, 100)


def generator(seed=0):
    return np.random.default_rng(seed)


def sizes(grid):
    """Cells with each role, in the order question, positive, negative, padding."""
    return [grid.having(role).size for role in CellRole]


def test_the_profiles_have_the_published_figures():
    assert PROFILES == {"tsipras": TSIPRAS, "imagenetv2": IMAGENETV2}
    assert (TSIPRAS.cells, TSIPRAS.n_positive, TSIPRAS.n_negative, TSIPRAS.n_questions) == (48, 5, 0, 43)
    assert (IMAGENETV2.cells, IMAGENETV2.n_positive, IMAGENETV2.n_negative) == (48, 3, 3)
    assert IMAGENETV2.n_questions == 42


def test_full_grids_have_their_questions_and_controls():
    grids = compose(np.arange(84), np.arange(100, 120), [np.arange(200, 220)], IMAGENETV2, generator())
    assert [sizes(grid) for grid in grids] == [[42, 3, 3, 0], [42, 3, 3, 0]]
    assert not any(grid.shortfalls for grid in grids)


def test_a_short_last_grid_is_filled_with_questions_of_the_grids_before_it():
    grids = compose(np.arange(100), np.arange(100, 120), [np.arange(200, 220)], IMAGENETV2, generator())
    assert [sizes(grid) for grid in grids] == [[42, 3, 3, 0], [42, 3, 3, 0], [16, 3, 3, 26]]
    before = {*grids[0].having(CellRole.QUESTION), *grids[1].having(CellRole.QUESTION)}
    assert {*grids[2].having(CellRole.PADDING)} <= before


@pytest.mark.parametrize(("n_questions", "showing"), [(10, 16), (11, 16), (12, 15)])
def test_a_single_short_grid_is_filled_half_with_images_of_the_class_of_which_nothing_is_expected(n_questions, showing):
    [grid] = compose(np.arange(n_questions), np.arange(100, 150), [np.arange(200, 250)], IMAGENETV2, generator())
    assert sizes(grid) == [n_questions, 3, 3, 42 - n_questions]
    assert (grid.having(CellRole.PADDING) < 200).sum() == showing
    assert grid.shortfalls == ()


def test_a_grid_may_be_left_short():
    profile = GridProfile(cells=10, n_positive=2, n_negative=1, pad=False)
    grids = compose(np.arange(9), np.arange(100, 120), [np.arange(200, 220)], profile, generator())
    assert [sizes(grid) for grid in grids] == [[7, 2, 1, 0], [2, 2, 1, 0]]
    assert not any(grid.shortfalls for grid in grids)


def test_too_few_images_are_stated_in_numbers_and_words():
    grid = compose(np.arange(10), np.array([1, 2, 50]), [NOTHING], IMAGENETV2, generator())[0]
    assert sizes(grid) == [10, 1, 0, 0]
    assert grid.shortfalls == (
        Shortfall(CellRole.POSITIVE, 3, 1),
        Shortfall(CellRole.NEGATIVE, 3, 0),
        Shortfall(CellRole.PADDING, 32, 0),
    )
    assert [str(shortfall) for shortfall in grid.shortfalls] == [
        "1 of 3 positive controls",
        "0 of 3 negative controls",
        "0 of 32 cells to fill up a short grid",
    ]


def test_controls_come_before_the_filling_of_a_short_grid():
    grid = compose(np.arange(10), np.arange(100, 106), [np.arange(200, 203)], IMAGENETV2, generator())[0]
    assert sizes(grid) == [10, 3, 3, 3]
    assert grid.shortfalls == (Shortfall(CellRole.PADDING, 32, 3),)


@pytest.mark.parametrize("seed", range(20))
def test_images_of_the_class_are_spread_so_that_each_grid_finds_controls_outside_itself(seed):
    # Ten images of the class, all asked about in two grids: each grid needs five that it does not ask about.
    grids = compose(np.arange(86), np.arange(10), [], TSIPRAS, generator(seed))
    assert [sizes(grid) for grid in grids] == [[43, 5, 0, 0], [43, 5, 0, 0]]


def test_the_most_similar_class_is_used_up_before_the_next_one():
    pools = [np.array([100, 101]), np.array([200]), np.arange(300, 310)]
    grid = compose(np.arange(42), np.arange(50, 60), pools, IMAGENETV2, generator())[0]
    assert {*grid.having(CellRole.NEGATIVE)} == {100, 101, 200}


def test_controls_are_rather_images_that_are_nowhere_asked_about_the_class():
    questions, positives = np.arange(84), np.concatenate([np.arange(20), [100, 101, 102]])
    negatives = [np.concatenate([np.arange(60, 80), [200, 201]])]
    for grid in compose(questions, positives, negatives, IMAGENETV2, generator()):
        assert {*grid.having(CellRole.POSITIVE)} == {100, 101, 102}
        assert {200, 201} <= {*grid.having(CellRole.NEGATIVE)}


def test_nobody_is_said_not_to_show_the_class_who_is_asked_about_it():
    nearest, next_class, elsewhere = np.arange(20), np.array([200, 201, 202, 203]), np.array([203])
    for seed in range(5):
        pools = [nearest, next_class]
        for grid in compose(np.arange(84), np.arange(90, 99), pools, IMAGENETV2, generator(seed), elsewhere):
            assert {*grid.having(CellRole.NEGATIVE)} == {200, 201, 202}


def test_where_all_images_of_similar_classes_are_asked_about_the_grid_has_no_negative_controls_and_says_so():
    questions = np.arange(84)
    for grid in compose(questions, np.arange(100, 110), [np.arange(40), np.arange(40, 84)], IMAGENETV2, generator()):
        assert sizes(grid) == [42, 3, 0, 0]
        assert grid.shortfalls == (Shortfall(CellRole.NEGATIVE, 3, 0),)


def test_the_same_generator_gives_the_same_grids_whatever_the_order_of_the_images():
    shuffled = generator(9).permutation
    questions, positives, negatives = np.arange(60), np.arange(50, 90), np.arange(100, 140)
    grids = compose(questions, positives, [negatives], IMAGENETV2, generator(3))
    same = compose(shuffled(questions), shuffled(positives), [shuffled(negatives)], IMAGENETV2, generator(3))
    other = compose(questions, positives, [negatives], IMAGENETV2, generator(4))
    assert [grid.images.tolist() for grid in grids] == [grid.images.tolist() for grid in same]
    assert [grid.images.tolist() for grid in grids] != [grid.images.tolist() for grid in other]


def test_every_image_of_a_pool_has_the_same_chance_to_be_a_control():
    times: Counter[Any] = Counter()
    rng = generator(5)
    for _ in range(2000):
        grid = compose(np.arange(43), np.arange(100, 120), [], TSIPRAS, rng)[0]
        times.update(grid.having(CellRole.POSITIVE).tolist())
    # Each is drawn 500 times on average, with a standard deviation of about 19.
    assert set(times) == set(range(100, 120))
    assert all(abs(n - 500) < 100 for n in times.values())


def test_grids_of_a_class_have_other_controls_as_long_as_there_are_any():
    positives, negatives = np.arange(500, 515), np.arange(600, 609)
    grids = compose(np.arange(126), positives, [negatives], IMAGENETV2, generator(), used=np.arange(500, 506))
    for role, unused in ((CellRole.POSITIVE, positives[6:]), (CellRole.NEGATIVE, negatives)):
        assert sorted(np.concatenate([grid.having(role) for grid in grids])) == unused.tolist()


def test_a_class_without_questions_has_no_grid():
    assert compose(NOTHING, np.arange(9), [np.arange(20, 29)], TSIPRAS, generator()) == []


@pytest.mark.parametrize(
    ("questions", "positives", "negatives", "message"),
    [
        ([3, 1, 3], [7], [8], "Image 3 is asked about twice"),
        ([1], [7, 8], [8, 9], "Image 8 is both a positive and a negative control"),
    ],
)
def test_questions_and_pools_that_contradict_themselves_are_refused(questions, positives, negatives, message):
    with pytest.raises(ValueError, match=message):
        compose(np.array(questions), np.array(positives), [np.array(negatives)], TSIPRAS, generator())


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"cells": 5, "n_positive": 3, "n_negative": 2}, "no cell for a question"),
        ({"n_positive": -1}, "n_positive is -1"),
        ({"n_negative": -2}, "n_negative is -2"),
    ],
)
def test_a_profile_with_impossible_figures_is_refused(figures, message):
    with pytest.raises(ValueError, match=message):
        GridProfile(**figures)


@st.composite
def worlds(draw):
    """Arguments of `compose_all`: few classes and images, so that images run out in every way."""
    n_classes, n_images = draw(st.integers(1, 4)), draw(st.integers(1, 30))
    dataset_labels = draw(st.lists(st.integers(-1, n_classes - 1), min_size=n_images, max_size=n_images))
    every = st.tuples(st.integers(0, n_images - 1), st.integers(0, n_classes - 1))
    pairs = np.array(draw(st.lists(every, unique=True, max_size=60)), np.int64).reshape(-1, 2)
    width = draw(st.integers(0, n_classes - 1))
    orders = [draw(st.permutations([c for c in range(n_classes) if c != label]))[:width] for label in range(n_classes)]
    ranking = np.array(orders, np.int64).reshape(n_classes, width)
    ranking[draw(st.lists(st.booleans(), min_size=n_classes, max_size=n_classes))] = -1
    positive, negative = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    profile = GridProfile(positive + negative + draw(st.integers(1, 7)), positive, negative, draw(st.booleans()))
    allowed = np.array(draw(st.lists(st.booleans(), min_size=n_images, max_size=n_images)))
    may_control = allowed if draw(st.booleans()) else None
    elsewhere = np.array(draw(st.lists(every, max_size=20)), np.int64).reshape(-1, 2).T
    seed = draw(st.integers(0, 9))
    return *pairs.T, np.array(dataset_labels, np.int64), ranking, profile, seed, may_control, tuple(elsewhere)


def asked_about(world, label):
    """The images that are asked about a label, in these grids and elsewhere."""
    return {*world[0][world[1] == label].tolist(), *world[-1][0][world[-1][1] == label].tolist()}


@settings(max_examples=N_WORLDS, deadline=None)
@given(worlds())
def test_no_pair_is_missing_none_comes_twice_and_no_image_is_twice_in_a_grid(world):
    image, label, *_ = world
    grids = compose_all(*world)
    asked = grids.role == CellRole.QUESTION
    questions = Counter(zip(grids.image[asked].tolist(), grids.label[grids.grid[asked]].tolist(), strict=True))
    assert questions == Counter(zip(image.tolist(), label.tolist(), strict=True))
    cells = Counter(zip(grids.grid.tolist(), grids.image.tolist(), strict=True))
    assert set(cells.values()) <= {1}
    assert grids.label.tolist() == sorted(grids.label)
    assert set(grids.grid.tolist()) == set(range(grids.label.size))


def by_role(grids, position):
    cells = grids.grid == position
    return {role: {*grids.image[cells & (grids.role == role)].tolist()} for role in CellRole}


@settings(max_examples=N_WORLDS, deadline=None)
@given(worlds())
def test_every_grid_has_its_controls_and_is_full_or_says_what_it_lacks(world):
    _, _, dataset_labels, similar, profile, _, may_control, _ = world
    grids = compose_all(*world)
    free = np.ones(dataset_labels.size, bool) if may_control is None else may_control
    earlier: dict[int, set[Any]] = {label: set() for label in range(similar.shape[0])}
    for position, label in enumerate(grids.label.tolist()):
        cells, lacks = by_role(grids, position), {short.role: short for short in grids.shortfalls.get(position, ())}
        showing = {*np.flatnonzero(free & (dataset_labels == label)).tolist()}
        other = {*np.flatnonzero(free & (dataset_labels >= 0) & np.isin(dataset_labels, similar[label])).tolist()}
        other -= asked_about(world, label)
        assert cells[CellRole.POSITIVE] <= showing
        assert cells[CellRole.NEGATIVE] <= other
        assert cells[CellRole.PADDING] <= (earlier[label] or showing | other)
        everything = set().union(*cells.values())
        for role, n, pool in (
            (CellRole.POSITIVE, profile.n_positive, showing),
            (CellRole.NEGATIVE, profile.n_negative, other),
        ):
            if role in lacks:
                assert lacks[role] == Shortfall(role, n, len(cells[role])) and len(cells[role]) < n
                assert pool <= everything
            else:
                assert len(cells[role]) == n
        check_filling(profile, cells, lacks, earlier[label], showing, other)
        earlier[label] |= cells[CellRole.QUESTION]


def check_filling(profile, cells, lacks, earlier, showing, other):
    gap = profile.n_questions - len(cells[CellRole.QUESTION]) if profile.pad else 0
    filling, everything = cells[CellRole.PADDING], set().union(*cells.values())
    short = lacks.get(CellRole.PADDING, Shortfall(CellRole.PADDING, gap, gap))
    assert (short.n_required, short.n_available) == (gap, len(filling))
    if earlier:
        assert len(filling) == gap or earlier <= everything
    else:
        assert len(filling & showing) == gap - gap // 2 or showing <= everything
        assert len(filling & other) == gap // 2 or other <= everything


@settings(max_examples=N_WORLDS, deadline=None)
@given(worlds())
def test_a_less_similar_class_or_an_image_asked_about_is_used_only_when_nothing_better_is_left(world):
    _, _, dataset_labels, similar, _, _, may_control, _ = world
    grids = compose_all(*world)
    free = np.ones(dataset_labels.size, bool) if may_control is None else may_control
    for position, label in enumerate(grids.label.tolist()):
        asked, used = asked_about(world, label), by_role(grids, position)
        showing = {*np.flatnonzero(free & (dataset_labels == label)).tolist()}
        usable = free & (dataset_labels >= 0)
        pools = [{*np.flatnonzero(usable & (dataset_labels == other)).tolist()} for other in similar[label].tolist()]
        in_grid = set().union(*used.values())
        for role, tiers in (
            (CellRole.POSITIVE, [showing - asked, showing & asked]),
            (CellRole.NEGATIVE, [pool - asked for pool in pools]),
        ):
            assert used[role] <= set().union(*tiers)
            reached = max((n for n, tier in enumerate(tiers) if tier & used[role]), default=0)
            assert all(tier <= in_grid for tier in tiers[:reached])


@settings(max_examples=N_WORLDS, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(world, random):
    image, label, *arguments = world
    order = list(range(image.size))
    random.shuffle(order)
    grids, same = compose_all(image, label, *arguments), compose_all(image[order], label[order], *arguments)
    assert grids.image.tolist() == same.image.tolist()
    assert grids.role.tolist() == same.role.tolist()
    assert grids.shortfalls == same.shortfalls


def test_pairs_of_one_class_do_not_move_the_grids_of_another():
    dataset_labels, similar = np.repeat([0, 1], 60), np.array([[1], [0]])
    images, labels = np.concatenate([np.arange(60), np.arange(30, 110)]), np.repeat([0, 1], [60, 80])
    together = compose_all(images, labels, dataset_labels, similar, IMAGENETV2, seed=7)
    for name in (0, 1):
        alone = compose_all(images[labels == name], labels[labels == name], dataset_labels, similar, IMAGENETV2, seed=7)
        assert together.image[together.label[together.grid] == name].tolist() == alone.image.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": [0, 0]}, "Image 0 occurs twice with label 1"),
        ({"image": [0, 4]}, "image holds 4; its values go from 0 to 3"),
        ({"label": [0, -1]}, "label holds -1"),
        ({"dataset_labels": [0, 1, 2, 9]}, "dataset_labels holds 9; its values go from -1 to 2"),
        ({"similar": [[1], [0], [3]]}, "similar holds 3"),
        ({"similar": [[1], [1], [0]]}, "Class 1 is similar to itself"),
        ({"label": [0]}, r"The shapes are \(2,\) of image, \(1,\) of label"),
    ],
)
def test_pairs_that_do_not_fit_are_refused_with_the_reason(changes, message):
    fitting = {"image": [0, 1], "label": [1, 1], "dataset_labels": [0, 1, 2, -1], "similar": [[1], [0], [0]]}
    arrays: dict[str, Any] = {name: np.array(values) for name, values in (fitting | changes).items()}
    with pytest.raises(ValueError, match=message):
        compose_all(**arrays, profile=TSIPRAS, seed=0)


def test_a_large_study_with_fourteen_labels_for_each_image_becomes_complete_grids():
    """The long form is a study of 10,000 images; it says, too, that this takes seconds."""
    dataset_labels = np.repeat(np.arange(N_CLASSES), 10)
    image = np.repeat(np.arange(dataset_labels.size), 14)
    label = (dataset_labels[:, None] + np.arange(14) * 17).reshape(-1) % N_CLASSES
    similar = (np.arange(N_CLASSES)[:, None] + np.array([1, 2, 3])) % N_CLASSES
    for profile in PROFILES.values():
        with at_most(10):
            grids = compose_all(image, label, dataset_labels, similar, profile, seed=1)
        asked = grids.role == CellRole.QUESTION
        pairs = grids.image[asked] * N_CLASSES + grids.label[grids.grid[asked]]
        assert np.array_equal(np.sort(pairs), np.sort(image * N_CLASSES + label))
        assert grids.label.size == 4 * N_CLASSES and grids.image.size == 4 * N_CLASSES * 48
        assert not grids.shortfalls
