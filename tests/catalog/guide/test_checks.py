"""Texts as they are stored: cleaned once, the same when cleaned again, and never more than their limits."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.guide.actions import ensure_guide
from catalog.guide.checks.reads import (
    LONGEST_CAPTION,
    LONGEST_NAME_OF_TRAIT,
    LONGEST_NOTE,
    MOST_LINKS,
    MOST_PICTURES,
    TURNING,
    BadContent,
    checked_content,
    clean,
)
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait, content_of, stored_content
from catalog.models import Dataset, Guide, GuidePicture, GuideVersion
from catalog.reads import now
from tests.factories import make_dataset

ANY_TEXT = st.text(max_size=60)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text):
    assert clean(clean(text)) == clean(text)


@given(ANY_TEXT)
def test_a_clean_text_has_no_control_character_but_line_ends(text):
    assert all(letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in clean(text))
    assert not TURNING & set(clean(text))


@given(st.text(alphabet="abc äß鶴🐕.,;-", max_size=60))
def test_what_people_write_is_kept(text):
    assert clean(text) == text.rstrip().strip("\n")


@given(
    st.builds(
        Content,
        title=ANY_TEXT,
        labels=st.lists(st.integers(0, 20), max_size=5).map(lambda labels: tuple(sorted(set(labels)))),
        body=ANY_TEXT,
        traits=st.lists(
            st.builds(Trait, name=ANY_TEXT, values=st.dictionaries(st.integers(0, 20), ANY_TEXT, max_size=3)),
            max_size=3,
        ).map(tuple),
        links=st.lists(st.builds(GuideLink, url=ANY_TEXT, title=ANY_TEXT), max_size=2).map(tuple),
        pictures=st.lists(st.builds(PictureUse, public_id=ANY_TEXT, caption=ANY_TEXT), max_size=2).map(tuple),
    )
)
def test_content_comes_back_from_its_columns(content):
    assert content_of(GuideVersion(**stored_content(content))) == content


@pytest.fixture
def dataset(db) -> Dataset:
    return make_dataset(n_labels=6)


@pytest.fixture
def guide(dataset) -> Guide:
    return ensure_guide(dataset=dataset)


def content(**changed) -> Content:
    return Content(**{"title": "Terriers", "labels": (1, 0), "body": "Ears."} | changed)


def test_checking_twice_is_checking_once(dataset, guide):
    rows = (Trait(" ears ", {0: " folded\n", 1: "", 9: "elsewhere"}), Trait("", {}))
    links = (GuideLink(" https://a.example ", "A  b"), GuideLink("https://a.example", "A b"))
    once = checked_content(dataset, guide, content(title="  Two \n terriers ", traits=rows, links=links))
    assert once == Content(
        "Two terriers", (0, 1), "Ears.", (Trait("ears", {0: "folded"}),), (GuideLink("https://a.example", "A b"),)
    )
    assert checked_content(dataset, guide, once) == once


@pytest.mark.parametrize(
    ("changed", "note", "reason"),
    [
        ({"traits": (Trait("x" * (LONGEST_NAME_OF_TRAIT + 1), {}),)}, "", "The name of a trait has more than 100"),
        ({"links": tuple(GuideLink(f"https://a.example/{n}") for n in range(MOST_LINKS + 1))}, "", "at most 20 links"),
        ({"links": (GuideLink("https://a.example", "x" * 101),)}, "", "a title has at most 100"),
        ({}, "x" * (LONGEST_NOTE + 1), "The note has more than 300 characters"),
        ({"labels": (-1, 0)}, "", "has no class -1"),
    ],
)
def test_each_part_has_a_limit(dataset, guide, changed, note, reason):
    with pytest.raises(ValueError, match=reason):
        checked_content(dataset, guide, content(**changed), note)


@pytest.fixture
def pictures(guide) -> list[GuidePicture]:
    rows = [
        GuidePicture(guide=guide, digest=f"{n:064}", picture=f"guide/{n}.jpg", created_at=now())
        for n in range(MOST_PICTURES + 1)
    ]
    return GuidePicture.objects.bulk_create(rows)


def test_an_entry_has_only_so_many_pictures(dataset, guide, pictures):
    uses = tuple(PictureUse(row.public_id) for row in pictures)
    with pytest.raises(BadContent, match="at most 24 pictures; this one has 25"):
        checked_content(dataset, guide, content(pictures=uses))
    assert len(checked_content(dataset, guide, content(pictures=uses[1:])).pictures) == MOST_PICTURES


def test_captions_are_lines_and_the_same_picture_stands_once(dataset, guide, pictures):
    public_id = pictures[0].public_id
    uses = (PictureUse(public_id, "First."), PictureUse(public_id, " Last\nof it. "))
    assert checked_content(dataset, guide, content(pictures=uses)).pictures == (PictureUse(public_id, "Last of it."),)
    with pytest.raises(BadContent, match="A caption has more than 300"):
        checked_content(dataset, guide, content(pictures=(PictureUse(public_id, "x" * (LONGEST_CAPTION + 1)),)))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": "", "traits": (Trait("ears", {}),)},
        {"body": "", "links": (GuideLink("https://a.example"),)},
        {"body": "Ears."},
    ],
)
def test_any_part_makes_an_entry(dataset, guide, changed):
    assert checked_content(dataset, guide, content(**changed)).title == "Terriers"
