"""The tree of random hierarchies, circles and all, beside what a plain reader counts in them."""

import random

import pytest

from catalog.hierarchy.graph import graph_of, steps_up
from catalog.hierarchy.reads import Node, Tree, groups_of, tree_of
from catalog.models import Synset
from tests.catalog.made_up_label_sets import UNUSUAL_NAMES, MadeUp, label_set_of, made_up, store_synsets
from tests.required import require

pytestmark = pytest.mark.django_db

SEEDS = range(12)


def hierarchy(seed: int, *, circles: bool = False) -> MadeUp:
    rng = random.Random(seed)
    return made_up(rng, n_synsets=rng.randrange(1, 25), n_labels=rng.randrange(1, 30), circles=circles)


@pytest.fixture(params=[(seed, circles) for circles in (False, True) for seed in SEEDS], ids=str)
def case(request) -> MadeUp:
    seed, circles = request.param
    return hierarchy(seed, circles=circles)


def ends(tree: Tree, node: Node) -> list[str]:
    """Return the keys from the root to a node, its own last."""
    return [each.key for each in (*tree.path(node), node)]


def test_children_and_parents_agree_and_come_in_the_order_of_a_walk(case):
    tree = tree_of(case.label_set)
    position = {key: number for number, key in enumerate(tree.nodes)}
    assert position[tree.root] == 0 and tree.nodes[tree.root].parent == ""
    for key, node in tree.nodes.items():
        assert key == node.key and len(set(node.children)) == len(node.children)
        assert all(tree.nodes[child].parent == key and position[child] > position[key] for child in node.children)
        if key != tree.root:
            assert node.key in tree.nodes[node.parent].children
    assert sum(len(node.children) for node in tree.nodes.values()) == len(tree.nodes) - 1


def test_every_class_has_one_node_that_leads_to_the_root(case):
    tree = tree_of(case.label_set)
    labels = list(case.label_set.labels.all())
    assert sorted(node.label.index for node in tree.nodes.values() if node.label) == list(range(len(labels)))
    for label in labels:
        node = tree.node_of(label)
        assert node.label == label
        assert ends(tree, node)[0] == tree.root and node.key not in [each.key for each in tree.path(node)]


def test_a_synset_counts_the_classes_below_it_by_any_way(case):
    tree = tree_of(case.label_set)
    assert tree.nodes[tree.root].n_classes == len(case.wnids)
    for node in tree.nodes.values():
        if node.key in case.hypernyms and node.key != tree.root:
            twins = {
                index
                for index, wnid in enumerate(case.wnids)
                if wnid == node.key and node.label and index != node.label.index
            }
            # A further class of the same synset stands beside the first, not below it.
            assert node.n_classes == len(case.below(node.key) - twins), node.key


def test_links_and_other_parents_are_the_two_ends_of_one_thing(case):
    tree = tree_of(case.label_set)
    down = {(node.key, link) for node in tree.nodes.values() for link in node.links}
    up = {(other, node.key) for node in tree.nodes.values() for other in node.other_parents}
    assert down == up
    for wider, narrower in down:
        assert wider != narrower and wider in tree.nodes and narrower in tree.nodes


def test_every_synset_above_a_class_has_a_node_or_stands_before_one(case):
    tree = tree_of(case.label_set)
    for wnid in set(case.wnids) & case.hypernyms.keys():
        for wider in {wnid} | case.above(wnid):
            node = require(tree.node(wider))
            assert node.key == wider or Synset.objects.get(wnid=wider).words in node.shortened
    outside = case.hypernyms.keys() - set(case.wnids) - {above for wnid in case.wnids for above in case.above(wnid)}
    assert all(tree.node(wnid) is None for wnid in outside), "a synset above no class is none of the tree"


def test_siblings_are_the_other_children_classes_first(case):
    tree = tree_of(case.label_set)
    for node in tree.nodes.values():
        siblings = tree.siblings(node)
        beside = tree.nodes[node.parent].children if node.parent else []
        assert sorted(each.key for each in siblings) == sorted(set(beside) - {node.key})
        are_groups = [each.label is None for each in siblings]
        assert are_groups == sorted(are_groups)


def test_groups_have_the_classes_below_by_the_shortest_way_first(case):
    labels = {label.pk: label for label in case.label_set.labels.all()}
    graph = graph_of(case.label_set)
    for group in groups_of(case.label_set):
        indexes = [labels[pk].index for pk in group.label_ids]
        assert indexes and len(set(indexes)) == len(indexes)
        if group.words in case.hypernyms:
            steps = [steps_up(graph, case.wnids[index])[group.words] for index in indexes]
            assert list(zip(steps, indexes, strict=True)) == sorted(zip(steps, indexes, strict=True))
            assert set(indexes) == {n for n, wnid in enumerate(case.wnids) if group.words in case.above(wnid) - {wnid}}
        else:
            assert indexes == [n for n, name in enumerate(case.superclasses) if name == group.words]


