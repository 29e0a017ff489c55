"""The synsets above the classes of a label set, with all of their hypernyms."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from catalog.models import Label, LabelSet, Synset


@dataclass
class Graph:
    """The labels in index order; synsets of theirs and above, by wnid, with the wnids of the next wider ones.

    `of_label` is the wnid of each label that has a synset, by the label's id.
    """

    labels: list[Label]
    synsets: dict[str, Synset] = field(default_factory=dict)
    hypernyms: dict[str, list[str]] = field(default_factory=dict)
    of_label: dict[int, str] = field(default_factory=dict)

    def hyponyms(self) -> dict[str, list[str]]:
        """Return the wnids of the next narrower synsets."""
        below: dict[str, list[str]] = defaultdict(list)
        for wnid in sorted(self.synsets):
            for wider in self.hypernyms.get(wnid, ()):
                below[wider].append(wnid)
        return below


def graph_of(label_set: LabelSet) -> Graph:
    """Return the part of WordNet's hierarchy that leads from the classes of a label set to the root."""
    labels = list(label_set.labels.order_by("index"))
    edges = _edges()
    synsets = Synset.objects.in_bulk(_closure(edges, {label.wnid for label in labels if label.wnid}))
    hypernyms = {wnid: [wider for wider in edges.get(wnid, ()) if wider in synsets] for wnid in synsets}
    of_label = {label.pk: label.wnid for label in labels if label.wnid in synsets}
    return Graph(labels, synsets, hypernyms, of_label)


def steps_up(graph: Graph, wnid: str) -> dict[str, int]:
    """Return the synsets above one, by wnid, with the number of steps on the shortest way to each."""
    steps, waiting = {wnid: 0}, deque([wnid])
    while waiting:
        current = waiting.popleft()
        for wider in graph.hypernyms.get(current, ()):
            if wider not in steps:
                steps[wider] = steps[current] + 1
                waiting.append(wider)
    del steps[wnid]
    return steps


def _edges() -> Mapping[str, list[str]]:
    """Return the hypernyms of each synset in the order in which they were stored: WordNet's own."""
    edges: dict[str, list[str]] = defaultdict(list)
    through = Synset.hypernyms.through
    for wnid, wider in through.objects.order_by("pk").values_list("from_synset_id", "to_synset_id"):
        edges[wnid].append(wider)
    return edges


def _closure(edges: Mapping[str, list[str]], wnids: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(wnids)
    while waiting:
        wnid = waiting.pop()
        if wnid not in reached:
            reached.add(wnid)
            waiting.extend(edges.get(wnid, ()))
    return reached
