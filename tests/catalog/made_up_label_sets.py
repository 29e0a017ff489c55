"""Label sets with made-up synsets above their classes, and what a slow and plain reader says of them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.actions import add_label_set
from catalog.label_data import LabelRecord
from catalog.models import LabelSet, Synset
from tests.factories import unique

# Names that a study may well have, and that a page, an address or an index may trip over.
UNUSUAL_NAMES = (
    "O'Brien's \"best\" <b>beer</b>",
    "either/or",
    "C++",
    "C#",
    "Käse & Öl",
    "חתול",
    "قطة, هرة",
    "金毛犬",
    "50% off; DROP TABLE",
    "&amp;",
    "{{ name }}",
    "\\n",
    "x" * 500,
)


@dataclass(frozen=True)
class MadeUp:
    """A label set, the hypernyms of its synsets by wnid, and the wnid of each class by index ("" for none)."""

    label_set: LabelSet
    hypernyms: Mapping[str, Sequence[str]]
    wnids: Sequence[str]
    superclasses: Sequence[str]

    def above(self, wnid: str) -> set[str]:
        """Return the synsets above one, by all ways; itself only on a circle."""
        above: set[str] = set()
        waiting = list(self.hypernyms.get(wnid, ()))
        while waiting:
            wider = waiting.pop()
            if wider not in above:
                above.add(wider)
                waiting += self.hypernyms[wider]
        return above

    def below(self, wnid: str) -> set[int]:
        """Return the indexes of the classes of a synset and of those below it."""
        return {index for index, each in enumerate(self.wnids) if each == wnid or wnid in self.above(each)}


def label_set_of(*words: str, superclasses: Sequence[str] = (), glosses: Sequence[str] = ()) -> LabelSet:
    """Return a label set of classes with these words, without WordNet."""
    records = [
        LabelRecord(
            index,
            "",
            text,
            glosses[index] if index < len(glosses) else "",
            superclasses[index] if index < len(superclasses) else "",
            "",
        )
        for index, text in enumerate(words)
    ]
    return add_label_set(name=unique("labels"), labels=records)


def store_synsets(hypernyms: Mapping[str, Sequence[str]], words: Mapping[str, str] | None = None) -> None:
    """Store synsets with their hypernyms, circles and all, each with its wnid as its words if no others are named."""
    Synset.objects.bulk_create(Synset(wnid=wnid, words=(words or {}).get(wnid, wnid)) for wnid in hypernyms)
    through = Synset.hypernyms.through
    through.objects.bulk_create(
        through(from_synset_id=wnid, to_synset_id=wider) for wnid, above in hypernyms.items() for wider in above
    )


def made_up(rng: random.Random, *, n_synsets: int, n_labels: int, circles: bool = False) -> MadeUp:
    """Return a label set below a random hierarchy: some classes share a synset, some have none or an unknown one."""
    stem = unique("s")
    names = [f"n{stem[2:]}{number}"[:20] for number in range(n_synsets)]
    hypernyms = {}
    for number, name in enumerate(names):
        wider = names if circles else names[:number]
        hypernyms[name] = rng.sample(wider, min(len(wider), rng.choice((0, 1, 1, 1, 2, 3)))) if number else []
    store_synsets(hypernyms)
    wnids = [rng.choice([*names, *names, "", "n-unknown"]) for _ in range(n_labels)]
    superclasses = [rng.choice(["", "Birds", "Birds of prey", "C++", "C#"]) for _ in range(n_labels)]
    records = [
        LabelRecord(index, wnid, f"class {index}", "", superclasses[index], "") for index, wnid in enumerate(wnids)
    ]
    label_set = add_label_set(name=unique("labels"), labels=records)
    return MadeUp(label_set, hypernyms, wnids, superclasses)
