"""Words of the guide's pages: counts, empty states, headings, lists page by page, and odd names of studies."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.memberships.actions import give_role
from access.models import Role
from catalog.actions import create_dataset
from catalog.guide.pages import guide_beside, view_of
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait
from catalog.models import Dataset
from dashboard.guide.lists import MOST_PAIRS, guides_to_share, pairs_to_write_about
from studies.guide.actions import reinstate, withdraw
from tests.catalog.guide.guide_texts import entry_about, label_of, pair_of, words_of
from tests.factories import make_dataset, make_member, member_client, unique

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=45)


@pytest.fixture
def client(dataset) -> Client:
    return member_client(dataset, Role.OWNER)


def page(client: Client, dataset: Dataset, **query: Any) -> str:
    answer = client.get(f"/guide/entries/{dataset.name}/", query)
    assert answer.status_code == 200
    return " ".join(words_of(answer).split())


def titles(text: str) -> list[str]:
    return re.findall(r'<h3><a href="/guide/entry/[^"]*">([^<]*)</a>', text)


@pytest.mark.parametrize(
    ("groups", "counts"),
    [
        ((), "0 entries, 0 of them about groups; 0 classes are described."),
        (((4,),), "1 entry, 0 of them about groups; 1 class is described."),
        (((4, 5),), "1 entry, 1 of them about a group; 2 classes are described."),
        (((4,), (4, 5), (5, 6, 7)), "3 entries, 2 of them about groups; 4 classes are described."),
    ],
)
def test_entries_groups_and_classes_are_counted_in_words(dataset, client, groups, counts):
    for labels in groups:
        entry_about(dataset, *labels)
    assert counts in page(client, dataset)


def test_an_entry_that_is_withdrawn_counts_no_more_and_is_listed_apart(dataset, client):
    entry_about(dataset, 1)
    entry = entry_about(dataset, 2, title="Herons")
    withdraw(dataset=dataset, entry=entry)
    text = page(client, dataset)
    assert "1 entry, 0 of them" in text and titles(text) == ["About 1"]
    assert text.index("Withdrawn entries") < text.index(">Herons</a>")
    assert "This entry is withdrawn" in words_of(client.get(f"/guide/entry/{entry.pk}/{dataset.name}/"))
    reinstate(dataset=dataset, entry=entry)
    assert "2 entries" in page(client, dataset) and "Withdrawn entries" not in page(client, dataset)


def test_a_guide_whose_entries_are_all_withdrawn_offers_no_document(dataset, client):
    withdraw(dataset=dataset, entry=entry_about(dataset, 2))
    text = page(client, dataset)
    assert "Nobody has written an entry yet." in text and "Download" not in text
    assert client.get(f"/guide/document/html/{dataset.name}/").status_code == 409


def test_a_long_guide_goes_page_by_page_and_a_search_stays_in_its_links(dataset, client):
    for index in range(41):
        entry_about(dataset, index, title=f"Crane {index:02}" if index % 2 else f"Heron {index:02}")
    shown = [titles(page(client, dataset, page=number)) for number in (1, 2, 3)]
    assert [len(rows) for rows in shown] == [20, 20, 1]
    assert [row[-2:] for rows in shown for row in rows] == [f"{index:02}" for index in range(41)]
    last = page(client, dataset, page=99)
    assert "Page 3 of 3" in last and "Next page" not in last and titles(last) == shown[2]
    query = {"search": "crane & co", "only": ""}
    assert "Page 1 of" not in page(client, dataset, **query)
    text = page(client, dataset, search="heron")
    assert "Page 1 of 2" in text and 'href="?search=heron&page=2"' in text
    assert len(titles(page(client, dataset, search="heron", page=2))) == 1


def test_a_search_is_still_in_its_field_and_among_groups_stays_there(dataset, client):
    entry_about(dataset, 1, 2, title="Cranes or herons")
    text = page(client, dataset, search='"cranes" <b>', only="groups")
    assert 'name="search" value=""cranes" <b>"' in text
    assert '<input type="hidden" name="only" value="groups">' in text
    assert f'<a href="/guide/entries/{dataset.name}/?only=groups" aria-current="true">' in text


def test_the_number_of_queries_of_the_list_does_not_grow_with_entries(dataset, client):
    n_queries = []
    for indexes in ((1, 2), range(3, 18)):
        for index in indexes:
            entry_about(dataset, index, index + 1, traits=(Trait("neck", {index: "long"}),))
            pair_of(dataset, index, 40)
        page(client, dataset)
        with CaptureQueriesContext(connection) as queries:
            page(client, dataset)
        n_queries.append(len(queries))
    assert n_queries[0] == n_queries[1]


def test_the_number_of_queries_beside_a_class_does_not_grow_with_entries_and_pairs(dataset):
    n_queries = []
    for others in ((1, 2), range(3, 18)):
        for other in others:
            entry_about(dataset, 0, other)
            pair_of(dataset, 0, other)
        with CaptureQueriesContext(connection) as queries:
            beside = guide_beside(dataset, label_of(dataset, 0))
            assert all(row.other.name and row.pair.provenance for row in beside["pairs"])
        n_queries.append(len(queries))
    assert n_queries[0] == n_queries[1]
    assert [view.content.labels for view in beside["entries"]] == [(0, other) for other in range(1, 18)]


# Pairs to write about, and guides to share


def test_pairs_to_write_about_are_few_confusable_and_without_a_group(dataset, client):
    for other in range(1, 20):
        pair_of(dataset, 0, other)
    pair_of(dataset, 0, 1, source="another paper")
    pair_of(dataset, 30, 31, "equivalent")
    pair_of(dataset, 30, 32, "subset")
    entry_about(dataset, 0)
    entry_about(dataset, 0, 2, 5)
    expected = [other for other in range(1, 20) if other not in (2, 5)][:MOST_PAIRS]
    assert [(pair.first.index, pair.second.index) for pair in pairs_to_write_about(dataset)] == [
        (0, other) for other in expected
    ]
    text = page(client, dataset)
    assert "Confusable classes without an entry" in text and text.count("thing 0 / thing") == MOST_PAIRS
    assert "thing 30" not in text


def test_a_guide_is_offered_to_a_study_without_entries_that_has_its_labels(dataset):
    person = make_member(dataset, Role.OWNER)
    others = {
        name: create_dataset(name=unique(name), label_set=dataset.label_set) for name in ("full", "empty", "read")
    }
    for name, role in (("full", Role.RESEARCHER), ("empty", Role.OWNER), ("read", Role.REVIEWER)):
        make_role(others[name], person, role)
    foreign = make_dataset()
    make_role(foreign, person, Role.OWNER)
    for study in (others["full"], others["read"], foreign):
        entry_about(study, 0)
    entry_about(others["full"], 1)
    assert guides_to_share(dataset, person) == [others["full"]], "once, and none that they cannot edit"
    entry = entry_about(dataset, 3)
    assert guides_to_share(dataset, person) == []
    withdraw(dataset=dataset, entry=entry)
    assert guides_to_share(dataset, person) == [], "a withdrawn entry is not given up either"


def make_role(dataset: Dataset, person: User, role: Role) -> None:
    give_role(dataset=dataset, user=person, role=role, by=None)


# What stands beside a class


def test_further_pictures_are_in_the_whole_entry(dataset):
    uses = tuple(PictureUse(f"picture{n}") for n in range(4))
    assert view_of(dataset, Content("Cranes", (0,), "Grey.", pictures=uses)).has_more
    assert not view_of(dataset, Content("Cranes", (0,), "Grey.", pictures=uses[:3])).has_more


@pytest.mark.parametrize(
    ("body", "links", "has_more"),
    [
        ("Grey.", (), False),
        ("Grey\nand tall.", (), False),
        ("## Neck\nGrey.", (), True),
        ("**Grey.**", (), True),
        ("Grey. " * 50, (), True),
        ("Grey.", (GuideLink("https://a.example"),), True),
        ("", (), False),
    ],
)
def test_the_whole_entry_is_offered_if_it_says_more(dataset, body, links, has_more):
    assert view_of(dataset, Content("Cranes", (0,), body.strip(), links=links)).has_more == has_more


def test_a_text_without_blanks_has_a_summary(dataset):
    summary = view_of(dataset, Content("鶴", (0,), "鶴は灰色です。" * 60)).summary
    assert summary.startswith("鶴は灰色です。") and summary.endswith("…") and 150 < len(summary) <= 201


# Odd names of studies


@pytest.mark.parametrize("name", ["birds/2026 & co", "O’Neill \"q\" 'a'", "ציפור", "a%2Fb?c#d", "鶴 äöü", "x" * 90])
def test_every_link_of_a_guide_leads_somewhere_whatever_the_name_of_the_study(name):
    dataset = make_dataset(n_labels=6, name=name)
    client = member_client(dataset, Role.OWNER)
    entry = entry_about(dataset, 0, 1)
    entry_about(dataset, 0, 1, body="Brown.")
    pair_of(dataset, 2, 3)
    seen: set[str] = set()
    todo = [reverse("guide", args=[name])]
    while todo:
        address = todo.pop()
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code == 200, address
        if answer.headers["Content-Type"].startswith("text/html") and "attachment" not in str(answer.headers):
            links = re.findall(r'(?:href|action)="(/guide/[^"]+)"', answer.content.decode())
            texts = {html.unescape(link) for link in links}
            todo += [link for link in texts - seen - set(todo) if "/about/" not in link and "/restore/" not in link]
    assert len(seen) >= 9 and any(f"/guide/version/{entry.pk}/1/" in address for address in seen)
