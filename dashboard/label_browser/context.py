"""Contents of the label browser's pages, and of the answers to its scripts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.http import Http404
from django.urls import reverse

from catalog.hierarchy.reads import Node, Tree
from catalog.label_search.reads import Hit
from catalog.models import Dataset

# Levels below a node that the list without scripts shows.
LEVELS_OF_LIST = 2


class Level(NamedTuple):
    """A node with what stands around it. `below` are its children, each with its own."""

    node: Node
    path: list[Node]
    below: "list[Branch]"
    links: list[Node]
    other_parents: list[Node]
    siblings: list[Node]


class Branch(NamedTuple):
    """A node in the nested list, with those below it as far as the list goes."""

    node: Node
    below: "list[Branch]"


def chooser(dataset: Dataset) -> dict[str, str]:
    """Return the addresses that the search and the map ask, for their templates."""
    names = {"matches_address": "label-matches", "tree_address": "label-tree", "search_address": "label-search"}
    return {key: reverse(name, args=[dataset.name]) for key, name in names.items()} | {
        # The map fills in the index.
        "class_address": reverse("label-class", args=[0, dataset.name])
    }


def hit_rows(dataset: Dataset, hits: Iterable[Hit]) -> list[dict[str, Any]]:
    """Return results for the script: the texts that the page would show."""
    # Looked up once: fifty addresses take longer than the search.
    start, end = reverse("label-class", args=[0, dataset.name]).split("/0/", 1)
    return [
        {
            "index": hit.label.index,
            "name": hit.label.name,
            "words": hit.label.words,
            "gloss": hit.label.gloss,
            "reason": hit.reason,
            "address": f"{start}/{hit.label.index}/{end}",
        }
        for hit in hits
    ]


def level_of(tree: Tree, key: str) -> Level:
    """Return a node, by its key or a shortened synset's wnid; the root for no key. Raises Http404 for another."""
    node = tree.node(key or tree.root)
    if node is None:
        raise Http404
    nodes = tree.nodes
    return Level(
        node,
        tree.path(node),
        _branches(tree, node, LEVELS_OF_LIST),
        [nodes[link] for link in node.links],
        [nodes[parent] for parent in node.other_parents],
        tree.siblings(node),
    )


def _branches(tree: Tree, node: Node, levels: int) -> list[Branch]:
    if not levels:
        return []
    return [Branch(tree.nodes[key], _branches(tree, tree.nodes[key], levels - 1)) for key in node.children]


def rows_of_tree(tree: Tree) -> list[list[Any]]:
    """Return for each node: key, words, position of the parent (-1 at the root), number of classes, index of its own
    class or null, words of shortened synsets, and the positions of other parents and of nodes that are links.
    """
    position = {key: number for number, key in enumerate(tree.nodes)}
    return [
        [
            node.key,
            node.words,
            position.get(node.parent, -1),
            node.n_classes,
            node.label and node.label.index,
            node.shortened,
            [position[key] for key in node.other_parents],
            [position[key] for key in node.links],
        ]
        for node in tree.nodes.values()
    ]
