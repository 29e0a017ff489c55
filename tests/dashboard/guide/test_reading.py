"""Reading the labelling guide: list, search, versions, differences, withdrawal, and what stands beside a class."""

import html
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from django.test import Client

from access.models import Role
from catalog.actions import create_dataset
from catalog.class_pairs.actions import add_pair
from catalog.guide.pages import as_html, guide_beside
from catalog.guide.reads import Content, GuideLink, Trait, entries_of
from catalog.models import Dataset, GuideEntry, Label
from studies.guide.actions import write_entry
from tests.factories import client_of, make_account, make_dataset, make_member, member_client, unique

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=30)


@pytest.fixture
def client(dataset) -> Client:
    return member_client(dataset, Role.REVIEWER)


def text_of(page) -> str:
    return html.unescape(page.content.decode())


def write(
    dataset: Dataset, *labels: int, title: str = "", body: str = "Grey.", based_on: int = 0, **rest
) -> GuideEntry:
    content = Content(title or f"About {labels}", labels, body, **rest)
    entry = entries_of(dataset).filter(labels=list(labels)).first()
    version, _ = write_entry(dataset=dataset, content=content, by=make_account(), entry=entry, based_on=based_on)
    return version.entry


def label(dataset: Dataset, index: int) -> Label:
    return dataset.label_set.labels.get(index=index)


def guide(dataset: Dataset) -> str:
    return f"/guide/entries/{dataset.name}/"


# The list


def test_entries_stand_in_class_order_page_by_page(dataset, client):
    for index in reversed(range(25)):
        write(dataset, index)
    first, second = text_of(client.get(guide(dataset))), text_of(client.get(guide(dataset), {"page": 2}))
    assert first.index("About (0,)") < first.index("About (1,)") < first.index("About (19,)")
    assert "About (20,)" not in first and "About (20,)" in second
    assert "25 entries" in first and "25 classes are described." in first


def test_a_search_shows_the_best_match_first_and_groups_can_stand_alone(dataset, client):
    write(dataset, 3, title="Others", body="Sometimes like a crane.")
    write(dataset, 5, 6, title="Cranes and herons")
    write(dataset, 7, title="Storks", body="White.")
    words = text_of(client.get(guide(dataset), {"search": "crane"}))
    assert words.index("Cranes and herons") < words.index("Others") and "Storks" not in words
    groups = text_of(client.get(guide(dataset), {"only": "groups"}))
    assert "Cranes and herons" in groups and "Storks" not in groups
    both = text_of(client.get(guide(dataset), {"search": "crane", "only": "groups"}))
    assert "Cranes and herons" in both and "Others" not in both
    assert "No entry matches." in text_of(client.get(guide(dataset), {"search": "<b>'|&!"}))


def test_an_empty_guide_says_so_and_offers_no_document(dataset, client):
    words = text_of(client.get(guide(dataset)))
    assert "Nobody has written an entry yet." in words and "/guide/document/" not in words
    assert f"/guide/new/{dataset.name}/" in words


def test_confusable_pairs_without_a_group_are_listed_to_write_about(dataset, client):
    for first, second in ((0, 1), (2, 3)):
        add_pair(
            label_set=dataset.label_set,
            first=label(dataset, first),
            second=label(dataset, second),
            kind="confusable",
            provenance="a review",
            added_by=None,
        )
    write(dataset, 0, 1)
    words = text_of(client.get(guide(dataset)))
    assert f"/guide/new/{dataset.name}/?class=2&class=3" in words and "class=0&class=1" not in words
    assert "Confusable classes" not in text_of(member_client(dataset, Role.READER).get(guide(dataset)))


# An entry


def test_an_entry_shows_its_classes_traits_and_links(dataset, client):
    traits, links = (Trait("neck", {0: "<long>"}),), (GuideLink("https://a.example/x", "Bird <b>book</b>"),)
    entry = write(dataset, 0, 1, title="Cranes & herons", body="## Neck\nSee **it**.", traits=traits, links=links)
    page = client.get(f"/guide/entry/{entry.pk}/{dataset.name}/").content.decode()
    assert "Cranes &amp; herons" in page and "0: thing 0" in page and "1: thing 1" in page
    assert "<h4>Neck</h4>" in page and "<strong>it</strong>" in page
    assert '<th scope="row">neck</th><td>&lt;long&gt;</td><td>–</td>' in page
    assert '<a href="https://a.example/x" rel="noopener noreferrer nofollow">Bird &lt;b&gt;book&lt;/b&gt;</a>' in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ('[x" onclick="y](https://a.example/)', '<p><a href="https://a.example/" rel="noopener noreferrer nofollow">'),
        ("https://a.example/?a=1&b=2", 'href="https://a.example/?a=1&amp;b=2"'),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("**<i>**", "<p><strong>&lt;i&gt;</strong></p>"),
        ("", ""),
    ],
)
def test_texts_become_html_that_is_escaped(text, expected):
    assert expected in as_html(text) and 'onclick="' not in as_html(text)


# Versions


