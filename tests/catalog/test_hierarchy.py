"""Tests of the hierarchy above the classes: every class stands in it once, and every way up stays visible."""

from collections import Counter
from collections.abc import Iterator

import pytest

from catalog.actions import add_hierarchy, add_label_set, ensure_imagenet
from catalog.hierarchy.reads import Tree, groups_of, tree_of
from catalog.label_data import LabelRecord, SynsetRecord
from catalog.models import LabelSet, Synset
from tests.factories import unique
from tests.required import require
from tests.rows_of_a_module import rows_of_a_module


@pytest.fixture(scope="module")
def imagenet(django_db_setup, django_db_blocker) -> Iterator[LabelSet]:
    with rows_of_a_module(django_db_blocker):
        yield ensure_imagenet()


@pytest.fixture(scope="module")
def tree(imagenet) -> Tree:
    return tree_of(imagenet)


def walked(tree: Tree) -> list[str]:
    keys, waiting = [], [tree.root]
    while waiting:
        keys.append(waiting.pop())
        waiting += reversed(tree.nodes[keys[-1]].children)
    return keys


# ImageNet's


def test_every_node_is_reached_once_and_in_order(tree):
    assert walked(tree) == list(tree.nodes)
    assert max(Counter(walked(tree)).values()) == 1


def test_every_class_stands_in_the_tree_once(tree, imagenet):
    leaves = [node.label for node in tree.nodes.values() if node.label is not None]
    assert sorted(label.index for label in leaves) == list(range(1000))
    assert all(tree.node_of(label).label == label for label in imagenet.labels.all())


def test_the_root_counts_all_classes_and_a_class_itself(tree):
    root = tree.nodes[tree.root]
    assert (root.name, root.n_classes, root.parent, tree.path(root)) == ("entity", 1000, "", [])
    assert {node.n_classes for node in tree.nodes.values() if node.label} == {1}


def test_counts_are_those_of_wordnet_by_all_ways(tree):
    below = {key: require(tree.node(key)).n_classes for key in ("n02084071", "n02092468", "n01861778")}
    # Domestic dogs, terriers, mammals of the 1,000 classes.
    assert below == {"n02084071": 118, "n02092468": 26, "n01861778": 218}


def test_no_synset_with_nothing_but_one_node_below_is_left(tree):
    lonely = [node for node in tree.nodes.values() if not node.label and not node.links and len(node.children) == 1]
    assert not lonely


def test_shortened_synsets_stand_before_the_next_node_and_lead_to_it(tree):
    assert sum(len(node.shortened) for node in tree.nodes.values()) == len(tree.instead) == 1860 - len(tree.nodes)
    light = tree.nodes["n06874185"]
    assert light.name == "traffic light" and light.shortened == ["signal", "visual signal", "light"]
    assert tree.node("n06791372") is light and tree.node("n00000000") is None


def test_the_shortest_way_decides_and_the_others_are_links_in_both_directions(tree):
    for node in tree.nodes.values():
        for key in node.other_parents:
            assert key in tree.nodes and key != node.parent
        for key in node.links:
            assert key in tree.nodes and key not in node.children
    ways_up = {(key, node.key) for node in tree.nodes.values() for key in node.other_parents}
    ways_down = {(node.key, key) for node in tree.nodes.values() for key in node.links}
    assert ways_down == ways_up and len(ways_up) > 70


def test_paths_and_siblings(tree, imagenet):
    retriever = tree.node_of(imagenet.labels.get(index=207))
    names = [node.name for node in tree.path(retriever)]
    assert names[0] == "entity" and names[-1] == "retriever" and "dog" in names
    assert {node.name for node in tree.siblings(retriever)} >= {"Labrador retriever", "flat-coated retriever"}
    assert retriever not in tree.siblings(retriever) and tree.siblings(tree.nodes[tree.root]) == []


def test_groups_hold_the_classes_below_the_nearest_first(imagenet):
    (terriers,) = [group for group in groups_of(imagenet) if group.words == "terrier"]
    assert len(terriers.label_ids) == 26
    superclasses = [group for group in groups_of(imagenet) if group.words == "Dogs"]
    assert [len(group.label_ids) for group in superclasses] == [130]


def test_the_tree_is_built_once_until_something_changes(imagenet):
    assert tree_of(imagenet) is tree_of(imagenet)


# Others


def label_set_of(*wnids: str, superclass: str = "") -> LabelSet:
    records = [LabelRecord(n, wnid, f"class {n}", "", superclass, "") for n, wnid in enumerate(wnids)]
    return add_label_set(name=unique("labels"), labels=records)


def synsets_of(**hypernyms: str) -> None:
    """Store synsets by name, each with the names of its hypernyms."""
    add_hierarchy(synsets=[SynsetRecord(name, name, "", tuple(above.split())) for name, above in hypernyms.items()])


def shown(tree: Tree, key: str = "") -> str:
    """The tree in brackets, with shortened nodes before a greater-than sign and links behind a star."""
    node = tree.nodes[key or tree.root]
    inside = [shown(tree, child) for child in node.children] + [f"*{link}" for link in node.links]
    return ">".join([*node.shortened, node.name]) + (f"({' '.join(inside)})" if inside else "")


@pytest.mark.django_db
def test_without_wordnet_classes_stand_below_their_superclass():
    assert shown(tree_of(label_set_of("", ""))) == "All classes(class 0 class 1)"
    tree = tree_of(label_set_of("", "", superclass="Birds of prey"))
    assert shown(tree) == "Birds of prey(class 0 class 1)"
    assert tree.nodes[tree.root].n_classes == 2


@pytest.mark.django_db
def test_an_empty_label_set_has_a_root_alone():
    assert shown(tree_of(label_set_of())) == "All classes"


@pytest.mark.django_db
def test_a_synset_with_two_hypernyms_stands_below_the_nearer_to_the_root():
    synsets_of(r="", a="r", b="a", c="b a", d="b", e="a")
    tree = tree_of(label_set_of("c", "d", "e"))
    assert shown(tree) == "r>a(b(d *c) c e)"
    assert tree.nodes["c"].parent == "a" and tree.nodes["c"].other_parents == ["b"]
    assert tree.nodes["b"].links == ["c"] and tree.nodes["b"].n_classes == 2


@pytest.mark.django_db
def test_classes_of_one_synset_and_classes_above_classes_each_have_a_node():
    synsets_of(r="", a="r", b="a")
    tree = tree_of(label_set_of("b", "b", "a", "unknown"))
    assert sorted(node.label.index for node in tree.nodes.values() if node.label) == [0, 1, 2, 3]
    assert tree.nodes["a"].label is not None and "b" in tree.nodes["a"].children
    assert tree.nodes[tree.root].n_classes == 4


@pytest.mark.django_db
def test_a_circle_of_hypernyms_ends():
    for wnid, above in (("x", "y"), ("y", "x"), ("z", "x")):
        synsets_of(**{wnid: ""})
        Synset.objects.get_or_create(wnid=above, defaults={"words": above})
        Synset.objects.get(wnid=wnid).hypernyms.add(Synset.objects.get(wnid=above))
    tree = tree_of(label_set_of("z"))
    assert tree.node_of(next(node.label for node in tree.nodes.values() if node.label)).n_classes == 1
    assert walked(tree) == list(tree.nodes)
