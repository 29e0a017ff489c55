import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.label_data import hierarchy, imagenet_classes
from numerics.controls import (
    confusion_counts,
    confusion_similarity,
    hierarchy_similarity,
    in_turn,
    most_similar,
    rank_chosen,
    rank_others,
)
from tests.processor_time import at_most

TREE = [("fish", "animal"), ("cat", "animal"), ("tench", "fish"), ("eel", "fish"), ("tabby", "cat"), ("tiger", "cat")]


def similar(edges, classes):
    ranking = rank_others(*hierarchy_similarity(edges, classes)[:1], n=len(classes))
    return [[classes[index] for index in row if index >= 0] for row in ranking.tolist()]


def test_siblings_are_more_similar_than_cousins():
    classes = ["tench", "tabby", "eel", "tiger"]
    assert similar(TREE, classes) == [
        ["eel", "tabby", "tiger"],
        ["tiger", "tench", "eel"],
        ["tench", "tabby", "tiger"],
        ["tabby", "tench", "eel"],
    ]


def test_the_similarity_is_that_of_wu_and_palmer():
    similarity, _ = hierarchy_similarity(TREE, ["tench", "eel", "tabby", "fish"])
    # tench and eel meet at fish, of depth 2, a step up from both; tench and tabby at the root, two steps up.
    np.testing.assert_allclose(similarity[0], [1, 4 / 6, 2 / 6, 4 / 5])


def test_of_several_ways_up_the_one_that_brings_classes_nearest_counts():
    edges = [("a", "deep"), ("deep", "mid"), ("mid", "root"), ("a", "root"), ("b", "deep"), ("c", "root")]
    similarity, _ = hierarchy_similarity(edges, ["a", "b", "c"])
    np.testing.assert_allclose(similarity[0], [1, 6 / 8, 2 / 4])


def test_classes_without_a_common_ancestor_have_nothing_in_common():
    similarity, _ = hierarchy_similarity([("a", "x"), ("b", "y")], ["a", "b", "lonely"])
    np.testing.assert_array_equal(similarity, np.eye(3))
    assert most_similar(rank_others(similarity)).tolist() == [-1, -1, -1]


def test_a_class_above_another_is_never_its_negative():
    classes = ["fish", "tench", "eel", "tabby"]
    similarity, in_line = hierarchy_similarity(TREE, classes)
    assert in_line.tolist()[0] == [True, True, True, False]
    assert in_line.tolist()[1] == [True, True, False, False]
    assert most_similar(rank_others(similarity, barred=in_line)).tolist() == [3, 2, 1, 0]


def test_two_classes_of_one_synset_are_in_line():
    similarity, in_line = hierarchy_similarity(TREE, ["tench", "tench"])
    assert in_line.all()
    assert similarity.tolist() == [[1, 1], [1, 1]]


def test_a_hierarchy_that_goes_in_a_circle_is_refused():
    with pytest.raises(ValueError, match="goes round in a circle: .*; remove one of these edges"):
        hierarchy_similarity([("a", "b"), ("b", "c"), ("c", "a")], ["a"])


@st.composite
def hierarchies(draw):
    n = draw(st.integers(1, 12))
    edges = [
        (child, parent) for child in range(1, n) for parent in draw(st.sets(st.integers(0, child - 1), max_size=3))
    ]
    return edges, draw(st.lists(st.integers(0, n - 1), max_size=6, unique=True))


def ways_up(node, edges):
    """Fewest steps to every ancestor, by trying every way."""
    steps = {node: 0}
    for child, parent in edges:
        if child == node:
            for ancestor, more in ways_up(parent, edges).items():
                steps[ancestor] = min(steps.get(ancestor, more + 1), more + 1)
    return steps


@given(hierarchies())
def test_similarity_agrees_with_a_plain_reading_of_the_measure(drawn):
    edges, classes = drawn
    similarity, in_line = hierarchy_similarity(edges, classes)
    roots = set(range(12)) - {child for child, _ in edges}
    for i, node in enumerate(classes):
        for j, other in enumerate(classes):
            a, b = ways_up(node, edges), ways_up(other, edges)
            near = [0.0]
            for ancestor in a.keys() & b.keys():
                depth = 1 + min(steps for top, steps in ways_up(ancestor, edges).items() if top in roots)
                near.append(2 * depth / (2 * depth + a[ancestor] + b[ancestor]))
            assert similarity[i, j] == pytest.approx(max(near))
            assert in_line[i, j] == (node in b or other in a)


