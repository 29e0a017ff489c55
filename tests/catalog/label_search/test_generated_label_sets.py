"""Search in generated label sets beside a slow and plain reader: what must be among the results, and in which order."""

import random
import string
from collections.abc import Sequence

import pytest

from catalog.label_search.reads import Hit, Why, search_labels
from catalog.label_search.spelling import errors_allowed, plain
from catalog.models import LabelSet
from tests.catalog.made_up_label_sets import UNUSUAL_NAMES, label_set_of, store_synsets
from tests.chance import seeds

pytestmark = pytest.mark.django_db

SEEDS = seeds(6)
CONSONANTS, VOWELS = "bdfgklmnprtvz", "aeiou"


def indexes(hits: Sequence[Hit]) -> list[int]:
    return [hit.label.index for hit in hits]


def made_up_word(rng: random.Random, syllables: int) -> str:
    return "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(syllables)) + rng.choice(CONSONANTS)


def distance(first: str, second: str) -> int:
    """The errors between two texts from the whole table: letters more, missing, replaced, or neighbours swapped."""
    table = [[row + column for column in range(len(second) + 1)] for row in range(len(first) + 1)]
    for row in range(1, len(first) + 1):
        for column in range(1, len(second) + 1):
            is_other = first[row - 1] != second[column - 1]
            table[row][column] = min(
                table[row - 1][column] + 1, table[row][column - 1] + 1, table[row - 1][column - 1] + is_other
            )
            if row > 1 and column > 1 and first[row - 2 : row] == second[column - 2 : column][::-1]:
                table[row][column] = min(table[row][column], table[row - 2][column - 2] + 1)
    return table[-1][-1]


class Words:
    """A generated label set: each class has one to three names of one or two words, and a gloss of three."""

    def __init__(self, seed: int, n_labels: int = 25) -> None:
        self.rng = random.Random(seed)
        self.names = [[self.name() for _ in range(self.rng.choice((1, 1, 2, 3)))] for _ in range(n_labels)]
        self.glosses = [" ".join(made_up_word(self.rng, 4) for _ in range(3)) for _ in range(n_labels)]
        self.label_set: LabelSet = label_set_of(*(", ".join(names) for names in self.names), glosses=self.glosses)

    def name(self) -> str:
        return " ".join(made_up_word(self.rng, self.rng.choice((2, 3))) for _ in range(self.rng.choice((1, 2))))

    def called(self, text: str) -> set[int]:
        """Return the classes of which a name is this text."""
        return {index for index, names in enumerate(self.names) if text in names}


@pytest.fixture(params=SEEDS)
def words(request) -> Words:
    return Words(request.param)


def test_each_class_comes_first_by_each_of_its_names(words):
    for index, names in enumerate(words.names):
        for place, name in enumerate(names):
            hits = search_labels(words.label_set, name)
            first = indexes(hits)[: len(words.called(name))]
            assert index in first and set(first) == words.called(name)
            hit = hits[indexes(hits).index(index)]
            assert (hit.why, hit.matched) == (Why.SYNONYM if place else Why.NAME, name)
            assert hit.reason == (f"also called {name}" if place else "")


@pytest.mark.parametrize(
    "form",
    [
        str.upper,
        str.title,
        "  {}  ".format,
        lambda name: name.replace(" ", "-"),
        lambda name: name.replace(" ", ""),
        lambda name: "".join(f"{c}\u0301" for c in name),
    ],
)
def test_case_blanks_hyphens_and_accents_change_no_result(words, form):
    for names in words.names[:8]:
        # A changed name may be joined, so that only the first results have to be those of the name.
        n_called = len(words.called(names[0]))
        expected = indexes(search_labels(words.label_set, names[0]))[:n_called]
        assert indexes(search_labels(words.label_set, form(names[0])))[:n_called] == expected


def test_each_beginning_of_a_name_finds_its_class(words):
    for index, names in enumerate(words.names):
        for end in range(1, len(names[0]) + 1):
            assert index in indexes(search_labels(words.label_set, names[0][:end])), names[0][:end]


def test_each_part_of_three_letters_finds_its_class(words):
    for index, names in enumerate(words.names):
        letters = names[-1].replace(" ", "")
        for start in range(len(letters) - 2):
            assert index in indexes(search_labels(words.label_set, letters[start : start + 3]))


def test_every_name_within_the_errors_allowed_is_found(words):
    """The plain reader compares the text with each name; the search looks at those alone that share letters."""
    n_compared = 0
    for _ in range(60):
        name = words.rng.choice(words.rng.choice(words.names)).replace(" ", "")
        place = words.rng.randrange(1, len(name))
        typed = name[: place - 1] + words.rng.choice(["", *string.ascii_lowercase]) + name[place:]
        near = {
            index
            for index, names in enumerate(words.names)
            if any(distance(typed, each.replace(" ", "")) <= errors_allowed(typed) for each in names)
        }
        n_compared += bool(near)
        assert near <= set(indexes(search_labels(words.label_set, typed))), typed
    assert n_compared > 40


def test_words_in_any_order_find_the_class(words):
    for index, names in enumerate(words.names):
        for name in names:
            reverse = " ".join(reversed(name.split()))
            assert index in indexes(search_labels(words.label_set, reverse))


