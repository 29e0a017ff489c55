"""Drafts of the guide's form: whatever a browser sends, nothing that somebody wrote is dropped, and nothing breaks."""

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UserError
from catalog.guide.checks.reads import MOST_LABELS, MOST_PICTURES, MOST_TRAITS
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait
from catalog.models import Label
from dashboard.guide.forms import (
    FREE_ROWS,
    Draft,
    EntryForm,
    columns_in,
    draft_in,
    initial_of,
    pictures_in,
    traits_in,
)


def find(text: str) -> Label:
    """Return the class of an index below 20, as `label_lookup` would."""
    if text.isdecimal() and int(text) < 20:
        return Label(index=int(text), words=f"thing {int(text)}")
    raise UserError(f"{text!r} is no class")


def data_of(**fields: object) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in fields.items():
        data.setlist(name, value if isinstance(value, list) else [str(value)])
    return data


def draft_of(**fields: object) -> Draft:
    data = data_of(**fields)
    form = EntryForm(data, find=find)
    form.is_valid()
    return draft_in(form, data)


def test_a_whole_form_becomes_a_draft():
    cells = {"trait-0": "ears", "trait-0-1": "folded", "trait-0-2": "pointed", "trait-5": "tail", "trait-5-2": "docked"}
    draft = draft_of(
        title="Terriers",
        classes="2\r\n1: Norfolk terrier\r\n\r\n1",
        body=" indented\r\ntext ",
        links="https://a.example  Kennel club \r\nhttps://b.example",
        note="more",
        based_on="3",
        **cells,
    )
    assert draft.content == Content(
        "Terriers",
        (1, 2),
        " indented\r\ntext ",
        (Trait("ears", {1: "folded", 2: "pointed"}), Trait("tail", {2: "docked"})),
        (GuideLink("https://a.example", "Kennel club"), GuideLink("https://b.example")),
    )
    assert (draft.based_on, draft.note) == (3, "more")


def test_an_empty_form_is_an_empty_draft():
    draft = draft_of()
    assert draft.content == Content("", ()) and draft.based_on == 0
    assert draft.rows == [(0, "", []), (1, "", []), (2, "", [])]


def test_faulty_classes_leave_the_table_with_the_columns_that_it_had():
    draft = draft_of(classes="absent", columns=["4", "2"], **{"trait-0": "ears", "trait-0-4": "folded"})
    assert draft.content.labels == (2, 4)
    assert draft.content.traits == (Trait("ears", {4: "folded"}),)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["2", "1", "2"], (1, 2)),
        (["x", "-1", "", "1.5", "٣", "9" * 40], ()),
        ([str(n) for n in range(40)], tuple(range(MOST_LABELS))),
        ([], ()),
    ],
)
def test_columns_are_class_indexes_and_few(columns, expected):
    assert columns_in(data_of(columns=columns)) == expected


@pytest.mark.parametrize("based_on", ["-1", "x", "", "9" * 30, "1.5"])
def test_a_number_that_no_version_has_is_that_of_none(based_on):
    assert draft_of(based_on=based_on).based_on == 0


def test_more_classes_than_an_entry_has_are_a_fault_of_the_field():
    form = EntryForm(data_of(classes="\n".join(map(str, range(MOST_LABELS + 1)))), find=find)
    assert not form.is_valid() and "at most 12 classes" in form.errors["classes"][0]


# Traits


def test_empty_rows_are_left_out_and_rows_beyond_the_last_are_not_read():
    data = data_of(**{"trait-0": "", "trait-1": "  ", "trait-2-1": "folded", f"trait-{MOST_TRAITS}": "beyond"})
    assert traits_in(data, (1,)) == (Trait("", {1: "folded"}),)


def test_a_page_shows_the_traits_and_some_free_rows():
    content = Content("Terriers", (1, 2), traits=(Trait("ears", {2: "pointed"}),))
    rows = Draft(content).rows
    assert rows[0] == (0, "ears", [(1, ""), (2, "pointed")])
    assert [row[:2] for row in rows[1:]] == [(number, "") for number in range(1, FREE_ROWS + 1)]


def test_a_full_table_has_no_free_row():
    content = Content("Terriers", (1,), traits=tuple(Trait(f"t{n}", {}) for n in range(MOST_TRAITS)))
    assert len(Draft(content).rows) == MOST_TRAITS
    assert len(Draft(Content("Terriers", (1,)), n_rows=500).rows) == MOST_TRAITS


@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=8))
def test_a_table_that_is_shown_and_sent_again_is_the_same(rows):
    traits = tuple(Trait(name.strip(), {1: text} if text else {}) for name, text in rows if name.strip() or text)
    draft = Draft(Content("Terriers", (1,), traits=traits))
    sent: dict[str, object] = {}
    for number, name, cells in draft.rows:
        sent[f"trait-{number}"] = name
        sent |= {f"trait-{number}-{index}": text for index, text in cells}
    assert traits_in(data_of(**sent), (1,)) == traits


# Pictures


def test_pictures_stay_in_order_without_those_that_are_left_out():
    data = data_of(
        pictures=["b", "a", "c", "b"], **{"caption-a": "A.", "caption-b": "B.", "remove-c": "on", "caption-d": "D."}
    )
    assert pictures_in(data) == (PictureUse("b", "B."), PictureUse("a", "A."))


def test_a_form_has_only_so_many_pictures():
    assert len(pictures_in(data_of(pictures=[str(n) for n in range(500)]))) == 2 * MOST_PICTURES


def test_a_picture_is_added_once():
    draft = Draft(Content("Terriers", (1,), pictures=(PictureUse("a", "A."),)))
    assert draft.with_picture("a") is draft
    assert draft.with_picture("b").content.pictures == (PictureUse("a", "A."), PictureUse("b"))


# The form again


def test_a_draft_fills_the_form_that_gives_it_back():
    content = Content("Terriers", (1, 2), "Ears.", links=(GuideLink("https://a.example", "A b"),))
    labels = [Label(index=1, words="Norfolk terrier"), Label(index=2, words="Norwich terrier, a: b")]
    fields = initial_of(Draft(content, 7), labels)
    assert fields["classes"] == "1: Norfolk terrier\n2: Norwich terrier, a: b"
    again = draft_of(**fields)
    assert again.content == content and again.based_on == 7
