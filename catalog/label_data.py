"""The 1,000 ImageNet classes and the WordNet synsets above them, from the files in `catalog/data/`.

`imagenet_classes.json` holds wnids and superclasses; words and glosses are WordNet's own and come from
`wordnet_hierarchy.json.gz`, which `./manage build_hierarchy` makes. Sources and licences: data/NOTICE.md.
Needs no database.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from catalog.wordnet import Synset

DATA = Path(__file__).resolve().parent / "data"
CLASSES_FILE = DATA / "imagenet_classes.json"
HIERARCHY_FILE = DATA / "wordnet_hierarchy.json.gz"
WIKIPEDIA_SEARCH = "https://en.wikipedia.org/wiki/Special:Search"
# Synsets that say in an everyday word what kind of living thing something is.
EVERYDAY_KINDS = frozenset(
    {
        "n02084071",  # dog
        "n02121808",  # domestic cat
        "n02127808",  # big cat
        "n02124623",  # wildcat
        "n01503061",  # bird
        "n02512053",  # fish
        "n01482330",  # shark
        "n01495701",  # ray
        "n01726692",  # snake
        "n01674464",  # lizard
        "n01639765",  # frog
        "n01629276",  # salamander
        "n01662784",  # turtle
        "n01696633",  # crocodilian reptile
        "n01699831",  # dinosaur
        "n01772222",  # spider
        "n02159955",  # insect
        "n02274259",  # butterfly
        "n02164464",  # beetle
        "n02484322",  # monkey
        "n02470325",  # ape
        "n02374451",  # horse
        "n02062744",  # whale
        "n02076196",  # seal
        "n01976957",  # crab
        "n01982650",  # lobster
        "n01974773",  # crustacean
        "n01942177",  # gastropod
        "n01922303",  # worm
        "n02316707",  # echinoderm
        "n02131653",  # bear
        "n02114100",  # wolf
        "n02118333",  # fox
        "n02329401",  # rodent
        "n02324045",  # rabbit
        "n01874434",  # marsupial
        "n02419796",  # antelope
        "n01861778",  # mammal
        "n12992868",  # fungus
    }
)
FETCH = gettext_lazy("Fetch the file from the repository again.")
MAKE_AGAIN = gettext_lazy("Fetch the file from the repository, or make it again: ./manage build_hierarchy DATA_NOUN")
HIERARCHY_LICENCE = (
    "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. Full terms: WORDNET_LICENSE"
)


class LabelDataError(UserError):
    """An error: a data file is missing, damaged, or contradicts the other. The message names the file."""


@dataclass(frozen=True)
class SynsetRecord:
    """A synset: its word forms joined by ", ", and in `hypernyms` the wnids of the next wider synsets."""

    wnid: str
    words: str
    gloss: str
    hypernyms: tuple[str, ...]


@dataclass(frozen=True)
class LabelRecord:
    """A class: its `index` from 0 to 999, as classifiers predict it; 11 superclasses (Tsipras et al. 2020, app. A)."""

    index: int
    wnid: str
    words: str
    gloss: str
    superclass: str
    wikipedia_url: str


def imagenet_classes(path: Path = CLASSES_FILE) -> list[tuple[str, str]]:
    """Return (wnid, superclass) of each class, in index order. Raises LabelDataError."""
    content = _content(path, path.read_bytes, FETCH)
    try:
        names = content["superclasses"]
        return [(wnid, names[superclass]) for wnid, superclass in content["classes"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        message = gettext("%(file)s: 'classes' is not a list of (wnid, superclass index).") % {"file": path}
        raise _error(message, shell=FETCH) from error


def hierarchy(path: Path = HIERARCHY_FILE) -> list[SynsetRecord]:
    """Return all synsets from the 1,000 classes up to `entity`, in wnid order. Raises LabelDataError."""
    content = _content(path, lambda: gzip.decompress(path.read_bytes()), MAKE_AGAIN)
    try:
        return [
            SynsetRecord(row["wnid"], row["words"], row["gloss"], tuple(row["hypernyms"])) for row in content["synsets"]
        ]
    except (KeyError, TypeError) as error:
        message = gettext("%(file)s has no list of synsets under 'synsets'.") % {"file": path}
        raise _error(message, shell=MAKE_AGAIN) from error


def imagenet_labels() -> list[LabelRecord]:
    """Return the 1,000 classes in index order. Raises LabelDataError."""
    return label_records(imagenet_classes(), hierarchy())


def label_records(classes: Iterable[tuple[str, str]], synsets: Iterable[SynsetRecord]) -> list[LabelRecord]:
    """Return the classes with the words and glosses of their synsets. Raises LabelDataError."""
    by_wnid = {synset.wnid: synset for synset in synsets}
    records = []
    for index, (wnid, superclass) in enumerate(classes):
        if wnid not in by_wnid:
            message = gettext("The hierarchy has no synset %(wnid)s, the wnid of class %(index)s.")
            values = {"wnid": wnid, "index": index}
            raise _error(message % values, shell=MAKE_AGAIN)
        synset = by_wnid[wnid]
        url = wikipedia_url(synset.words, kind_of(synset, by_wnid))
        records.append(LabelRecord(index, wnid, synset.words, synset.gloss, superclass, url))
    return records


def kind_of(synset: SynsetRecord, by_wnid: Mapping[str, SynsetRecord]) -> str:
    """Return what kind of thing a synset is, in a word or two; empty for the root.

    It is the nearest of EVERYDAY_KINDS above it; without one, as for things that people make, the next wider synset.
    """
    level = [by_wnid[wnid] for wnid in synset.hypernyms if wnid in by_wnid]
    nearest = level[:1]
    while level:
        if everyday := [wider for wider in level if wider.wnid in EVERYDAY_KINDS]:
            nearest = everyday
            break
        level = [by_wnid[wnid] for wider in level for wnid in wider.hypernyms if wnid in by_wnid]
    return nearest[0].words.split(", ")[0] if nearest else ""


def wikipedia_url(words: str, kind: str) -> str:
    """Return a search for the first word form and its kind: a name alone often leads to another thing of that name.

    Not an article's own address: which article means this synset is not known, and titles change.

    >>> wikipedia_url("crane", "bird")
    'https://en.wikipedia.org/wiki/Special:Search?search=crane+bird'
    >>> wikipedia_url("tiger shark, Galeocerdo cuvieri", "shark")
    'https://en.wikipedia.org/wiki/Special:Search?search=tiger+shark'
    """
    name = words.split(", ")[0]
    says_kind = set(kind.lower().split()) <= set(name.lower().split())
    return f"{WIKIPEDIA_SEARCH}?{urlencode({'search': name if says_kind else f'{name} {kind}'})}"


def encode_hierarchy(synsets: Iterable[Synset]) -> bytes:
    """Return the content of `wordnet_hierarchy.json.gz`: the same synsets always give the same bytes."""
    rows = [{"wnid": s.wnid, "words": ", ".join(s.lemmas), "gloss": s.gloss, "hypernyms": s.hypernyms} for s in synsets]
    content = {"licence": HIERARCHY_LICENCE, "synsets": rows}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    packed = BytesIO()
    # No file name and no time in the header: gzip would write both.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


def _error(message: str, *, shell: object) -> LabelDataError:
    return LabelDataError(
        message, shell=str(shell), page=gettext("The site administrator can repair the installation.")
    )


def _content(path: Path, read: Callable[[], bytes], way_out: object) -> Any:
    try:
        return json.loads(read())
    except FileNotFoundError as error:
        raise _error(gettext("%(file)s is missing.") % {"file": path}, shell=way_out) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        message = gettext("%(file)s is damaged (%(reason)s).") % {"file": path, "reason": error}
        raise _error(message, shell=way_out) from error
