"""Names of things, looked up by all or some of their words, whole, begun or misspelt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from catalog.label_search.spelling import Spellings, plain, singular

# How a name fits, the best first.
EXACT, BEGINNING, WORDS, PART, ERRORS = range(5)
# Costs within these: a name further back in its list; a word of which only the beginning was typed.
OF_A_SYNONYM, OF_A_BEGINNING, OF_SEPARATE_WORDS = 0.5, 0.5, 1.0
SHORTEST_PART = 3


class Fit(NamedTuple):
    """The way in which a name fits a text: its kind, the cost within it, and the place among the names of its owner."""

    kind: int
    cost: float
    place: int
    name: str


class Query(NamedTuple):
    """A text as it is looked up: its words, and all of its letters."""

    words: tuple[str, ...]
    letters: str


class Phrase(NamedTuple):
    """A name as it is written, with its owner and its place among the names of that."""

    owner: int
    place: int
    name: str
    words: tuple[str, ...]


def query_of(text: str) -> Query:
    """Return what a text asks for.

    >>> query_of("T-shirt")
    Query(words=('t', 'shirt'), letters='tshirt')
    """
    words = tuple(plain(text).split())
    return Query(words, "".join(words))


class WordIndex:
    """Owners of words, by the words."""

    def __init__(self, words_of: Mapping[int, Iterable[str]]) -> None:
        self._owners: dict[str, set[int]] = defaultdict(set)
        for owner, words in words_of.items():
            for word in words:
                self._owners[word].add(owner)
                self._owners[singular(word)].add(owner)
        self._spellings = Spellings(self._owners)

    def costs(self, word: str, *, errors: int | None) -> dict[int, float]:
        """Return what it costs each owner of a word like this one to count as its owner.

        Words with typing errors count if `errors` is a number: of those allowed beyond the usual.
        """
        costs: dict[int, float] = {}
        if errors is not None:
            for number, distance, is_whole in self._spellings.similar(word, more=errors):
                self._lower(costs, number, distance + (0 if is_whole else OF_A_BEGINNING))
        for number in self._spellings.beginning_with(word):
            self._lower(costs, number, OF_A_BEGINNING)
        for exact in {word, singular(word)}:
            costs.update(dict.fromkeys(self._owners.get(exact, ()), 0.0))
        return costs

    def _lower(self, costs: dict[int, float], number: int, cost: float) -> None:
        for owner in self._owners[self._spellings.words[number]]:
            costs[owner] = min(cost, costs.get(owner, cost))


class PhraseIndex:
    """Names of owners, who are numbers: each has one or several."""

    def __init__(self, names: Iterable[tuple[int, Iterable[str]]]) -> None:
        self._phrases = [
            Phrase(owner, place, name, query_of(name).words)
            for owner, texts in names
            for place, name in enumerate(texts)
        ]
        self._spellings = Spellings("".join(phrase.words) for phrase in self._phrases)
        self._exact: dict[str, list[int]] = defaultdict(list)
        words_of: dict[int, set[str]] = defaultdict(set)
        for number, phrase in enumerate(self._phrases):
            for form in {"".join(phrase.words), _singular_form(phrase.words)}:
                self._exact[form].append(number)
            words_of[phrase.owner].update(phrase.words)
        self.words = WordIndex(words_of)
        self._of_owner: dict[int, list[Phrase]] = defaultdict(list)
        for phrase in self._phrases:
            self._of_owner[phrase.owner].append(phrase)

    def fits(self, query: Query) -> dict[int, Fit]:
        """Return how the owners fit whose name is this text, begins with it or has all of its words."""
        fits: dict[int, Fit] = {}
        for form in {query.letters, _singular_form(query.words)}:
            for number in self._exact.get(form, ()):
                self._add(fits, number, EXACT, 0)
        for number in self._spellings.beginning_with(query.letters):
            self._add(fits, number, BEGINNING, len(self._spellings.words[number]) - len(query.letters))
        for owner, cost in in_common(self.words, query.words, errors=None).items():
            self._add_words(fits, owner, query, WORDS, cost)
        if len(query.letters) >= SHORTEST_PART or not query.letters.isascii():
            for number in self._spellings.containing(query.letters):
                self._add(fits, number, PART, len(self._spellings.words[number]) - len(query.letters))
        return fits

    def misspelt_fits(self, query: Query, more: int = 0) -> dict[int, Fit]:
        """Return how the owners fit whose name is this text with typing errors, or with so many more than usual."""
        fits: dict[int, Fit] = {}
        for number, distance, is_whole in self._spellings.similar(query.letters, more=more):
            self._add(fits, number, ERRORS, distance + (0 if is_whole else OF_A_BEGINNING))
        for owner, cost in in_common(self.words, query.words, errors=more).items():
            self._add_words(fits, owner, query, ERRORS, cost + OF_SEPARATE_WORDS)
        return fits

    def _add(self, fits: dict[int, Fit], number: int, kind: int, cost: float) -> None:
        phrase = self._phrases[number]
        _keep_best(fits, phrase.owner, Fit(kind, cost, phrase.place, phrase.name))

    def _add_words(self, fits: dict[int, Fit], owner: int, query: Query, kind: int, cost: float) -> None:
        phrase = max(self._of_owner[owner], key=lambda phrase: (_n_shared(phrase, query), -phrase.place))
        _keep_best(fits, owner, Fit(kind, cost, phrase.place, phrase.name))


def in_common(index: WordIndex, words: Iterable[str], *, errors: int | None) -> dict[int, float]:
    """Return the owners of all of the words, with their costs together."""
    together: dict[int, float] | None = None
    for word in words:
        costs = index.costs(word, errors=errors)
        if together is None:
            together = costs
        else:
            together = {owner: cost + costs[owner] for owner, cost in together.items() if owner in costs}
        if not together:
            return {}
    return together or {}


def _keep_best(fits: dict[int, Fit], owner: int, fit: Fit) -> None:
    if owner not in fits or fit < fits[owner]:
        fits[owner] = fit


def _n_shared(phrase: Phrase, query: Query) -> int:
    return sum(any(word.startswith(typed) for word in phrase.words) for typed in query.words)


def _singular_form(words: Iterable[str]) -> str:
    return "".join(map(singular, words))
