"""Paging the REST interface: every row once, whatever comes, goes or is computed anew meanwhile."""

import base64
import json
from io import StringIO

import pytest
from django.core.management import call_command

from aggregation.actions import aggregate
from aggregation.models import SelectionFrequency
from aggregation.reads import frequencies_of
from catalog.models import Dataset
from contains_task.models import ContainsVote
from contains_task.reads import votes_of as contains_votes_of
from tests.api_reader import (
    TABLES,
    choose,
    code_of,
    in_any_order,
    make_answered_study,
    make_lease_of,
    rows_of_file,
    tick,
)
from tests.factories import make_dataset, make_form, make_grid, make_images, make_lease, make_worker
from tests.required import require

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_hold_all_rows_once_in_one_order(reader, table, limit):
    dataset = make_answered_study()
    pages = reader.pages(table, dataset=dataset.name, limit=limit)
    assert [row for page in pages for row in page] == reader.results(table, dataset=dataset.name)
    assert in_any_order([row for page in pages for row in page]) == in_any_order(rows_of_file(table, dataset))
    assert all(len(page) == limit for page in pages[:-1]) and 0 < len(pages[-1]) <= limit


def test_classify_votes_come_image_by_image_in_order_of_submission(reader):
    rows = reader.results("classify_votes", dataset=make_answered_study().name)
    assert [row["annotator"] for row in rows] == [0, 1, 2, 0, 1, 2]
    assert [row["main"] for row in rows] == [1, 2, 3, 1, 2, 3]


def make_counted_study(n_images: int, n_labels: int) -> Dataset:
    """A dataset with one vote and one frequency for every image and label."""
    dataset = make_dataset(n_labels=n_labels, contains_answers=1, classify_answers=1)
    images = make_images(dataset, n_images)
    for label in range(n_labels):
        tick(make_grid(images=images, label=label), images[:label])
    aggregate(dataset=dataset)
    return dataset


@pytest.mark.parametrize("table", ["contains_votes", "selection_frequencies"])
def test_paging_while_rows_come_in_gives_every_earlier_row_exactly_once(reader, table):
    dataset = make_counted_study(n_images=30, n_labels=10)
    before = {(row["image"], row["label"]) for row in reader.results(table, dataset=dataset.name, limit=1000)}
    assert len(before) == 300
    body = reader.get(table, dataset=dataset.name, limit=50).json()
    rows = body["results"]
    while body["next"]:
        newcomers = make_images(dataset, 2)
        tick(make_grid(images=newcomers, n_slots=1), newcomers)
        aggregate(dataset=dataset)
        body = reader.get(body["next"]).json() if len(rows) < 400 else {"next": None, "results": []}
        rows += body["results"]
    pairs = [(row["image"], row["label"]) for row in rows]
    assert len(pairs) == len(set(pairs))
    assert before <= set(pairs)


def test_paging_classify_votes_while_answers_come_in_on_every_image(reader):
    dataset = make_dataset(classify_answers=9)
    forms = [make_form(image=image, labels=(0, 1)) for image in make_images(dataset, 4)]
    people = iter([make_worker() for _ in range(30)])

    def answer_all() -> None:
        person = next(people)
        for _ in forms:
            choose(make_lease(forms[0].hit.batch, person), [0], 0)

    for _ in range(5):
        answer_all()
    before = {(row["image"], row["worker"]) for row in reader.results("classify_votes", dataset=dataset.name)}
    assert len(before) == 20
    body = reader.get("classify_votes", dataset=dataset.name, limit=7).json()
    rows = body["results"]
    while body["next"]:
        if len(rows) < 22:
            answer_all()
        body = reader.get(body["next"]).json()
        rows += body["results"]
    pairs = [(row["image"], row["worker"]) for row in rows]
    assert len(pairs) == len(set(pairs)) and before <= set(pairs)