def test_the_thousand_classes_have_a_sensible_most_similar_class_in_a_moment():
    synsets = {synset.wnid: synset for synset in hierarchy()}
    edges = [(wnid, parent) for wnid, synset in synsets.items() for parent in synset.hypernyms]
    classes = [wnid for wnid, _ in imagenet_classes()]
    with at_most(3):
        similarity, in_line = hierarchy_similarity(edges, classes)
        ranking = rank_others(similarity, n=10, barred=in_line)
    nearest = most_similar(ranking)
    assert (nearest >= 0).all() and (ranking != np.arange(1000)[:, None]).all()
    assert np.array_equal(in_line, np.eye(1000, dtype=bool))
    words = [synsets[wnid].words.split(",")[0] for wnid in classes]
    pairs = {words[index]: words[other] for index, other in enumerate(nearest.tolist())}
    assert pairs["tench"] == "goldfish"
    assert pairs["tabby"] == "tiger cat"
    assert pairs["analog clock"] == "digital clock"


def test_confusion_is_counted_by_own_and_predicted_label():
    predictions, dataset_labels = np.array([0, 1, 1, 2, -1, 2]), np.array([0, 0, 1, 0, 1, -1])
    assert confusion_counts(predictions, dataset_labels, 3).tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 0]]


@given(st.lists(st.tuples(st.integers(-1, 4), st.lists(st.integers(-1, 4), min_size=3, max_size=3)), max_size=20))
def test_confusion_agrees_with_counting_one_by_one(rows):
    dataset_labels = np.array([label for label, _ in rows], np.int64)
    ranked = np.array([top for _, top in rows], np.int64).reshape(len(rows), 3)
    counts = confusion_counts(ranked, dataset_labels, 5)
    for a in range(5):
        for b in range(5):
            assert counts[a, b] == sum(top.count(b) for label, top in rows if label == a)


def test_the_most_confused_class_counts_mistakes_of_both_directions():
    confusion = np.array([[50, 2, 3], [4, 60, 0], [0, 0, 70]])
    assert most_similar(rank_others(confusion_similarity(confusion))).tolist() == [1, 0, 0]


def test_a_class_confused_with_no_other_has_no_most_confused_one():
    confusion = np.array([[9, 1, 0], [0, 9, 0], [0, 0, 9]])
    assert rank_others(confusion_similarity(confusion), n=2).tolist() == [[1, -1], [0, -1], [-1, -1]]


def test_of_equally_similar_classes_the_lowest_index_comes_first():
    assert rank_others(np.ones((4, 4)), n=3).tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_a_ranking_is_filled_up_where_there_are_fewer_classes_than_places():
    assert rank_others(np.ones((2, 2)), n=4).tolist() == [[1, -1, -1, -1], [0, -1, -1, -1]]


def test_where_confusion_says_nothing_the_hierarchy_goes_on():
    confused, by_hierarchy = np.array([[2], [-1], [0]]), np.array([[1, 2], [0, 2], [1, 0]])
    assert in_turn(confused, by_hierarchy).tolist() == [[2, 1, -1], [0, 2, -1], [0, 1, -1]]


@given(st.lists(st.lists(st.integers(-1, 5), min_size=3, max_size=3), min_size=2, max_size=4))
def test_rankings_in_turn_name_each_class_once_in_the_order_of_first_mention(rows):
    joined = in_turn(*[np.array([row]) for row in rows])[0].tolist()
    named = list(dict.fromkeys(label for row in rows for label in row if label >= 0))
    assert joined == named + [-1] * (3 * len(rows) - len(named))


def test_no_ranking_has_no_most_similar_class():
    assert most_similar(rank_chosen({}, 2)).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank_chosen({0: [5]}, 3), "list for class 0 names class 5"),
        (lambda: rank_chosen({7: [0]}, 3), "names class 7"),
        (lambda: rank_chosen({1: [1]}, 3), "name other classes"),
        (lambda: rank_chosen({1: [0, 0]}, 3), "each once"),
        (lambda: rank_others(np.ones((2, 3))), "must be square"),
        (lambda: rank_others(np.full((2, 2), np.nan)), "without NaN"),
        (lambda: rank_others(np.ones((2, 2)), barred=np.ones((3, 3), bool)), r"barred has shape \(3, 3\)"),
        (lambda: rank_others(np.ones((2, 2)), n=0), "n is 0"),
        (lambda: in_turn(), "Pass one ranking or more"),
        (lambda: in_turn(np.zeros((2, 1), np.int64), np.zeros((3, 1), np.int64)), "all of the same classes"),
        (lambda: confusion_counts(np.array([0]), np.array([0, 1]), 2), "pass a row per label"),
        (lambda: confusion_counts(np.array([2]), np.array([0]), 2), "A prediction is 2"),
        (lambda: confusion_counts(np.array([0]), np.array([-3]), 2), "A dataset label is -3"),
        (lambda: confusion_similarity(np.ones((2, 3), np.int64)), "must be square"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
