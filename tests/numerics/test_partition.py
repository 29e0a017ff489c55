import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import partition
from numerics.partition import (
    MAX_PARTITIONS,
    PartitionTooLarge,
    check_size,
    choose,
    co_selection,
    growth_strings,
    optimal_partitions,
    optimal_rows,
    stirling,
)


def set_partitions(items):
    """Every partition of the items, by adding the first to each block of those of the rest, or on its own."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for blocks in set_partitions(rest):
        yield [[first], *blocks]
        for index, block in enumerate(blocks):
            yield [*blocks[:index], [first, *block], *blocks[index + 1 :]]


def as_sets(string):
    return frozenset(frozenset(label for label, of in enumerate(string) if of == block) for block in set(string))


def plain_optimum(weights, k):
    """Least weight inside blocks, and the partitions that have it, by plain enumeration."""
    inside = {}
    for blocks in set_partitions(list(range(len(weights)))):
        if len(blocks) == k:
            key = frozenset(map(frozenset, blocks))
            inside[key] = sum(int(weights[a][b]) for block in blocks for a, b in itertools.combinations(block, 2))
    least = min(inside.values())
    return least, {key for key, weight in inside.items() if weight == least}


@st.composite
def weighted_graphs(draw, fewest=1, most=7, largest=4):
    n = draw(st.integers(fewest, most))
    weights = np.zeros((n, n), np.int64)
    for a, b in itertools.combinations(range(n), 2):
        weights[a, b] = weights[b, a] = draw(st.integers(0, largest))
    return weights, draw(st.integers(1, n))


def test_stirling_numbers_of_a_row_add_up_to_the_bell_number():
    bells = [1, 1, 2, 5, 15, 52, 203, 877, 4140, 21147, 115975, 678570, 4213597]
    assert [sum(stirling(n, k) for k in range(n + 1)) for n in range(13)] == bells


@given(st.integers(1, 60), st.integers(1, 60))
def test_stirling_numbers_follow_their_recurrence(n, k):
    assert stirling(n, k) == k * stirling(n - 1, k) + stirling(n - 1, k - 1)


def test_known_stirling_numbers():
    assert stirling(12, 6) == 1_323_652
    assert stirling(12, 5) == 1_379_400
    assert stirling(7, 4) == 350
    assert stirling(3, 5) == stirling(4, 0) == 0
    with pytest.raises(ValueError, match="no -1 labels"):
        stirling(-1, 2)


@pytest.mark.parametrize(("n", "k"), [(n, k) for n in range(1, 8) for k in range(1, n + 1)])
def test_growth_strings_are_all_partitions_once_and_in_order(n, k):
    strings = growth_strings(n, k)
    assert strings.shape == (stirling(n, k), n)
    assert strings.dtype == np.int8
    rows = strings.tolist()
    assert rows == sorted(rows)
    assert [as_sets(row) for row in rows] == list(dict.fromkeys(as_sets(row) for row in rows))
    expected = {frozenset(map(frozenset, blocks)) for blocks in set_partitions(list(range(n))) if len(blocks) == k}
    assert {as_sets(row) for row in rows} == expected


@pytest.mark.parametrize(("n", "k"), [(12, 6), (12, 5), (21, 2), (30, 29), (9, 9), (40, 1), (127, 126)])
def test_large_growth_strings_are_distinct_restricted_and_in_order(n, k):
    strings = growth_strings(n, k)
    assert len(strings) == stirling(n, k)
    highest = np.maximum.accumulate(strings, axis=1)
    assert (strings[:, 0] == 0).all()
    assert (strings[:, 1:] <= highest[:, :-1] + 1).all()
    assert (highest[:, -1] == k - 1).all()
    before, after = strings[:-1], strings[1:]
    differs = (before != after).argmax(axis=1)
    rows = np.arange(len(before))
    assert (before[rows, differs] < after[rows, differs]).all()


def test_shared_tables_cannot_be_written_to():
    for strings in (growth_strings(4, 2), growth_strings(12, 4)):
        with pytest.raises(ValueError, match="read-only"):
            strings[0, 0] = 1


def test_every_split_of_twelve_labels_is_within_the_bound():
    for k in range(1, 13):
        check_size(12, k)
        assert stirling(12, k) <= MAX_PARTITIONS


@pytest.mark.parametrize(
    ("n", "k"), [(13, 4), (13, 6), (15, 3), (22, 2), (200, 100), (10**6, 2), (10**6, 127), (128, 128)]
)
def test_beyond_the_bound_the_error_names_the_numbers_and_a_way_out(n, k):
    for refuse in (check_size, growth_strings):
        with pytest.raises(PartitionTooLarge, match=f"{n} labels in {k} objects .*exclude the submissions"):
            refuse(n, k)


@pytest.mark.parametrize(("n", "k"), [(2, 3), (0, 1), (3, 0), (3, -1)])
def test_impossible_numbers_of_objects_are_an_error_of_another_kind(n, k):
    with pytest.raises(ValueError, match=f"{n} labels cannot make {k} objects") as refused:
        check_size(n, k)
    assert not isinstance(refused.value, PartitionTooLarge)


@given(st.lists(st.lists(st.integers(0, 6), unique=True), max_size=9))
def test_co_selection_counts_annotators_who_selected_both(selections):
    labels = [5, 0, 3, 2]
    weights = co_selection(selections, labels)
    for (i, a), (j, b) in itertools.product(enumerate(labels), repeat=2):
        both = sum(a in selection and b in selection for selection in selections)
        assert weights[i, j] == (both if a != b else 0)


@given(weighted_graphs())
def test_the_search_finds_exactly_the_optima_of_a_plain_enumeration(graph):
    weights, k = graph
    partitions, inside = optimal_partitions(weights, k)
    least, expected = plain_optimum(weights, k)
    assert inside == least
    assert {as_sets(row) for row in partitions.tolist()} == expected
    assert len(partitions) == len(expected)
    assert partitions.tolist() == sorted(partitions.tolist())


@settings(max_examples=25, deadline=None)
@given(st.lists(weighted_graphs(fewest=6, most=6), min_size=1, max_size=6), st.integers(1, 6))
def test_a_search_in_small_pieces_finds_what_one_search_per_image_finds(graphs, k):
    weights = np.stack([graph[0] for graph in graphs])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "SMALL", 0)
        patch.setattr(partition, "PIECE", 100)
        rows, least = optimal_rows(weights, k)
    for image, graph in enumerate(weights):
        partitions, inside = optimal_partitions(graph, k)
        assert growth_strings(6, k)[rows[image]].tolist() == partitions.tolist()
        assert least[image] == inside


def test_searching_no_images_finds_nothing():
    rows, least = optimal_rows(np.zeros((0, 4, 4), int), 2)
    assert rows == []
    assert least.size == 0


def test_weights_beyond_single_precision_are_still_told_apart():
    weights = np.array([[0, 2**30, 2**30 + 1], [2**30, 0, 2**30 + 1], [2**30 + 1, 2**30 + 1, 0]])
    partitions, inside = optimal_partitions(weights, 2)
    assert partitions.tolist() == [[0, 0, 1]]
    assert inside == 2**30


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros((2, 3), int), "pass one square"),
        (np.array([[0, 1], [2, 0]]), "not symmetric"),
        (np.array([[0, -1], [-1, 0]]), "negative entry"),
        (np.array([[0, 2**60], [2**60, 0]]), "cannot be added exactly"),
        (np.zeros((1, 1), int), "1 labels cannot make 2 objects"),
    ],
)
def test_impossible_weights_are_refused_with_the_reason(weights, message):
    with pytest.raises(ValueError, match=message):
        optimal_partitions(weights, 2)


def test_twelve_labels_in_six_objects_are_exact_and_stay_in_memory():
    rng = np.random.default_rng(7)
    truth = rng.permutation(np.repeat(np.arange(6), 2))
    weights = np.where(truth[:, None] == truth[None, :], 0, rng.integers(1, 9, (12, 12)))
    weights = np.triu(weights, 1) + np.triu(weights, 1).T
    tracemalloc.start()
    partitions, inside = optimal_partitions(weights, 6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert inside == 0
    assert [as_sets(row) for row in partitions.tolist()] == [as_sets(truth.tolist())]
    assert peak < 65e6


def test_a_single_optimum_is_chosen():
    assert choose(np.array([[0, 1, 1]], np.int8), [1, 1, 1]) == 0


@given(weighted_graphs(fewest=2, most=6, largest=1), st.data())
def test_the_chosen_partition_has_the_best_supported_names_and_is_the_first_such(graph, data):
    weights, k = graph
    partitions, _ = optimal_partitions(weights, k)
    n_selected = [data.draw(st.integers(1, 5)) for _ in range(len(weights))]
    support = [
        sum(max(n for n, of in zip(n_selected, row, strict=True) if of == block) for block in range(k))
        for row in partitions.tolist()
    ]
    assert choose(partitions, n_selected) == support.index(max(support))


def test_a_choice_needs_partitions_and_a_count_per_label():
    with pytest.raises(ValueError, match="no partitions to choose from"):
        choose(np.zeros((0, 3), np.int8), [1, 1, 1])
    with pytest.raises(ValueError, match="2 counts for 3 labels"):
        choose(np.zeros((1, 3), np.int8), [1, 1])
