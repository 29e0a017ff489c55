"""The hierarchy above the classes of a label set, as a tree to walk through.

In WordNet a synset may have several hypernyms, so that there are several ways from a class to the root. The shortest
one decides where a synset stands in the tree; the others become links. Synsets with nothing but one synset below are
shortened: they stand before the name of that one. Classes without a synset stand below their superclass.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from typing import NamedTuple

from django.utils.text import slugify
from django.utils.translation import gettext

from catalog.hierarchy.graph import Graph, graph_of, steps_up
from catalog.label_set_cache import LabelSetCache
from catalog.models import Label, LabelSet

ROOT = "root"


class Group(NamedTuple):
    """A synset or superclass above classes: its words, and the ids of the labels below it, the nearest first."""

    words: str
    label_ids: list[int]


def groups_of(label_set: LabelSet) -> list[Group]:
    """Return all synsets and superclasses above the classes of a label set, each with the classes below it."""
    graph = graph_of(label_set)
    below: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for label in graph.labels:
        for wnid, steps in steps_up(graph, graph.of_label[label.pk]).items() if label.pk in graph.of_label else ():
            below[wnid].append((steps, label.index, label.pk))
    groups = [Group(graph.synsets[wnid].words, [pk for *_, pk in sorted(below[wnid])]) for wnid in sorted(below)]
    superclasses: dict[str, list[int]] = defaultdict(list)
    for label in graph.labels:
        if label.superclass:
            superclasses[label.superclass].append(label.pk)
    return groups + [Group(name, label_ids) for name, label_ids in superclasses.items()]


@dataclass
class Node:
    """A place in the tree: a class, a synset above classes, or a superclass of classes that have no synset.

    `shortened` are the first words of synsets between it and its parent that have nothing else below, the widest
    first. `links` are the keys of narrower synsets that stand elsewhere in the tree, and `other_parents` those of the
    wider ones above it that it does not stand below. `n_classes` counts the classes below by any way, and its own.
    """

    key: str
    words: str
    gloss: str = ""
    label: Label | None = None
    parent: str = ""
    children: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    other_parents: list[str] = field(default_factory=list)
    shortened: list[str] = field(default_factory=list)
    n_classes: int = 0

    @property
    def name(self) -> str:
        """Return the first of the words."""
        return self.words.split(",")[0]


@dataclass(frozen=True)
class Tree:
    """The nodes by key, in the order of a walk from the root.

    `of_label` is the key of a label's node, by the label's id. `instead` leads from a shortened synset to the node
    that it stands before.
    """

    root: str
    nodes: dict[str, Node]
    of_label: dict[int, str]
    instead: dict[str, str]

    def node(self, key: str) -> Node | None:
        """Return the node of a key, or of the wnid of a shortened synset; None if there is no such node."""
        return self.nodes.get(self.instead.get(key, key))

    def node_of(self, label: Label) -> Node:
        """Return the node of a class."""
        return self.nodes[self.of_label[label.pk]]

    def path(self, node: Node) -> list[Node]:
        """Return the nodes from the root to the parent of a node."""
        path: list[Node] = []
        while node.parent:
            node = self.nodes[node.parent]
            path.insert(0, node)
        return path

    def siblings(self, node: Node) -> list[Node]:
        """Return the other nodes below the parent of a node, classes first."""
        beside = self.nodes[node.parent].children if node.parent else []
        return sorted((self.nodes[key] for key in beside if key != node.key), key=lambda each: each.label is None)


def tree_of(label_set: LabelSet) -> Tree:
    """Return the tree of a label set. Each process builds it once, and again after a change."""
    return TREES.value_of(label_set)


def _build(label_set: LabelSet) -> Tree:
    graph = graph_of(label_set)
    nodes = _nodes(graph)
    of_label = _place_labels(graph, nodes)
    _count_classes(graph, nodes, of_label)
    instead = _shorten(nodes)
    order = [node.key for node in _walk(nodes, ROOT)]
    root = ROOT if len(nodes[ROOT].children) != 1 or nodes[ROOT].label else _drop_root(nodes)
    for node in nodes.values():
        node.links = _in_tree(node.links, instead, node.key)
        node.other_parents = _in_tree(node.other_parents, instead, node.key)
    return Tree(root, {key: nodes[key] for key in order if key in nodes}, of_label, instead)


TREES = LabelSetCache(_build)


def _nodes(graph: Graph) -> dict[str, Node]:
    """Return the nodes of all synsets below a root of our own, each below its nearest hypernym to the root."""
    nodes = {ROOT: Node(ROOT, gettext("All classes"))}
    nodes |= {wnid: Node(wnid, synset.words, synset.gloss) for wnid, synset in graph.synsets.items()}
    depth = _depths(graph)
    for wnid in sorted(graph.synsets, key=lambda each: (graph.synsets[each].words.casefold(), each)):
        # Of several at one depth WordNet's first is the main one.
        wider = [each for each in graph.hypernyms[wnid] if depth[each] < depth[wnid]]
        parent = min(wider, key=lambda each: depth[each], default=ROOT)
        nodes[wnid].parent = parent
        nodes[parent].children.append(wnid)
        nodes[wnid].other_parents = [each for each in graph.hypernyms[wnid] if each != parent]
        for other in nodes[wnid].other_parents:
            nodes[other].links.append(wnid)
    return nodes


def _depths(graph: Graph) -> dict[str, int]:
    """Return the steps on the shortest way from each synset to a root: to one without hypernyms.

    Synsets on circles that no root is above, which WordNet does not have, count as roots.
    """
    depths = {wnid: 0 for wnid in graph.synsets if not graph.hypernyms[wnid]}
    hyponyms = graph.hyponyms()
    for start in (None, *sorted(graph.synsets)):
        if start is not None and start in depths:
            continue
        level = list(depths) if start is None else [start]
        depths |= dict.fromkeys(level, 0)
        while level:
            below = {wnid: depths[wider] + 1 for wider in level for wnid in hyponyms[wider] if wnid not in depths}
            depths |= below
            level = list(below)
    return depths


def _place_labels(graph: Graph, nodes: dict[str, Node]) -> dict[int, str]:
    """Give synsets their labels, and labels without one a node below their superclass. Returns the labels' keys."""
    of_label: dict[int, str] = {}
    for label in graph.labels:
        wnid = graph.of_label.get(label.pk)
        key = wnid if wnid and nodes[wnid].label is None else f"class-{label.index}"
        if key != wnid:
            parent = _superclass(nodes, label.superclass) if wnid is None else nodes[wnid].parent
            nodes[key] = Node(key, label.words, label.gloss, parent=parent)
            nodes[parent].children.append(key)
        nodes[key].label = label
        of_label[label.pk] = key
    return of_label