def test_versions_are_listed_compared_and_restored(dataset, client):
    entry = write(dataset, 0, 1, body="The neck is long.")
    write(dataset, 0, 1, body="The neck is short.", based_on=1)
    write(dataset, 0, 1, body="The neck is short and grey.", based_on=2)
    words = text_of(client.get(f"/guide/versions/{entry.pk}/{dataset.name}/"))
    assert words.index("From version 3") < words.index("From version 2") < words.index("From version 1")
    address = f"/guide/differences/{entry.pk}/{dataset.name}/"
    newest = client.get(address).content.decode()
    assert "<ins> and grey</ins>" in newest and "<del>" not in newest
    whole = client.get(address, {"from": "3", "to": "1"}).content.decode()
    assert "<del>long</del>" in whole and "<ins>" in whole, "the older one is always the former"
    assert client.get(address, {"from": "9"}).status_code == 404
    assert client.get(address, {"from": "x"}).status_code == 200
    old = text_of(client.get(f"/guide/version/{entry.pk}/1/{dataset.name}/"))
    assert "The neck is long." in old and "Restore this version" in old
    restore = f"/guide/restore/{entry.pk}/1/{dataset.name}/"
    assert "Version 1 is restored as version 4." in text_of(client.post(restore, {"based_on": "3"}, follow=True))
    assert [version.body for version in entry.versions.order_by("number")][-1] == "The neck is long."


def test_a_restoration_stops_if_somebody_saved_meanwhile(dataset, client):
    entry = write(dataset, 0)
    write(dataset, 0, body="Brown.", based_on=1)
    restore = f"/guide/restore/{entry.pk}/1/{dataset.name}/"
    page = client.post(restore, {"based_on": "1"}, follow=True)
    assert "saved version 2 meanwhile. Look at it first; nothing was changed." in text_of(page)
    assert entry.versions.count() == 2
    assert client.post(f"/guide/restore/{entry.pk}/7/{dataset.name}/").status_code == 404


def test_an_entry_of_one_version_can_be_compared_with_itself(dataset, client):
    entry = write(dataset, 0)
    assert "unchanged" in text_of(client.get(f"/guide/differences/{entry.pk}/{dataset.name}/"))


# Withdrawal


def test_an_entry_is_withdrawn_and_put_back(dataset, client):
    entry = write(dataset, 0, title="Cranes")
    page = client.post(f"/guide/about/{entry.pk}/withdraw/{dataset.name}/", {"reason": "Twice."}, follow=True)
    assert "“Cranes” is withdrawn." in text_of(page) and "Put the entry back" in text_of(page)
    assert "Withdrawn entries" in text_of(client.get(guide(dataset)))
    page = client.post(f"/guide/about/{entry.pk}/reinstate/{dataset.name}/", follow=True)
    assert "is in the guide again" in text_of(page)
    assert client.post(f"/guide/about/{entry.pk}/burn/{dataset.name}/").status_code == 404


def test_an_entry_that_has_a_successor_is_not_put_back(dataset, client):
    entry = write(dataset, 0, title="Cranes")
    client.post(f"/guide/about/{entry.pk}/withdraw/{dataset.name}/")
    write(dataset, 0, title="Better")
    page = client.post(f"/guide/about/{entry.pk}/reinstate/{dataset.name}/", follow=True)
    assert "These classes have another entry by now: “Better”." in text_of(page)


# One guide for several studies


def test_a_study_takes_the_guide_of_another_that_the_person_edits(dataset):
    write(dataset, 0, title="Cranes")
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    person = make_member(other, Role.OWNER)
    client = client_of(person)
    assert "Use the guide of another study" not in text_of(client.get(guide(other))), "they have no role there"
    page = client.post(f"/guide/share/{other.name}/", {"study": dataset.name}, follow=True)
    assert "Choose a study of the list." in text_of(page)


def test_an_owner_of_both_shares_the_guide(dataset):
    write(dataset, 0, title="Cranes")
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    client = Client(headers={"host": "localhost"})
    administrator = make_account()
    administrator.is_staff = True
    administrator.save()
    client = client_of(administrator)
    assert f"<option>{dataset.name}</option>" in text_of(client.get(guide(other)))
    page = client.post(f"/guide/share/{other.name}/", {"study": dataset.name}, follow=True)
    assert "uses the guide of" in text_of(page) and "Cranes" in text_of(page)


# Beside a class


def beside(dataset: Dataset, index: int, *may: str) -> str:
    context = {"beside": guide_beside(dataset, label(dataset, index)), "request": SimpleNamespace(may=may)}
    return html.unescape(render_to_string("dashboard/guide/beside.html", context))


def test_beside_a_class_stand_its_entry_its_groups_and_its_pairs(dataset, django_assert_max_num_queries):
    traits = (Trait("neck", {0: "long", 1: "short"}),)
    write(dataset, 0, 1, title="Cranes or herons", traits=traits)
    long_text = "A crane is grey. " * 30
    write(dataset, 0, title="Cranes", body=long_text)
    write(dataset, 2, title="Storks")
    first, second = label(dataset, 0), label(dataset, 3)
    add_pair(
        label_set=dataset.label_set, first=first, second=second, kind="subset", provenance="WordNet", added_by=None
    )
    with django_assert_max_num_queries(5):
        words = beside(dataset, 0)
    assert words.index("Cranes") < words.index("Cranes or herons") and "Storks" not in words
    assert "A crane is grey. A crane" in words and "…</p>" in words and "Whole entry" in words
    assert "<td>long</td><td>short</td>" in words
    assert 'A kind of <b>thing 3</b> <span class="soft">(WordNet)</span>' in words


def test_a_class_without_an_entry_offers_to_write_one_to_those_who_may(dataset):
    assert "no entry about this class" in beside(dataset, 4) and "/guide/new/" not in beside(dataset, 4)
    assert f"/guide/new/{dataset.name}/?class=4" in beside(dataset, 4, "write_guide")


def test_a_short_text_is_not_said_twice(dataset):
    write(dataset, 0, body="Grey.")
    assert "Whole entry" not in beside(dataset, 0)