@pytest.mark.parametrize("table", ["annotations", "selection_frequencies"])
def test_paging_while_all_is_computed_anew_gives_every_row_exactly_once(reader, table):
    dataset = make_counted_study(n_images=6, n_labels=2)
    for image in dataset.images.all():
        choose(make_lease_of(make_form(image=image, labels=(0, 1), n_slots=1)), [0], 0)
    aggregate(dataset=dataset)
    before = in_any_order(reader.results(table, dataset=dataset.name))
    body = reader.get(table, dataset=dataset.name, limit=2).json()
    rows = body["results"]
    while body["next"]:
        call_command("aggregate", dataset=dataset.name, again=True, stdout=StringIO())
        body = reader.get(body["next"]).json()
        rows += body["results"]
    assert in_any_order(rows) == before and len(before) >= 6


def test_rows_that_vanish_while_paging_shift_nothing(reader):
    dataset = make_counted_study(n_images=6, n_labels=2)
    rows = reader.results("selection_frequencies", dataset=dataset.name)
    first = reader.get("selection_frequencies", dataset=dataset.name, limit=4).json()
    # Among them the row that the cursor names.
    seen = frequencies_of(dataset).values_list("pk", flat=True)[1:4]
    SelectionFrequency.objects.filter(pk__in=list(seen)).delete()
    assert [row for page in reader.pages(first["next"]) for row in page] == rows[4:]


def test_a_last_page_that_is_full_has_no_next(reader):
    dataset = make_counted_study(n_images=4, n_labels=1)
    assert reader.get("contains_votes", dataset=dataset.name, limit=4).json()["next"] is None
    assert reader.get("contains_votes", dataset=dataset.name, limit=3).json()["next"] is not None


def test_going_on_behind_the_end_is_an_empty_page(reader):
    dataset = make_counted_study(n_images=4, n_labels=1)
    address = reader.get("contains_votes", dataset=dataset.name, limit=3).json()["next"]
    ContainsVote.objects.filter(pk=require(contains_votes_of(dataset).last()).id).delete()
    response = reader.get(address)
    assert (response.status_code, response.json()) == (200, {"next": None, "results": []})


def test_next_keeps_what_was_asked_for(reader):
    dataset = make_counted_study(n_images=4, n_labels=2)
    pages = reader.pages("contains_votes", dataset=dataset.name, label=1, names=1, limit=3)
    assert [len(page) for page in pages] == [3, 1]
    assert {(row["label"], row["label_words"]) for page in pages for row in page} == {(1, "thing 1")}


def test_a_dataset_whose_name_needs_quoting_can_be_paged(reader):
    dataset = make_dataset(name="Hunde & Katzen+50% é/?#", contains_answers=1)
    tick(make_grid(images=make_images(dataset, 3), n_slots=1), [])
    assert [len(page) for page in reader.pages("contains_votes", dataset=dataset.name, limit=2)] == [2, 1]


def test_a_page_has_100_rows_unless_asked_for_more(reader):
    dataset = make_counted_study(n_images=30, n_labels=4)
    assert len(reader.results("contains_votes", dataset=dataset.name)) == 100
    assert len(reader.results("contains_votes", dataset=dataset.name, limit=1000)) == 120


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "%00",
        "é",
        "=",
        "A" * 5000,
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        cursor("contains_votes"),
        cursor("contains_votes", 1, 2),
        cursor("contains_votes", "1"),
        cursor("contains_votes", -1),
        cursor("contains_votes", 1.5),
        cursor("contains_votes", True),
        cursor("contains_votes", None),
        cursor("contains_votes", 2**63),
        cursor("annotations", 1),
        cursor(),
        base64.urlsafe_b64encode(b"7").decode(),
        base64.urlsafe_b64encode(b'{"contains_votes": 1}').decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b'["contains_votes", ' + b"9" * 5000 + b"]").decode(),
    ],
)
def test_a_cursor_that_this_list_did_not_give_out_is_refused(reader, forged):
    response = reader.get("contains_votes", dataset=make_dataset().name, cursor=forged)
    assert code_of(response) == (400, "invalid_cursor")
    assert "contains_votes" in response.json()["error"]["message"]


def test_a_cursor_of_another_dataset_leads_to_no_row_of_it(reader):
    dataset, another = make_counted_study(4, 1), make_counted_study(4, 1)
    address = (
        reader.get("contains_votes", dataset=dataset.name, limit=1).json()["next"].replace(dataset.name, another.name)
    )
    images = set(another.images.values_list("name", flat=True))
    assert {row["image"] for row in reader.get(address).json()["results"]} <= images