def _superclass(nodes: dict[str, Node], name: str) -> str:
    if not name:
        return ROOT
    stem = f"group-{slugify(name, allow_unicode=True)}"
    # Of names that differ in signs alone, the second and further ones get a number.
    keys = chain([stem], (f"{stem}-{number}" for number in count(2)))
    key = next(key for key in keys if key not in nodes or nodes[key].words == name)
    if key not in nodes:
        nodes[key] = Node(key, name, parent=ROOT)
        nodes[ROOT].children.append(key)
    return key


def _count_classes(graph: Graph, nodes: dict[str, Node], of_label: dict[int, str]) -> None:
    for label in graph.labels:
        key = of_label[label.pk]
        above = set(steps_up(graph, graph.of_label[label.pk])) if label.pk in graph.of_label else set()
        above |= {ROOT, key, nodes[key].parent}
        for each in above:
            nodes[each].n_classes += 1


def _shorten(nodes: dict[str, Node]) -> dict[str, str]:
    """Take out synsets with nothing but one node below. Returns which node each of them stands before."""
    instead: dict[str, str] = {}
    for node in list(_walk(nodes, ROOT)):
        if node.key == ROOT or node.label or node.links or len(node.children) != 1:
            continue
        (child,) = (nodes[key] for key in node.children)
        child.shortened = [*node.shortened, node.name, *child.shortened]
        child.other_parents = [*node.other_parents, *child.other_parents]
        _replace_child(nodes, node, child)
        instead[node.key] = child.key
        del nodes[node.key]
    return {key: _last(instead, key) for key in instead}


def _replace_child(nodes: dict[str, Node], node: Node, child: Node) -> None:
    child.parent = node.parent
    siblings = nodes[node.parent].children
    siblings[siblings.index(node.key)] = child.key


def _last(instead: dict[str, str], key: str) -> str:
    while key in instead:
        key = instead[key]
    return key


def _drop_root(nodes: dict[str, Node]) -> str:
    """Take out our own root above the only one of WordNet."""
    (root,) = nodes[ROOT].children
    nodes[root].parent = ""
    del nodes[ROOT]
    return root


def _walk(nodes: dict[str, Node], key: str) -> Iterator[Node]:
    """Yield a node and all below it, each before those below it."""
    waiting = [key]
    while waiting:
        node = nodes[waiting.pop()]
        yield node
        waiting.extend(reversed(node.children))


def _in_tree(keys: list[str], instead: dict[str, str], key: str) -> list[str]:
    return [each for each in dict.fromkeys(instead.get(other, other) for other in keys) if each != key]
