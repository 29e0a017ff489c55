"""Tests of the parts of the label search: lists of words, names with owners, and what a misspelt word may mean."""

import random
from itertools import pairwise

import pytest

from catalog.label_search.phrases import BEGINNING, ERRORS, EXACT, PART, WORDS, PhraseIndex, WordIndex, query_of
from catalog.label_search.phrases import in_common as owners_in_common
from catalog.label_search.spelling import MOST_COMPARED, Spellings, Typed, errors_allowed, plain

WORDS_OF_A_KITCHEN = ["colander", "spatula", "ladle", "frying pan", "saucepan", "corkscrew", "stove", "wok", "plate"]


@pytest.fixture
def kitchen() -> Spellings:
    return Spellings(WORDS_OF_A_KITCHEN)


def words_of(spellings: Spellings, numbers: list[int]) -> list[str]:
    return [spellings.words[number] for number in numbers]


# Lists of words


def test_words_that_begin_so_come_in_the_order_of_the_alphabet(kitchen):
    assert words_of(kitchen, list(kitchen.beginning_with("s"))) == ["saucepan", "spatula", "stove"]
    assert words_of(kitchen, list(kitchen.beginning_with("spatula"))) == ["spatula"]
    assert list(kitchen.beginning_with("x")) == []


def test_words_that_have_a_part_come_in_their_own_order(kitchen):
    assert words_of(kitchen, list(kitchen.containing("pan"))) == ["frying pan", "saucepan"]
    assert list(kitchen.containing("fork")) == []


@pytest.mark.parametrize(
    ("typed", "word", "errors"),
    [("spatlua", "spatula", 1), ("ladel", "ladle", 1), ("stoove", "stove", 1), ("corcskrew", "corkscrew", 2)],
)
def test_a_misspelt_word_is_recognized_with_its_errors(kitchen, typed, word, errors):
    matches = [(kitchen.words[number], n, whole) for number, n, whole in kitchen.similar(typed)]
    assert (word, errors, True) in matches


def test_a_beginning_with_an_error_is_recognized_as_one(kitchen):
    matches = [(kitchen.words[number], n, whole) for number, n, whole in kitchen.similar("corksr")]
    assert ("corkscrew", 1, False) in matches


def test_short_texts_are_never_taken_for_other_words(kitchen):
    assert not list(kitchen.similar("wk")) and not list(kitchen.similar("wak"))


def test_more_errors_are_allowed_where_somebody_asks_for_them(kitchen):
    assert not any(kitchen.words[number] == "ladle" for number, *_ in kitchen.similar("laddel"))
    assert any(kitchen.words[number] == "ladle" for number, *_ in kitchen.similar("laddel", more=1))


def test_every_word_with_one_error_is_recognized_among_very_many():
    rng = random.Random(4)
    words = sorted({"".join(rng.choices("abcdefgh", k=rng.randrange(5, 9))) for _ in range(800)})
    spellings = Spellings(words)
    for word in words[::20]:
        for place, _ in enumerate(word):
            typed = word[:place] + "z" + word[place + 1 :]
            if errors_allowed(typed):
                assert any(spellings.words[number] == word for number, *_ in spellings.similar(typed)), (word, typed)


def test_no_search_compares_with_more_words_than_the_limit():
    spellings = Spellings([f"aaaaaaa{number:03}" for number in range(500)])
    assert len(list(spellings.similar("aaaaaaaa"))) <= MOST_COMPARED


def test_the_distance_is_symmetric_and_keeps_the_bound_of_lengths():
    rng = random.Random(5)
    texts = ["".join(rng.choices("abc", k=rng.randrange(1, 7))) for _ in range(60)]
    for first, second in pairwise(texts):
        there, back = Typed(first).distances(second)[0], Typed(second).distances(first)[0]
        assert there == back
        assert abs(len(first) - len(second)) <= there <= max(len(first), len(second))
        assert (there == 0) == (first == second)


def test_plain_texts_stay_as_they_are():
    for text in ("golden retriever", "a1 b2", "金毛犬", "straße"):
        assert plain(plain(text)) == plain(text)


# Owners of words


def test_words_cost_nothing_and_beginnings_and_errors_something():
    index = WordIndex({1: ["terrier"], 2: ["terriers"], 3: ["terrace"], 4: ["hound"]})
    assert index.costs("terrier", errors=None) == {1: 0, 2: 0}
    assert index.costs("terr", errors=None) == {1: 0.5, 2: 0.5, 3: 0.5}
    costs = index.costs("terreir", errors=0)
    assert costs[1] == 1 and 4 not in costs


def test_owners_of_all_words_share_the_costs():
    index = WordIndex({1: ["red", "fox"], 2: ["red", "wolf"], 3: ["fox"]})
    assert owners_in_common(index, ["red", "fox"], errors=None) == {1: 0}
    assert owners_in_common(index, ["re", "fo"], errors=None) == {1: 1.0}
    assert owners_in_common(index, ["red", "cat"], errors=None) == {}
    assert owners_in_common(index, [], errors=None) == {}


# Names


@pytest.fixture
def names() -> PhraseIndex:
    return PhraseIndex(
        enumerate([["great white shark", "white shark"], ["shark"], ["sharkskin"], ["basking shark"], ["T-shirt"]])
    )


def test_each_way_to_fit_has_its_kind(names):
    fits = names.fits(query_of("shark"))
    assert {owner: fit.kind for owner, fit in fits.items()} == {0: WORDS, 1: EXACT, 2: BEGINNING, 3: WORDS}
    assert names.fits(query_of("kskin"))[2].kind == PART
    assert names.misspelt_fits(query_of("sharck"))[1].kind == ERRORS


def test_plurals_blanks_and_hyphens_make_no_difference(names):
    for text in ("t shirt", "tshirt", "T-SHIRTS", "T–shirt"):
        assert names.fits(query_of(text))[4].kind == EXACT, text
    assert names.fits(query_of("sharks"))[1].kind == EXACT


def test_words_in_another_order_fit_and_name_the_best_of_the_names(names):
    fit = names.fits(query_of("shark white"))[0]
    assert (fit.kind, fit.name) == (WORDS, "great white shark")


def test_the_name_that_is_the_text_is_the_one_that_matched(names):
    fit = names.fits(query_of("white shark"))[0]
    assert (fit.kind, fit.name, fit.place) == (EXACT, "white shark", 1)


def test_an_index_without_names_fits_nothing():
    empty = PhraseIndex([])
    assert empty.fits(query_of("dog")) == {} and empty.misspelt_fits(query_of("doggy")) == {}
