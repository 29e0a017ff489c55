"""The REST interface: the rows of the exported files, page by page."""

import base64
import json
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from aggregation.actions import aggregate
from aggregation.models import Annotation, SelectionFrequency
from aggregation.reads import frequencies_of
from annotation_site.actions import create_token
from annotation_site.exports import KINDS, write_rows
from catalog.models import Dataset, Image
from classify_task.actions import record_vote
from contains_task.actions import record_votes
from contains_task.models import ContainsVote, Grid
from contains_task.reads import votes_of as contains_votes_of
from tests.factories import make_dataset, make_form, make_grid, make_images, make_lease, make_worker, unique
from workforce.actions import exclude_submission, submit
from workforce.models import Lease, Submission, Worker

pytestmark = pytest.mark.django_db

TABLES = ("annotations", "selection_frequencies", "contains_votes", "classify_votes")


class Reader(NamedTuple):
    """Someone with a key."""

    key: str
    client: Client

    def get(self, address: str, **query: object):
        address = address if "/" in address else f"/api/v1/{address}/"
        return self.client.get(address, query or None, headers={"authorization": f"Bearer {self.key}"})

    def results(self, table: str, **query: object) -> list[dict[str, Any]]:
        response = self.get(table, **query)
        assert response.status_code == 200, response.content
        return response.json()["results"]

    def pages(self, table: str, **query: object) -> list[list[dict[str, Any]]]:
        """Every page, by following `next`."""
        body = self.get(table, **query).json()
        found = [body["results"]]
        while body["next"]:
            body = self.get(body["next"]).json()
            found.append(body["results"])
        return found


@pytest.fixture
def reader() -> Reader:
    return Reader(create_token(name="reader")[1], Client())


def tick(grid: Grid, selected: list[Image], worker: Worker | None = None) -> Submission:
    lease = make_lease(grid.hit.batch, worker)
    ticked = [image.public_id for image in selected]
    return record_votes(lease=lease, selected=ticked, idempotency_key=unique("key"))


def choose(lease: Lease, selected: list[int], main: int) -> Submission:
    return record_vote(lease=lease, selected=selected, main=main, idempotency_key=unique("key"))


def make_answered_study() -> Dataset:
    """Two images with every kind of row: two objects, a tie, a label outside, no dataset label, excluded, surplus."""
    dataset = make_dataset(contains_answers=3, classify_answers=3)
    labelled = make_images(dataset, 1, label=0)[0]
    free = make_images(dataset, 1, label=None)[0]
    grid = make_grid(images=[labelled, free], n_slots=3)
    tick(grid, [labelled, free])
    tick(grid, [labelled])
    excluded = tick(grid, [free])
    exclude_submission(submission=excluded, reason="answered in a second")
    for image in (labelled, free):
        form = make_form(image=image, labels=(0, 1, 2, 3), n_slots=3)
        for selected, main in (([1, 0], 1), ([0, 2], 2), ([3], 3)):
            choose(make_lease_of(form), selected, main)
    aggregate(dataset=dataset)
    return dataset


def make_lease_of(form) -> Lease:
    return make_lease(form.hit.batch)


def rows_of_file(table: str, dataset: Dataset, *, names: bool = False) -> list[dict[str, Any]]:
    """What `./manage export` writes."""
    out = StringIO()
    write_rows(KINDS[table], dataset, "jsonl", names, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def in_any_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row) for row in rows)


