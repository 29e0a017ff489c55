"""The guide's markup, which never makes code of a page, and differences by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.guide.differences.reads import Change, differences, word_differences
from catalog.guide.markup.reads import BlockKind, Style, is_safe_address, parse, spans, summary
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait

TEXT = """## Ears
Norfolk terriers have **folded** ears.
Norwich have not.

- folded: [Norfolk](https://a.example/norfolk_(dog))
- pointed: https://b.example/x, mostly

1. Look at the ears.
2) Look at the tail.
"""


def test_blocks_are_headings_paragraphs_and_lists():
    blocks = parse(TEXT)
    assert [(block.kind, len(block.lines)) for block in blocks] == [
        (BlockKind.HEADING, 1),
        (BlockKind.PARAGRAPH, 1),
        (BlockKind.BULLETS, 2),
        (BlockKind.NUMBERS, 2),
    ]
    assert [span.style for span in blocks[1].lines[0]] == [Style.PLAIN, Style.BOLD, Style.PLAIN]
    assert blocks[2].lines[1][1:] == (
        (("https://b.example/x", Style.LINK, "https://b.example/x")),
        (", mostly", "plain", ""),
    )


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](//a.example)",
        "[x](https://rosa:secret@a.example/)",
        "https://[::1/",
        "https://",
        "<a href=https://>x</a>",
    ],
)
def test_what_is_no_safe_address_stays_text(text):
    line = list(spans(text))
    assert not [span for span in line if span.style == Style.LINK]
    assert "".join(span.words for span in line) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://a.example", True), ("http://a.example/b", True), ("ftp://a.example", False), ("https:///b", False)],
)
def test_a_safe_address_is_on_the_web_and_has_a_host(url, expected):
    assert is_safe_address(url) == expected


@given(st.text(alphabet=st.sampled_from("ab*[]()#-1. \n<>&:/h"), max_size=80))
def test_parsing_loses_no_word_of_any_text(text):
    letters = [span.words for block in parse(text) for line in block.lines for span in line]
    kept = "".join("".join(letters).split())
    for letter in "ab<>&:/h":
        assert kept.count(letter) == text.count(letter)


def test_a_summary_is_the_beginning_without_marks():
    assert summary(TEXT, 40) == "Norfolk terriers have folded ears…"
    assert summary("Ears:\n- folded\n- pointed") == "Ears: folded; pointed"
    assert summary("Short.") == "Short." and summary("## Ears") == ""


def changes(before: str, after: str) -> list[tuple[str, str]]:
    return [(str(piece.change), piece.words) for piece in word_differences(before, after)]


def test_differences_are_by_word():
    pieces = changes("The ears are folded.", "The tail and ears are pointed.")
    assert [words.strip() for change, words in pieces if change == "removed"] == ["folded"]
    assert [words.strip() for change, words in pieces if change == "added"] == ["tail and", "pointed"]
    assert changes("", "") == [] and changes("a", "") == [("removed", "a")]


@given(st.text("ab \n.", max_size=60), st.text("ab \n.", max_size=60))
def test_both_texts_can_be_read_from_their_differences(before, after):
    pieces = word_differences(before, after)
    assert "".join(piece.words for piece in pieces if piece.change != Change.ADDED) == before
    assert "".join(piece.words for piece in pieces if piece.change != Change.REMOVED) == after


def test_long_texts_are_compared_all_the_same():
    before, after = "a b " * 5000, "b a " * 5000
    pieces = word_differences(before, after)
    assert "".join(piece.words for piece in pieces if piece.change != Change.ADDED) == before


def test_every_part_of_an_entry_is_compared():
    before = Content("Terriers", (0, 1), "Ears.", (Trait("ears", {0: "folded"}),), (GuideLink("https://a.example"),))
    after = Content("Terriers", (0,), "Ears.", (Trait("ears", {0: "pointed"}),), (), (PictureUse("abcdefgh", "Two."),))
    sections = differences(before, after, lambda index: f"thing {index}")
    assert [(section.name, section.is_changed) for section in sections] == [
        ("Title", False),
        ("Classes", True),
        ("Text", False),
        ("Traits", True),
        ("Links", True),
        ("Pictures", True),
    ]
    assert [(str(piece.change), piece.words) for piece in sections[3].pieces] == [
        ("same", "ears, thing 0: "),
        ("removed", "folded"),
        ("added", "pointed"),
    ]