def test_a_class_without_a_synset_stands_below_its_own_superclass_and_no_other(case):
    tree = tree_of(case.label_set)
    for label in case.label_set.labels.all():
        if label.wnid not in case.hypernyms:
            node = tree.node_of(label)
            # Superclasses with one class alone are shortened to it, and the one root is left out.
            names = [*[each.words for each in tree.path(node)], *node.shortened]
            others = {"Birds", "Birds of prey", "C++", "C#"} - {label.superclass}
            assert not others & set(names), (label.superclass, names)
            assert not label.superclass or label.superclass in names


# By hand


@pytest.mark.parametrize(
    "pair", [("C++", "C#"), ("either/or", "eitheror"), ("!!!", "???"), ("Birds", "birds"), ("a b", "a-b")]
)
def test_superclasses_that_differ_in_signs_alone_stay_apart(pair):
    tree = tree_of(label_set_of("one", "two", "three", "four", superclasses=[*pair, *pair]))
    groups = {tree.nodes[key].words: tree.nodes[key] for key in tree.nodes[tree.root].children}
    assert set(groups) == set(pair)
    assert [group.n_classes for group in groups.values()] == [2, 2]
    for name, group in groups.items():
        assert [require(tree.nodes[key].label).superclass for key in group.children] == [name, name]
        assert tree.node(group.key) is group


@pytest.mark.parametrize("name", UNUSUAL_NAMES, ids=ascii)
def test_a_class_of_any_name_has_a_node_with_its_words(name):
    label_set = label_set_of(name, "other", superclasses=[name[:100]] * 2)
    tree = tree_of(label_set)
    node = tree.node_of(label_set.labels.get(index=0))
    assert node.words == name and node.name == name.split(",")[0]
    assert tree.nodes[tree.root].words == name[:100]


def test_a_single_class_is_its_own_tree():
    label_set = label_set_of("cat")
    tree = tree_of(label_set)
    (node,) = tree.nodes.values()
    assert (node.name, node.n_classes, tree.root) == ("cat", 1, node.key)
    assert tree.path(node) == [] and tree.siblings(node) == []


def test_a_chain_of_synsets_is_shortened_to_the_class_at_its_end():
    label_set = label_set_of("cat", "rock")
    label_set.labels.filter(index=0).update(wnid="cat")
    store_synsets({"thing": [], "animal": ["thing"], "feline": ["animal"], "cat": ["feline"]})
    tree = tree_of(label_set)
    cat = tree.node_of(label_set.labels.get(index=0))
    assert cat.shortened == ["thing", "animal", "feline"] and tree.instead.keys() == {"thing", "animal", "feline"}
    assert all(tree.node(key) is cat for key in tree.instead)
    assert [tree.nodes[key].name for key in tree.nodes[tree.root].children] == ["cat", "rock"]


def test_two_roots_stand_below_a_root_of_our_own_in_the_order_of_the_alphabet():
    label_set = label_set_of("x", "y", "z", "w")
    store_synsets({"stone": [], "animal": [], "s1": ["stone"], "s2": ["stone"], "a1": ["animal"], "a2": ["animal"]})
    for index, wnid in enumerate(("s1", "s2", "a1", "a2")):
        label_set.labels.filter(index=index).update(wnid=wnid)
    tree = tree_of(label_set)
    assert tree.nodes[tree.root].words == "All classes"
    assert [tree.nodes[key].name for key in tree.nodes[tree.root].children] == ["animal", "stone"]


def test_the_same_rows_make_the_same_tree():
    case = hierarchy(3)
    first = tree_of(case.label_set)
    case.label_set.labels.filter(index=0).update(gloss="other")
    second = tree_of(case.label_set)
    assert first is not second and list(first.nodes) == list(second.nodes)


@pytest.mark.parametrize("n_synsets", [5, 60])
def test_more_synsets_take_no_more_queries(n_synsets, django_assert_num_queries):
    case = made_up(random.Random(1), n_synsets=n_synsets, n_labels=n_synsets)
    with django_assert_num_queries(3):
        graph_of(case.label_set)
    tree_of(case.label_set)
    with django_assert_num_queries(1):
        tree_of(case.label_set)