def code_of(response) -> tuple[int, str]:
    body = response.json()
    assert body.keys() == {"error"} and body["error"].keys() == {"code", "message"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


# Rows


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("table", TABLES)
def test_rows_are_those_of_the_exported_file(reader, table, names):
    dataset = make_answered_study()
    written = rows_of_file(table, dataset, names=names)
    assert len(written) >= 2
    assert in_any_order(reader.results(table, dataset=dataset.name, names=int(names))) == in_any_order(written)


def test_an_annotation_says_what_people_saw(reader):
    dataset = make_dataset(classify_answers=2)
    image = make_images(dataset, 1, label=0)[0]
    form = make_form(image=image, labels=(0, 1, 2))
    for _ in range(2):
        choose(make_lease_of(form), [0, 1], 1)
    aggregate(dataset=dataset)
    one = {"share": 1.0, "frequency": 1.0}
    assert reader.results("annotations", dataset=dataset.name) == [
        {
            "image": image.name,
            "dataset_label": 0,
            "main_label": 1,
            "n_objects": 2,
            "n_annotators": 2,
            "n_optimal_partitions": 1,
            "objects": [
                {"label": 0, "labels": [{"label": 0} | one], "main_votes": 0},
                {"label": 1, "labels": [{"label": 1} | one], "main_votes": 2},
            ],
            "unplaced": [],
            "main_object": 1,
            "dataset_label_object": 0,
        }
    ]


def test_what_an_image_lacks_is_null(reader):
    dataset = make_answered_study()
    rows = reader.results("annotations", dataset=dataset.name)
    assert [row["dataset_label"] for row in rows] == [0, None]
    assert rows[1]["dataset_label_object"] is None
    named = reader.results("annotations", dataset=dataset.name, names=1)[1]
    assert named["dataset_label_wnid"] is None and named["dataset_label_words"] is None


def test_names_come_only_when_asked_for(reader):
    dataset = make_answered_study()
    plain = reader.results("selection_frequencies", dataset=dataset.name)[0]
    named = reader.results("selection_frequencies", dataset=dataset.name, names=1)[0]
    assert named.items() - plain.items() == {("label_wnid", "n00000000"), ("label_words", "thing 0")}


def test_votes_that_do_not_count_are_there_with_their_state(reader):
    dataset = make_answered_study()
    rows = reader.results("contains_votes", dataset=dataset.name)
    assert [row["state"] for row in rows] == ["confirmed"] * 4 + ["excluded"] * 2
    assert [row["answer"] for row in rows] == ["yes", "yes", "yes", "no", "no", "yes"]
    assert sum(row["n_shown"] for row in reader.results("selection_frequencies", dataset=dataset.name)) == 4


def test_a_late_answer_is_there_as_surplus(reader, monkeypatch):
    image = make_images(make_dataset(classify_answers=1), 1)[0]
    form = make_form(image=image, labels=(0, 1))
    late = make_lease_of(form)
    Lease.objects.filter(pk=late.pk).update(expires_at=late.created_at)
    choose(make_lease_of(form), [0], 0)
    choose(late, [1], 1)
    rows = reader.results("classify_votes", dataset=image.dataset.name)
    assert [(row["main"], row["state"]) for row in rows] == [(0, "confirmed"), (1, "surplus")]


def test_workers_bear_other_names_in_every_dataset_and_never_their_own(reader):
    worker = make_worker("prolific-5f3a")
    seen = set()
    for _ in range(2):
        grid = make_grid(n_slots=1)
        tick(grid, [], worker)
        response = reader.get("contains_votes", dataset=grid.hit.batch.dataset.name)
        assert b"prolific-5f3a" not in response.content
        seen |= {row["worker"] for row in response.json()["results"]}
    assert len(seen) == 2


def test_a_raw_submission_without_votes_yet_is_no_row(reader):
    grid = make_grid()
    submit(lease=make_lease(grid.hit.batch), answer={"selected": []}, idempotency_key="once")
    assert reader.results("contains_votes", dataset=grid.hit.batch.dataset.name) == []


@pytest.mark.parametrize("table", TABLES)
def test_another_datasets_rows_stay_out(reader, table):
    one, other = make_answered_study(), make_answered_study()
    image_names = {row["image"] for row in reader.results(table, dataset=one.name)}
    assert image_names == set(one.images.values_list("name", flat=True))
    assert image_names.isdisjoint(row["image"] for row in reader.results(table, dataset=other.name))


def test_a_bound_token_gets_the_rows_of_its_dataset(reader):
    dataset, _ = make_answered_study(), make_answered_study()
    bound = Reader(create_token(name="bound", dataset=dataset)[1], Client())
    for table in TABLES:
        assert bound.results(table) == reader.results(table, dataset=dataset.name)


def test_raw_votes_stay_out_of_caches(reader):
    response = reader.get("contains_votes", dataset=make_dataset().name)
    assert response.headers["Cache-Control"] == "private, no-store"


# Filters


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_one_image(reader, table):
    dataset = make_answered_study()
    image = dataset.images.first().name
    rows = reader.results(table, dataset=dataset.name)
    wanted = reader.results(table, dataset=dataset.name, image=image)
    assert 0 < len(wanted) < len(rows)
    assert wanted == [row for row in rows if row["image"] == image]


@pytest.mark.parametrize("table", ["selection_frequencies", "contains_votes"])
def test_rows_of_one_label(reader, table):
    dataset = make_answered_study()
    tick(make_grid(images=list(dataset.images.all()), label=2), [])
    aggregate(dataset=dataset)
    rows = reader.results(table, dataset=dataset.name)
    assert {row["label"] for row in rows} == {0, 2}
    assert reader.results(table, dataset=dataset.name, label=2) == [row for row in rows if row["label"] == 2]


def test_annotations_of_several_objects_or_one_main_label(reader):
    dataset = make_dataset(classify_answers=1)
    for image, selected in zip(make_images(dataset, 3), ([0], [0, 1], [0, 1, 2]), strict=True):
        choose(make_lease_of(make_form(image=image, labels=(0, 1, 2))), selected, selected[-1])
    aggregate(dataset=dataset)
    several = reader.results("annotations", dataset=dataset.name, n_objects_min=2)
    assert [row["n_objects"] for row in several] == [2, 3]
    assert [row["n_objects"] for row in reader.results("annotations", dataset=dataset.name, main_label=1)] == [2]


@pytest.mark.parametrize(
    "query",
    [
        {"imge": "x"},
        {"image__dataset__pseudonym_key__startswith": "a"},
        {"image__name": "x"},
        {"ordering": "-id"},
        {"order_by": "id"},
        {"format": "csv"},
        {"pk": "1"},
    ],
)
@pytest.mark.parametrize("table", TABLES)
def test_a_parameter_that_is_not_offered_is_refused_by_name(reader, table, query):
    response = reader.get(table, dataset=make_dataset().name, **query)
    assert code_of(response) == (400, "unknown_parameter")
    message = response.json()["error"]["message"]
    assert next(iter(query)) in message and "dataset, names, limit, cursor, image" in message


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"names": "perhaps"}, "names"),
        ({"main_label": "dog"}, "main_label"),
        ({"main_label": -1}, "main_label"),
        ({"n_objects_min": 1.5}, "n_objects_min"),
        ({"image": "a\0b"}, "image"),
        ({"image": ""}, "image"),
        ({"dataset": "\0"}, "dataset"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_parameter(reader, query, parameter):
    response = reader.get("annotations", **{"dataset": make_dataset().name} | query)
    assert code_of(response) == (400, "invalid_parameter")
    assert response.json()["error"]["message"].startswith(f"{parameter}: ")


@pytest.mark.parametrize("query", [{"main_label": 10**30}, {"n_objects_min": 10**9}, {"image": "x" * 5000}])
def test_a_value_that_no_row_has_gives_no_rows(reader, query):
    assert reader.results("annotations", dataset=make_answered_study().name, **query) == []


def test_the_dataset_must_be_named(reader):
    response = reader.get("annotations")
    assert code_of(response) == (400, "dataset_missing")
    assert "dataset=NAME" in response.json()["error"]["message"]


@pytest.mark.parametrize("table", TABLES)
def test_an_unknown_dataset_is_told_with_those_there_are(reader, table):
    make_dataset(name="the-one-there-is")
    response = reader.get(table, dataset="nothing")
    assert code_of(response) == (404, "unknown_dataset")
    assert "'nothing'" in response.json()["error"]["message"]
    assert "the-one-there-is" in response.json()["error"]["message"]


# Pages


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
    dataset = make_dataset(n_labels=n_labels, contains_answers=1)
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
    found = body["results"]
    while body["next"]:
        newcomers = make_images(dataset, 2)
        tick(make_grid(images=newcomers, n_slots=1), newcomers)
        aggregate(dataset=dataset)
        body = reader.get(body["next"]).json() if len(found) < 400 else {"next": None, "results": []}
        found += body["results"]
    pairs = [(row["image"], row["label"]) for row in found]
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
    found = body["results"]
    while body["next"]:
        if len(found) < 22:
            answer_all()
        body = reader.get(body["next"]).json()
        found += body["results"]
    pairs = [(row["image"], row["worker"]) for row in found]
    assert len(pairs) == len(set(pairs)) and before <= set(pairs)


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
    ContainsVote.objects.filter(pk=contains_votes_of(dataset).last().pk).delete()
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
    one, other = make_counted_study(4, 1), make_counted_study(4, 1)
    address = reader.get("contains_votes", dataset=one.name, limit=1).json()["next"].replace(one.name, other.name)
    images = set(other.images.values_list("name", flat=True))
    assert {row["image"] for row in reader.get(address).json()["results"]} <= images


# Cost


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("names", [0, 1])
def test_the_number_of_queries_does_not_grow_with_the_rows(reader, django_assert_num_queries, table, names):
    dataset = make_answered_study()
    reader.results(table, dataset=dataset.name)
    # The clock and the token, the clock and the note of its use in a transaction, the dataset, the rows; the names.
    for limit in (1, 1000):
        with django_assert_num_queries(8 + names):
            reader.results(table, dataset=dataset.name, names=names, limit=limit)


# Methods and addresses


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("table", TABLES)
def test_nothing_but_reading_is_offered(reader, table, method):
    dataset = make_answered_study()
    call = getattr(reader.client, method)
    response = call(f"/api/v1/{table}/?dataset={dataset.name}", headers={"authorization": f"Bearer {reader.key}"})
    assert code_of(response) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("address", ["", "schema/"])
def test_index_and_schema_cannot_be_written(client, method, address):
    assert code_of(getattr(client, method)(f"/api/v1/{address}"))[0] == 405


def test_a_look_at_the_headers_alone_is_offered(reader):
    dataset = make_answered_study()
    response = reader.client.head(
        f"/api/v1/annotations/?dataset={dataset.name}", headers={"authorization": f"Bearer {reader.key}"}
    )
    assert (response.status_code, response.content) == (200, b"")


def test_reading_changes_no_row(reader):
    dataset = make_answered_study()
    tables = (Annotation, SelectionFrequency, ContainsVote, Submission, Lease, Image)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    for table in TABLES:
        reader.results(table, dataset=dataset.name, names=1)
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_the_index_names_addresses_that_work(reader, client):
    index = client.get("/api/v1/")
    assert index.status_code == 200
    assert index.json().keys() == {*TABLES, "schema"}
    name = make_dataset().name
    for table in TABLES:
        assert reader.get(index.json()[table], dataset=name).status_code == 200
    assert client.get(index.json()["schema"]).status_code == 200


@pytest.mark.parametrize("address", ["nothing/", "annotations/1/", "annotations/../", "annotations.json/"])
def test_an_unknown_address_is_told_in_the_same_shape(client, address):
    response = client.get(f"/api/v1/{address}")
    assert code_of(response) == (404, "not_found")
    assert reverse("api-index") in response.json()["error"]["message"]


def test_a_missing_slash_is_made_up_for(reader):
    response = reader.get("/api/v1/annotations", dataset="x")
    assert (response.status_code, response.headers["Location"]) == (301, "/api/v1/annotations/?dataset=x")


def test_a_browser_that_wants_a_page_gets_the_reason_as_json(reader):
    response = reader.client.get(
        "/api/v1/annotations/", headers={"authorization": f"Bearer {reader.key}", "accept": "text/html"}
    )
    assert code_of(response) == (406, "not_acceptable")


def test_what_breaks_inside_is_logged_and_told_in_the_same_shape(reader, monkeypatch, caplog):
    def broken(*args: object) -> None:
        raise RuntimeError("the reason, which is nobody else's business")

    monkeypatch.setattr("annotation_site.api.readable_dataset", broken)
    response = reader.get("annotations", dataset="x")
    assert code_of(response) == (500, "error")
    assert b"nobody else" not in response.content
    assert "nobody else" in caplog.text