def test_a_word_of_a_gloss_finds_its_class_and_says_where(words):
    for index, gloss in enumerate(words.glosses):
        (hit,) = [hit for hit in search_labels(words.label_set, gloss) if hit.label.index == index]
        assert (hit.why, hit.matched, hit.reason) == (Why.GLOSS, gloss, "in the definition")


def test_names_stand_before_errors_and_errors_before_definitions(words):
    """Between the results of a text, no class of which a name begins so stands behind one of which none does."""
    for names in words.names:
        for text in (names[0][:3], names[0][:5], names[0]):
            hits = search_labels(words.label_set, text)
            begins = [any(plain(name).startswith(text) for name in words.names[index]) for index in indexes(hits)]
            assert begins == sorted(begins, reverse=True), text


def test_a_limit_cuts_and_changes_nothing_else(words):
    for names in words.names[:6]:
        whole = search_labels(words.label_set, names[0][:2], 50)
        for limit in (-1, 0, 1, 2, 7):
            hits = search_labels(words.label_set, names[0][:2], limit)
            if len(whole) >= limit:
                assert indexes(hits) == indexes(whole)[: max(0, limit)]


def test_scores_are_the_ranks(words):
    hits = search_labels(words.label_set, "a")
    assert [hit.score for hit in hits] == [round(1 / rank, 4) for rank in range(1, len(hits) + 1)]


# Unusual names, numbers, and what stands above


@pytest.mark.parametrize("name", UNUSUAL_NAMES, ids=ascii)
def test_an_unusual_name_is_found_by_itself(name):
    label_set = label_set_of("thing", name, "other thing")
    hits = search_labels(label_set, name)
    assert hits and hits[0].label.words == name


@pytest.mark.parametrize("name", ["...", "😀", "", ", ,"])
def test_a_class_without_letters_is_found_by_its_index(name):
    label_set = label_set_of("thing", name)
    assert indexes(search_labels(label_set, "1")) == [1] and indexes(search_labels(label_set, "thing")) == [0]


def test_every_class_is_found_by_its_index_first_with_zeros_or_without():
    label_set = label_set_of(*(f"{(index * 7) % 120} of them" for index in range(120)))
    for index in range(120):
        for text in (str(index), f"{index:04}", f" {index} "):
            hits = search_labels(label_set, text)
            assert (hits[0].label.index, hits[0].why, hits[0].reason) == (index, Why.INDEX, f"class {index}")
    assert not any(hit.why == Why.INDEX for hit in search_labels(label_set, "120"))


def test_the_beginning_of_a_wnid_finds_all_that_begin_so_behind_the_whole_one():
    label_set = label_set_of("a", "b", "c", "d")
    for index, wnid in enumerate(("n01234567", "n01234568", "n09999999", "n00000123")):
        label_set.labels.filter(index=index).update(wnid=wnid)
    assert indexes(search_labels(label_set, "n012345")) == [0, 1]
    assert indexes(search_labels(label_set, "n01234568")) == [1]
    assert indexes(search_labels(label_set, "012")) == [0, 1]
    assert [hit.reason for hit in search_labels(label_set, "n01234567")] == ["n01234567"]
    for text in ("n01", "n0123456789", "m01234567"):
        assert search_labels(label_set, text) == [], text


def test_a_group_finds_its_classes_the_nearest_first_and_names_itself():
    label_set = label_set_of("rex", "tom", "felix", "stone")
    store_synsets(
        {"pet": [], "cat": ["pet"], "rex1": ["pet"], "tom1": ["cat"], "felix1": ["cat"]}, {"pet": "pet, chum"}
    )
    for index, wnid in enumerate(("rex1", "tom1", "felix1")):
        label_set.labels.filter(index=index).update(wnid=wnid)
    assert indexes(search_labels(label_set, "pet")) == [0, 1, 2]
    assert indexes(search_labels(label_set, "cat")) == [1, 2]
    assert {hit.reason for hit in search_labels(label_set, "chum")} == {"under chum"}
    assert {hit.reason for hit in search_labels(label_set, "chums")} == {"under chum"}


def test_what_follows_a_hundred_letters_is_not_read():
    label_set = label_set_of("okapi", "zebra")
    assert indexes(search_labels(label_set, " " * 99 + "zebra")) == indexes(search_labels(label_set, "z"))
    assert search_labels(label_set, " " * 100 + "zebra") == []


def test_of_two_classes_of_one_name_both_come_in_the_order_of_their_indexes():
    label_set = label_set_of("crane", "heron", "crane", "crane")
    assert indexes(search_labels(label_set, "crane")) == [0, 2, 3]


def test_small_words_and_words_twice_change_nothing():
    label_set = label_set_of("okapi", "zebra", glosses=["striped animal of the forest", "striped animal of plains"])
    for text in ("striped animal", "a striped animal", "animal striped striped", "an animal that is striped"):
        assert indexes(search_labels(label_set, text)) == [0, 1], text
    assert indexes(search_labels(label_set, "animal of the forest"))[0] == 0


def test_the_index_answers_without_the_database(django_assert_num_queries):
    for n_labels in (3, 300):
        label_set = label_set_of(*(f"class number {index}" for index in range(n_labels)))
        search_labels(label_set, "number")
        with django_assert_num_queries(1):
            hits = search_labels(label_set, "number", 300)
            assert len([hit.reason + hit.label.name + hit.label.gloss for hit in hits]) == n_labels
