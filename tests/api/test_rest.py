"""The REST interface: the rows of the exported files, page by page."""

import pytest
from django.test import Client
from django.urls import reverse

from aggregation.actions import aggregate
from aggregation.models import Annotation, SelectionFrequency
from api.actions import create_token
from catalog.models import Image
from contains_task.models import ContainsVote
from tests.api_reader import (
    TABLES,
    Reader,
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
from workforce.actions import submit
from workforce.models import Lease, Submission

pytestmark = pytest.mark.django_db


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
    image = require(dataset.images.first()).name
    rows = reader.results(table, dataset=dataset.name)
    expected = reader.results(table, dataset=dataset.name, image=image)
    assert 0 < len(expected) < len(rows)
    assert expected == [row for row in rows if row["image"] == image]


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
    assert next(iter(query)) in message and "dataset, names, limit, simulated, cursor, image" in message


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
        ({"image": ""}, "image"),
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


# Cost


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("names", [0, 1])
def test_the_number_of_queries_does_not_grow_with_the_rows(reader, django_assert_num_queries, table, names):
    dataset = make_answered_study()
    reader.results(table, dataset=dataset.name)
    # The clock and the token, the clock and the note of its use in a transaction, the dataset, the rows; the names; for
    # results, whether anybody behind them is simulated.
    is_result = table in ("annotations", "selection_frequencies", "label_sets")
    for limit in (1, 1000):
        with django_assert_num_queries(8 + names + is_result):
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

    monkeypatch.setattr("api.views.readable_dataset", broken)
    response = reader.get("annotations", dataset="x")
    assert code_of(response) == (500, "error")
    assert b"nobody else" not in response.content
    assert "nobody else" in caplog.text
