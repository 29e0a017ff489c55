"""Forms of words that count as the same, and the distance between words that typing errors make."""

import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

# What people type in two ways, or leave out.
APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ＇")
SHORTEST_WITH_ERROR = 4
SHORTEST_WITH_TWO = 7
SHORTEST_WITH_THREE = 16
# Of neighbouring letters: a swap of two letters changes three pairs, any other error two.
PAIRS_OF_AN_ERROR = 3
# Of which a beginning with an error counts: shorter ones are beginnings of too many words.
SHORTEST_BEGINNING = 6
MOST_COMPARED = 100
LONGEST_WORD = 10_000


def plain(text: str) -> str:
    """Return a text in small letters without accents; all but letters and digits are single blanks.

    >>> plain("Bouvier des  Flandres"), plain("T-Shirt"), plain("Crème brûlée"), plain("lady's slipper")
    ('bouvier des flandres', 't shirt', 'creme brulee', 'ladys slipper')
    """
    letters = unicodedata.normalize("NFKD", text.translate(APOSTROPHES)).casefold()
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join("".join(letter if letter.isalnum() else " " for letter in letters).split())


def singular(word: str) -> str:
    """Return the singular of a plain English word by its ending; most other words stay as they are.

    >>> [singular(word) for word in ("dogs", "foxes", "berries", "bus", "glass", "wolves")]
    ['dog', 'fox', 'berry', 'bus', 'glass', 'wolf']
    """
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    for ending, instead in (("ies", "y"), ("lves", "lf"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + instead
    return word[:-1]


def errors_allowed(word: str) -> int:
    """Return how many typing errors a word of this length may have."""
    limits = (SHORTEST_WITH_ERROR, SHORTEST_WITH_TWO, SHORTEST_WITH_THREE)
    return sum(len(word) >= least for least in limits)


class Typed:
    """A text as it was typed, ready to be compared with many words.

    An error is a letter too much, missing or replaced, or two neighbouring letters swapped: the optimal string
    alignment distance, a column of whose table is held in the bits of a few integers (Hyyrö 2003).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._places: dict[str, int] = defaultdict(int)
        for place, letter in enumerate(text):
            self._places[letter] |= 1 << place
        self._all = (1 << len(text)) - 1
        self._last = 1 << max(0, len(text) - 1)

    def distances(self, word: str) -> tuple[int, int]:
        """Return the errors between the text and a word, and those between it and the nearest beginning of the word.

        >>> Typed("terreir").distances("terrier"), Typed("retreiv").distances("retriever")
        ((1, 1), (3, 1))
        """
        if not self.text:
            return len(word), 0
        errors = fewest = len(self.text)
        rising, falling, same, before, every = self._all, 0, 0, 0, self._all
        for letter in word:
            places = self._places.get(letter, 0)
            swapped = ((~same & places) << 1) & before
            same = ((((places & rising) + rising) ^ rising) | places | falling | swapped) & every
            more, fewer = falling | (every & ~(same | rising)), same & rising
            if more & self._last:
                errors += 1
            elif fewer & self._last:
                errors -= 1
                fewest = min(fewest, errors)
            more = (more << 1) | 1
            rising = ((fewer << 1) | ~(same | more)) & every
            falling, before = more & same & every, places
        return errors, fewest


class Spellings:
    """Words, each with a number, that are looked up by their beginning or with typing errors."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = list(words)
        self._lengths = list(map(len, self.words))
        self._sorted = sorted((word, number) for number, word in enumerate(self.words))
        self._by_pair: dict[str, list[int]] = defaultdict(list)
        for number, word in enumerate(self.words):
            for pair in _pairs(word):
                self._by_pair[pair].append(number)

    def beginning_with(self, start: str) -> Iterator[int]:
        """Yield the numbers of the words that begin so, in the order of the alphabet."""
        for word, number in self._sorted[bisect_left(self._sorted, (start, -1)) :]:
            if not word.startswith(start):
                return
            yield number

    def containing(self, part: str) -> Iterator[int]:
        """Yield the numbers of the words that have this part, in their own order."""
        return (number for number, word in enumerate(self.words) if part in word)

    def similar(self, typed: str, *, more: int = 0) -> Iterator[tuple[int, int, bool]]:
        """Yield (number, errors, whether all of the word was typed) for words that errors may have turned into this.

        A word of which only the beginning was typed counts too: people search while they type. `more` errors are
        allowed than words of this length may usually have.
        """
        most = errors_allowed(typed)
        most += more if most else 0
        text = Typed(typed)
        for number in self._candidates(typed, most) if most else ():
            whole, start = text.distances(self.words[number])
            if whole <= most:
                yield number, whole, True
            elif start <= most and len(typed) >= SHORTEST_BEGINNING:
                yield number, start, False

    def _candidates(self, typed: str, most: int) -> Sequence[int]:
        """Return the words that share so many pairs of letters with the text that they can be near enough."""
        pairs = _pairs(typed)
        shared: Counter[int] = Counter()
        for pair in pairs:
            shared.update(self._by_pair.get(pair, ()))
        least = max(1, len(pairs) - 1 - PAIRS_OF_AN_ERROR * most)
        # Of a short text only whole words count, so that long ones are no candidates.
        longest = len(typed) + most if len(typed) < SHORTEST_BEGINNING else LONGEST_WORD
        near = [
            number
            for number, n_pairs in shared.items()
            if n_pairs >= least and len(typed) - most <= self._lengths[number] <= longest
        ]
        return sorted(near, key=lambda number: (-shared[number], number))[:MOST_COMPARED]


def _pairs(word: str) -> set[str]:
    """Return the pairs of neighbouring letters of a word, with its two ends."""
    ends = f"^{word}$"
    return {ends[place : place + 2] for place in range(len(ends) - 1)}
