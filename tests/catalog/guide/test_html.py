"""Texts of the guide as HTML, one mark after the other, and what stands beside a class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.guide.actions import save_entry
from catalog.guide.pages import EntryView, as_html, entry_views, guide_beside, view_of
from catalog.guide.reads import Content, PictureUse, entries_of
from catalog.models import Dataset
from tests.factories import make_dataset

LINK = '<a href="https://a.example/b" rel="noopener noreferrer nofollow">'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One line", "<p>One line</p>"),
        ("Two\nlines", "<p>Two lines</p>"),
        ("Two\n\nparagraphs", "<p>Two</p>\n<p>paragraphs</p>"),
        ("# Head\nText", "<h4>Head</h4>\n<p>Text</p>"),
        ("### Head\n## Head", "<h4>Head</h4>\n<h4>Head</h4>"),
        ("#no head", "<p>#no head</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("* one\n• two", "<ul><li>one</li><li>two</li></ul>"),
        ("-no item", "<p>-no item</p>"),
        ("1. one\n2) two", "<ol><li>one</li><li>two</li></ol>"),
        ("2026. A year", "<p>2026. A year</p>"),
        ("Text\n- one\nText", "<p>Text</p>\n<ul><li>one</li></ul>\n<p>Text</p>"),
        ("a **b** c", "<p>a <strong>b</strong> c</p>"),
        ("a ** b", "<p>a ** b</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("[words](https://a.example/b)", f"<p>{LINK}words</a></p>"),
        ("https://a.example/b.", f"<p>{LINK}https://a.example/b</a>.</p>"),
        ("(https://a.example/b)", f"<p>({LINK}https://a.example/b</a>)</p>"),
        ("[no link]", "<p>[no link]</p>"),
        ("[ftp](ftp://a.example/b)", "<p>[ftp](ftp://a.example/b)</p>"),
        ("<b>&amp;", "<p>&lt;b&gt;&amp;amp;</p>"),
        ("{{ settings }} {% load x %}", "<p>{{ settings }} {% load x %}</p>"),
        ("\n\n", ""),
    ],
)
def test_each_mark_has_its_meaning(text, expected):
    assert as_html(text) == expected


@given(st.text(alphabet="ab<>&\"'[]()*#-1. \n:/htps", max_size=80))
def test_no_text_makes_another_element_or_attribute(text):
    html = str(as_html(text))
    for known in ("p", "h4", "ul", "ol", "li", "strong", "a"):
        html = html.replace(f"</{known}>", "").replace(f"<{known}>", "")
    for part in html.split("<")[1:]:
        assert part.startswith('a href="http') and ' rel="noopener noreferrer nofollow">' in part


@pytest.fixture
def dataset(db) -> Dataset:
    return make_dataset(n_labels=6)


def write(dataset: Dataset, content: Content) -> None:
    save_entry(dataset=dataset, content=content, by=None)


def test_entries_are_read_with_their_classes_in_two_queries(dataset, django_assert_num_queries):
    for index in range(5):
        write(dataset, Content(f"Entry {index}", (index, index + 1), "Grey."))
    entries = list(entries_of(dataset))
    with django_assert_num_queries(2):
        views = entry_views(dataset, entries)
    assert [[label.index for label in view.labels] for view in views] == [[n, n + 1] for n in range(5)]
    assert [view.version and view.version.number for view in views] == [1] * 5


def test_a_preview_has_no_entry_and_unknown_classes_are_left_out(dataset):
    view = view_of(dataset, Content("Title", (0, 99), "Grey."))
    assert (view.entry, view.version) == (None, None)
    assert [label.index for label in view.labels] == [0]


def test_a_short_view_shows_three_pictures():
    uses = tuple(PictureUse(str(n)) for n in range(5))
    view = EntryView(Content("Title", (0,), pictures=uses), [])
    assert view.first_pictures == uses[:3]


def test_beside_a_class_without_anything_there_is_nothing(dataset, django_assert_num_queries):
    label = dataset.label_set.labels.get(index=4)
    with django_assert_num_queries(2):
        beside = guide_beside(dataset, label)
    assert beside == {"dataset": dataset, "label": label, "entries": [], "pairs": []}
