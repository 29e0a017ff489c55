"""Rows of JSON that browsers send as presses: what is read of them, and what is refused, whatever it is."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies

from catalog.errors import UserError
from review_task.presses.reads import (
    LONGEST_AGE,
    LONGEST_DEVICE,
    LONGEST_KEY,
    LONGEST_WORDS,
    BadPress,
    ReviewerPress,
    key_of,
    press_in,
)

ROW: dict[str, Any] = {"key": "k.1", "device": "laptop", "kind": "verdict", "age": 0, "item": "abc", "verdict": "wrong"}
TEXTS = ("item", "image", "verdict", "category", "severity", "reason", "words")
NO_TEXTS: list[Any] = [None, 3, 1.5, True, [], ["a"], {}, {"a": "b"}, "x" * (LONGEST_WORDS + 1), "a\x00b"]


BAD_FIELDS: dict[str, list[Any]] = {
    **dict.fromkeys(TEXTS, NO_TEXTS),
    "key": [None, "", 3, [], {}, "k" * (LONGEST_KEY + 1), "a\nb", "a\x00", "\ud83d"],
    "device": [None, "", 3, [], "d" * (LONGEST_DEVICE + 1), "a b", "a.b", "\x00"],
    "kind": [None, "", "verdicts", "Verdict", 3, "undo", True],
    "age": [None, "0", -1, -0.001, True, False, [], 1e13, float("nan"), float("inf")],
    "index": ["1", -1, 2**31, 1.0, True, False, [], {}, 10**40],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_FIELDS.items() for value in values])
def test_a_field_that_no_page_sends_is_refused_with_a_way_out(name, value):
    with pytest.raises(BadPress) as refusal:
        press_in(ROW | {name: value})
    assert refusal.value.for_page == "The page sent something that is no verdict. Open the page again."


@pytest.mark.parametrize("name", ["key", "device", "kind", "age"])
def test_a_row_without_what_every_press_has_is_refused(name):
    with pytest.raises(BadPress):
        press_in({key: value for key, value in ROW.items() if key != name})


@pytest.mark.parametrize("kind", [["verdict"], {"verdict": 1}])
def test_a_kind_that_is_no_text_is_refused_as_any_other(kind):
    with pytest.raises(BadPress):
        press_in(ROW | {"kind": kind})


@pytest.mark.parametrize("row", [None, 3, "k.1", [], ["key"], True, {}, {"key": None}, {"key": ["k"]}, {"Key": "k"}])
def test_what_has_no_key_gets_no_answer(row):
    assert key_of(row) == ""


@pytest.mark.parametrize("key", ["k", "k" * LONGEST_KEY, "laptop.1", "ключ", "鍵", "é✓", "a b"])
def test_a_key_is_any_line_that_is_not_too_long(key):
    assert key_of({"key": key}) == key == press_in(ROW | {"key": key}).key


def test_a_row_is_read_as_it_stands_and_what_it_lacks_is_empty():
    assert press_in(ROW) == ReviewerPress("k.1", "laptop", "verdict", timedelta(), item="abc", verdict="wrong")
    row = {"key": "k", "device": "d1", "kind": "label", "age": 1.5, "image": "i", "words": " é \u202e ", "index": 0}
    press = press_in(row)
    assert (press.image, press.words, press.index, press.is_set) == ("i", " é \u202e ", 0, True)
    assert press.age == timedelta(milliseconds=1.5)
    assert press_in(row | {"more": {"deep": [1]}}) == press, "what a later version of the page sends besides is nothing"


@pytest.mark.parametrize("name", TEXTS)
def test_texts_may_be_as_long_as_a_label_in_words(name):
    assert getattr(press_in(ROW | {name: "ä" * LONGEST_WORDS}), name) == "ä" * LONGEST_WORDS


@pytest.mark.parametrize(
    ("is_set", "read"), [(True, True), (None, True), (0, True), ("false", True), ([], True), (False, False)]
)
def test_only_false_takes_something_back(is_set, read):
    assert press_in(ROW | {"isSet": is_set}).is_set is read


@pytest.mark.parametrize("index", [None, 0, 1, 999, 2**31 - 1])
def test_an_index_is_a_number_that_the_database_holds(index):
    assert press_in(ROW | {"index": index}).index == index


@pytest.mark.parametrize("age", [LONGEST_AGE.total_seconds() * 1000, 9.99e12, 10**12, 10**13 - 1])
def test_a_clock_that_was_set_makes_no_press_older_than_three_months(age):
    assert press_in(ROW | {"age": age}).age == LONGEST_AGE


def test_a_press_is_never_younger_than_the_one_after_it():
    chance = random.Random(14)
    ages = sorted(chance.choice([chance.uniform(0, 1e13), chance.randrange(10**6)]) for _ in range(300))
    read = [press_in(ROW | {"age": age}).age for age in ages]
    assert read == sorted(read) and read[0] >= timedelta() and read[-1] <= LONGEST_AGE


SCALARS = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()
VALUES = strategies.recursive(
    SCALARS,
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=4,
)
FIELDS = strategies.sampled_from(["key", "device", "kind", "age", "index", "isSet", *TEXTS])


@given(strategies.dictionaries(FIELDS, VALUES, max_size=6))
def test_whatever_json_holds_is_read_or_refused_and_never_fails(fields):
    row = json.loads(json.dumps(ROW | fields))
    try:
        press = press_in(row)
    except UserError as refusal:
        assert refusal.for_page
    else:
        assert press.key == key_of(row) and timedelta() <= press.age <= LONGEST_AGE
        assert all(len(getattr(press, name)) <= LONGEST_WORDS for name in TEXTS)
