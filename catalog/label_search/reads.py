"""Search for the classes of a label set.

The order: index and wnid; names that are the text, begin with it, have its words or hold it; names of WordNet's
synsets above the class; names with typing errors; glosses. Each process builds its index of a label set once, and
again when a label, a synset or the hierarchy has changed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext

from catalog.hierarchy.reads import groups_of
from catalog.label_search.phrases import Fit, PhraseIndex, Query, WordIndex, in_common, query_of
from catalog.label_set_cache import LabelSetCache
from catalog.models import Label, LabelSet

LONGEST_TEXT = 100
MOST_WORDS = 8
# More than any label set has: nearness below a synset decides only among names that fit alike.
MOST_LABELS = 1_000_000
WNID = re.compile(r"n?(\d{3,8})")
# Places in the order; a name adds the kind of its fit, from 0 to 3.
NUMBER, NAME, START_OF_WNID, ABOVE, MISSPELT, GLOSS, MISSPELT_ABOVE, FAR, MISSPELT_GLOSS, SOME_WORDS = range(10)
# Words that a description of a class may have and its gloss need not.
SMALL_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "its",
        "like",
        "of",
        "on",
        "or",
        "that",
        "the",
    )
) | {"this", "to", "used", "which", "with"}


class Why(StrEnum):
    """Parts of a class that can fit a text."""

    INDEX = "index"
    WNID = "wnid"
    NAME = "name"
    SYNONYM = "synonym"
    ABOVE = "above"
    GLOSS = "gloss"


class Hit(NamedTuple):
    """A class that fits a text. `score` falls from 1 along the order; `matched` is the name or number that fits."""

    label: Label
    score: float
    why: Why
    matched: str

    @property
    def reason(self) -> str:
        """Return why the class is among the results, in words; blank where its first name says it."""
        if self.why == Why.ABOVE:
            return gettext("under %(name)s") % {"name": self.matched}
        if self.why == Why.SYNONYM:
            return gettext("also called %(name)s") % {"name": self.matched}
        return {
            Why.INDEX: gettext("class %(number)s") % {"number": self.matched},
            Why.WNID: self.matched,
            Why.GLOSS: gettext("in the definition"),
        }.get(self.why, "")


class Place(NamedTuple):
    """A place in the order of results, the least first."""

    stage: int
    kind: int = 0
    is_synonym: bool = False
    cost: float = 0


class Entry(NamedTuple):
    """A class among the results: its place in the order, and the reason."""

    place: Place
    why: Why
    matched: str


Entries = Iterable[tuple[int, Entry]]


def search_labels(label_set: LabelSet, text: str, limit: int = 50) -> list[Hit]:
    """Return the classes that fit a text, the best first; none for a text without letters and digits.

    Any text is allowed; what follows its first 100 characters is not read.
    """
    return INDEXES.value_of(label_set).search(text[:LONGEST_TEXT], limit)


class LabelIndex:
    """The names, numbers and glosses of the classes of a label set, ready to be searched.

    Classes have their positions in the order of indexes as numbers here.
    """

    def __init__(self, label_set: LabelSet) -> None:
        self._labels = list(label_set.labels.order_by("index"))
        position = {label.pk: number for number, label in enumerate(self._labels)}
        groups = groups_of(label_set)
        self._names = PhraseIndex((number, _names(label.words)) for number, label in enumerate(self._labels))
        self._above = PhraseIndex((number, _names(group.words)) for number, group in enumerate(groups))
        self._members = [[position[pk] for pk in group.label_ids] for group in groups]
        self._by_number: dict[str, list[int]] = defaultdict(list)
        words: dict[int, set[str]] = {}
        for number, label in enumerate(self._labels):
            self._by_number[str(label.index)].append(number)
            words[number] = _words_of(label.words, label.gloss)
        for group, members in zip(groups, self._members, strict=True):
            for number in members:
                words[number] |= _words_of(group.words)
        self._texts = WordIndex(words)

    def search(self, text: str, limit: int) -> list[Hit]:
        """Return the classes that fit a text, the best first.

        Later stages run if they have room left, and the last one if nothing else fits.
        """
        query = query_of(text)
        # Nobody types more; each costs a look into the index.
        query = query._replace(words=tuple(dict.fromkeys(query.words))[:MOST_WORDS])
        if not query.letters:
            return []
        entries: dict[int, Entry] = {}
        for stage in (self._near, self._misspelt, self._described, self._far):
            for number, entry in stage(query):
                if number not in entries or entry.place < entries[number].place:
                    entries[number] = entry
            if len(entries) >= limit or (entries and stage == self._described):
                break
        ordered = sorted(entries, key=lambda number: (entries[number].place, number))[: max(0, limit)]
        return [
            Hit(self._labels[number], round(1 / rank, 4), *entries[number][1:])
            for rank, number in enumerate(ordered, start=1)
        ]

    def _near(self, query: Query) -> Entries:
        yield from self._numbered(query)
        yield from _named(self._names.fits(query), NAME)
        yield from self._under(self._above.fits(query), ABOVE)

    def _misspelt(self, query: Query) -> Entries:
        yield from _named(self._names.misspelt_fits(query), MISSPELT)

    def _described(self, query: Query) -> Entries:
        yield from self._texts_with(query, GLOSS, errors=None)
        yield from self._under(self._above.misspelt_fits(query), MISSPELT_ABOVE)

    def _far(self, query: Query) -> Entries:
        yield from _named(self._names.misspelt_fits(query, more=1), FAR)
        yield from self._texts_with(query, MISSPELT_GLOSS, errors=1)
        costs = [self._texts.costs(word, errors=None) for word in _large(query.words)]
        n_words = Counter(number for owners in costs for number in owners)
        for number, n in n_words.items():
            yield number, Entry(Place(SOME_WORDS, cost=-n), Why.GLOSS, self._labels[number].gloss)

    def _numbered(self, query: Query) -> Entries:
        """Yield the class of an index, whatever zeros it begins with, and the classes whose wnid begins so."""
        if query.letters.isascii() and query.letters.isdecimal():
            for number in self._by_number.get(str(int(query.letters)), ()):
                yield number, Entry(Place(NUMBER), Why.INDEX, str(self._labels[number].index))
        if match := WNID.fullmatch(query.letters):
            for number, label in enumerate(self._labels):
                if label.wnid.startswith(f"n{match[1]}"):
                    stage = NUMBER if label.wnid == f"n{match[1]}" else START_OF_WNID
                    yield number, Entry(Place(stage), Why.WNID, label.wnid)

    def _under(self, fits: dict[int, Fit], stage: int) -> Entries:
        """Yield the classes below synsets that fit: those below the best one first, and of these the nearest."""
        for group, fit in fits.items():
            for steps, number in enumerate(self._members[group]):
                place = Place(stage, fit.kind, bool(fit.place), fit.cost + steps / MOST_LABELS)
                yield number, Entry(place, Why.ABOVE, fit.name)

    def _texts_with(self, query: Query, stage: int, *, errors: int | None) -> Entries:
        """Yield the classes with all words of a text, but small ones, in names, gloss and names above together."""
        words = _large(query.words)
        for number, cost in in_common(self._texts, words, errors=errors).items():
            yield number, Entry(Place(stage, cost=cost), Why.GLOSS, self._labels[number].gloss)


INDEXES = LabelSetCache(LabelIndex)


def _named(fits: dict[int, Fit], stage: int) -> Entries:
    for number, fit in fits.items():
        why = Why.SYNONYM if fit.place else Why.NAME
        yield number, Entry(Place(stage, fit.kind, bool(fit.place), fit.cost), why, fit.name)


def _names(words: str) -> list[str]:
    return [name for name in (word.strip() for word in words.split(",")) if name]


def _words_of(*texts: str) -> set[str]:
    return {word for text in texts for word in query_of(text).words}


def _large(words: Iterable[str]) -> list[str]:
    """Return the words that say something; all of them if none does."""
    words = list(words)
    return [word for word in words if word not in SMALL_WORDS] or words
