"""Rows of a file that holds a review: each cell takes what the tables can hold, and refuses all else by its name."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_task.files.rows import KINDS, ROWS, BadReviewRow, ReviewLog, ReviewRow, line_of, row_in
from tests.review_task.files.generated_reviews import generated_log

MOMENT = "2026-01-01T12:00:00.000001+00:00"
# A row of each kind, as it is written.
LINES: dict[str, dict[str, Any]] = {
    "review": {
        **{"title": "All", "stage": "first", "n_reviewers": 2, "seed": 0, "earlier": None, "classifier": None},
        "reasons": ["a screenshot"],
    },
    "page": {"page": 0, "page_label": None},
    "item": {"page": 0, "image": "a.jpg", "dataset_label": 1, "label": 2, "n_models": 3, "origin": "models"},
    "reviewer": {"page": 0, "reviewer": "ann", "state": "confirmed", "submitted_at": MOMENT},
    "verdict": {
        **{"page": 0, "image": "a.jpg", "label": 2, "reviewer": "ann", "verdict": "wrong"},
        **{"category": "Other", "severity": "Minor", "created_at": MOMENT},
    },
    "problem": {
        **{"page": 0, "image": "a.jpg", "reviewer": "ann", "reason": "drawing", "is_set": True},
        "created_at": MOMENT,
    },
    "further_label": {
        **{"page": 0, "image": "a.jpg", "reviewer": "ann", "further_label": None, "words": "a fez"},
        **{"is_set": False, "created_at": MOMENT},
    },
    "comment": {"page": 0, "image": "a.jpg", "label": 2, "reviewer": "ann", "words": "Ears.", "created_at": MOMENT},
    "consensus": {
        **{"page": 0, "image": "a.jpg", "label": 2, "reviewer": "ann", "verdict": "correct"},
        **{"category": "", "severity": "", "created_at": MOMENT},
    },
}
TOO_MUCH = 2**31
NUMBERS: tuple[Any, ...] = (-1, TOO_MUCH, 1.0, "1", True, None, [1], {})
LONE_HALF = "\ud83d"  # of a pair that makes a character: JSON can write it, no table can hold it
TEXTS: tuple[Any, ...] = (None, 7, True, [], {}, "a\0b", LONE_HALF)
BAD_CELLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("review", "title", (*TEXTS, "", "t" * 201)),
    ("review", "stage", ("", "second", None, 1, ["first"], "firstmistakes")),
    ("review", "n_reviewers", (*NUMBERS, 0, 101)),
    ("review", "seed", (-1, 2**63, 1.5, "0", None, False)),
    ("review", "earlier", ("", 7, "a\0b", LONE_HALF, "e" * 501)),
    ("review", "classifier", ("", 7, "a\0b", "two\nlines", "c" * 501)),
    ("review", "reasons", (None, "drawing", [""], [7], ["r" * 101], ["a\0b"], [LONE_HALF], {})),
    ("page", "page", NUMBERS),
    ("page", "page_label", tuple(set(map(str, NUMBERS)) - {"None"}) + (-1, TOO_MUCH, True)),
    ("item", "page", NUMBERS),
    ("item", "image", (*TEXTS, "", "two\nlines", "\u202egpj.a", "i" * 501)),
    ("item", "dataset_label", (-1, TOO_MUCH, "1", True, 1.0)),
    ("item", "label", NUMBERS),
    ("item", "n_models", (*NUMBERS, 2**15)),
    ("item", "origin", ("", "nobody", None, 0)),
    ("reviewer", "reviewer", (*TEXTS, "", "tab\t", "r" * 151)),
    ("reviewer", "state", ("", "lost", None)),
    ("reviewer", "submitted_at", ("", None, 0, "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00Z")),
    ("verdict", "verdict", ("", "right", None, 0, "Correct")),
    ("verdict", "category", (*TEXTS, "c" * 61)),
    ("verdict", "severity", (*TEXTS, "s" * 21)),
    ("problem", "reason", (*TEXTS, "", "r" * 101)),
    ("problem", "is_set", (None, 0, 1, "true")),
    ("further_label", "further_label", (-1, TOO_MUCH, "7", True)),
    ("further_label", "words", TEXTS),
    ("comment", "words", (*TEXTS, "w" * 2001)),
    ("consensus", "created_at", ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01")),
]
GOOD_CELLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("review", "title", ("t" * 200, "مراجعة", "“All” & <b>", "👩‍🔬 and 👨‍👩‍👧")),
    ("review", "n_reviewers", (1, 100)),
    ("review", "seed", (0, 2**63 - 1)),
    ("review", "earlier", (None, "The first", "👨‍👩‍👧")),
    ("review", "reasons", ([], ["a", "b"], ["r" * 100])),
    ("page", "page", (0, TOO_MUCH - 1)),
    ("page", "page_label", (None, 0, 999)),
    ("item", "image", ("a", "i" * 500, "ordner/ä b.jpg", "צילום.jpg", "' OR 1=1 --", '"; DROP TABLE a')),
    ("item", "n_models", (0, 2**15 - 1)),
    ("reviewer", "reviewer", ("r" * 150, "Zoë O’Neil", "worker:ann")),
    ("reviewer", "submitted_at", ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5-11:30", MOMENT)),
    ("verdict", "category", ("", "c" * 60)),
    ("comment", "words", ("See its\nears.", "w" * 2000)),
]


def line(kind: str, **cells: Any) -> dict[str, Any]:
    return {"row": kind, **LINES[kind], **cells}


def test_there_is_a_line_of_each_kind_with_all_its_cells():
    assert {kind.row: [cell.name for cell in fields(kind)] for kind in ROWS} == {
        kind: list(cells) for kind, cells in LINES.items()
    }


@pytest.mark.parametrize("kind", LINES)
def test_a_row_is_written_as_it_was_read(kind):
    row = row_in(line(kind))
    assert type(row) is KINDS[kind]
    assert line_of(row) == line(kind)
    assert row_in(json.loads(json.dumps(line_of(row)))) == row


@pytest.mark.parametrize("kind", LINES)
def test_a_cell_that_nobody_knows_is_passed_over(kind):
    assert row_in(line(kind, remark="of a later version")) == row_in(line(kind))


@pytest.mark.parametrize(("kind", "cell"), [(kind, cell) for kind, cells in LINES.items() for cell in cells])
def test_a_row_that_lacks_a_cell_names_it(kind, cell):
    whole = line(kind)
    del whole[cell]
    with pytest.raises(BadReviewRow, match=f"the row “{kind}” lacks {cell}[.]"):
        row_in(whole)


def test_a_row_without_any_cell_names_them_all():
    with pytest.raises(BadReviewRow, match="the row “item” lacks page, image, dataset_label, label, n_models, origin"):
        row_in({"row": "item"})


@pytest.mark.parametrize(("kind", "cell", "values"), BAD_CELLS, ids=[f"{kind} {cell}" for kind, cell, _ in BAD_CELLS])
def test_a_cell_that_cannot_be_is_named_with_its_row(kind, cell, values):
    for value in values:
        with pytest.raises(BadReviewRow) as refused:
            row_in(line(kind, **{cell: value}))
        assert str(refused.value).startswith(f"{cell} of a row “{kind}” cannot be “"), value
        # The message goes to a terminal or a page, whatever the file holds.
        assert str(refused.value).encode() and len(str(refused.value)) < 120


@pytest.mark.parametrize(("kind", "cell", "values"), GOOD_CELLS, ids=[f"{kind} {cell}" for kind, cell, _ in GOOD_CELLS])
def test_a_cell_at_its_limit_is_read(kind, cell, values):
    for value in values:
        assert getattr(row_in(line(kind, **{cell: value})), cell) == value


@pytest.mark.parametrize("value", [None, 7, "review", [], [line("page")], {}, {"row": None}, {"row": "vote"}])
def test_a_line_that_is_no_row_is_told_which_rows_there_are(value):
    with pytest.raises(BadReviewRow, match="whose “row” is one of: review, page, item, reviewer, verdict, problem,"):
        row_in(value)


@pytest.mark.parametrize("kind", [[], {}, ["page"], True, 1.5])
def test_a_kind_of_row_that_is_no_text_is_refused_like_an_unknown_one(kind):
    with pytest.raises(BadReviewRow, match="whose “row” is one of"):
        row_in({"row": kind})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(LINES)), st.data())
def test_whatever_stands_in_a_cell_it_is_read_or_refused(kind, data):
    cell = data.draw(st.sampled_from(sorted((*LINES[kind], "row"))))
    written = line(kind, **{cell: data.draw(JSON_VALUES)})
    try:
        row = row_in(written)
    except BadReviewRow:
        return
    assert line_of(row) == written


def test_a_log_takes_each_row_into_its_list_and_only_one_review():
    log = generated_log(2)
    again = ReviewLog(log.review)
    for row in list(log.rows())[1:]:
        again.add(row)
    assert again == log and list(again.rows()) == list(log.rows())
    second = row_in(line("review"))
    assert isinstance(second, ReviewRow)
    with pytest.raises(BadReviewRow, match="a file holds one review; this is the second"):
        again.add(second)
