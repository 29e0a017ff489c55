"""The OpenAPI document: valid, complete, and true of what the interface answers."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator

from aggregation.actions import aggregate
from api.actions import create_token
from api.models import Scope
from catalog.models import Dataset
from classify_task.actions import record_vote
from tests.api_reader import Reader
from tests.factories import make_dataset, make_form, make_grid, make_images, make_lease, tick_images, unique
from tests.required import require
from tests.review_task.reviews import review_images

pytestmark = pytest.mark.django_db

TABLES = ("annotations", "selection_frequencies", "label_sets", "contains_votes", "classify_votes", "verdicts")


@pytest.fixture
def document(client) -> dict[str, Any]:
    response = client.get("/api/v1/schema/")
    assert response.status_code == 200
    return response.json()


def strict(schema: Any) -> Any:
    """The same schema, but an object may have no member that it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(part) for name, part in schema.items()}
    return inner | {"additionalProperties": False} if "properties" in schema else inner


def schema_of(document: dict, path: str, status: str) -> dict:
    return document["paths"][path]["get"]["responses"][status]["content"]["application/json"]["schema"]


def problems(document: dict, schema: dict, answer: Any) -> list[str]:
    validator = Draft202012Validator(schema | {"components": strict(document["components"])})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


def component(document: dict, schema: dict) -> dict:
    """The schema behind a reference."""
    reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
    return document["components"]["schemas"][reference.rsplit("/", 1)[1]]


def members(document: dict, schema: dict, value: Any, path: str = "") -> Iterator[tuple[str, set[str], set[str]]]:
    """For every object of an answer: where it stands, the members it has, and those its schema names."""
    if "$ref" in schema:
        schema = component(document, schema)
    if isinstance(value, list):
        for item in value:
            yield from members(document, schema["items"], item, f"{path}[]")
    if isinstance(value, dict):
        yield path, set(value), set(schema["properties"])
        for name, member in value.items():
            yield from members(document, schema["properties"][name], member, f"{path}.{name}")


def make_study() -> Dataset:
    """A row in every table; one image has a dataset label and two objects, the other neither."""
    dataset = make_dataset(contains_answers=1, classify_answers=1)
    images = [*make_images(dataset, 1, label=0), *make_images(dataset, 1, label=None)]
    grid = make_grid(images=images, n_slots=1)
    tick_images(lease=make_lease(grid.hit.batch), selected=[images[0].public_id], idempotency_key=unique("key"))
    for image, selected in zip(images, ([1, 0], [3]), strict=True):
        lease = make_lease(make_form(image=image, labels=(0, 1, 2, 3)).hit.batch)
        record_vote(lease=lease, selected=selected, main=selected[0], idempotency_key=unique("key"))
    aggregate(dataset=dataset)
    review_images(images)
    return dataset


def answer_of(table: str, status: int = 200, **query: Any) -> Any:
    key = create_token(name=unique("token"))[1]
    response = Client().get(f"/api/v1/{table}/", query, headers={"authorization": f"Bearer {key}"})
    assert response.status_code == status
    return response.json()


def test_the_document_is_valid_and_made_without_a_warning(tmp_path, document):
    file = tmp_path / "schema.json"
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", file=str(file))
    assert json.loads(file.read_text()) == document


def test_it_is_openapi_3_1_and_needs_no_token(document):
    assert document["openapi"] == "3.1.0"


def test_it_describes_reading_the_index_and_the_tables_and_nothing_else(document):
    described = {path: set(operations) for path, operations in document["paths"].items()}
    assert described == {"/api/v1/": {"get"}} | {f"/api/v1/{table}/": {"get"} for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_it_says_that_a_bearer_token_is_needed(document, table):
    assert document["components"]["securitySchemes"]["bearer"] | {"description": ""} == {
        "type": "http",
        "scheme": "bearer",
        "description": "",
    }
    assert document["paths"][f"/api/v1/{table}/"]["get"]["security"] == [{"bearer": []}]


@pytest.mark.parametrize("names", [0, 1])
@pytest.mark.parametrize("table", TABLES)
def test_an_answer_has_the_members_and_types_of_the_document(document, table, names):
    answer = answer_of(table, dataset=make_study().name, names=names)
    assert len(answer["results"]) >= 2
    schema = schema_of(document, f"/api/v1/{table}/", "200")
    assert problems(document, schema, answer) == []
    for path, present, described in members(document, schema, answer):
        optional = {name for name in described if name.endswith(("wnid", "words"))}
        assert present == (described if names else described - optional), path


@pytest.mark.parametrize("table", TABLES)
def test_every_member_without_a_name_of_a_label_is_promised(document, table):
    page = component(document, schema_of(document, f"/api/v1/{table}/", "200"))
    row = component(document, page["properties"]["results"]["items"])
    assert set(page["required"]) == {"next", "results"}
    assert set(row["required"]) == {name for name in row["properties"] if not name.endswith(("wnid", "words"))}


def test_the_comparison_notices_a_wrong_type_and_a_foreign_member(document):
    answer = answer_of("annotations", dataset=make_study().name)
    schema = schema_of(document, "/api/v1/annotations/", "200")
    answer["results"][0] |= {"n_objects": "2", "pseudonym_key": "x"}
    answer["results"][1]["objects"][0]["labels"][0]["share"] = None
    del answer["next"]
    value = " ".join(problems(document, schema, answer))
    assert all(word in value for word in ("n_objects", "pseudonym_key", "share", "'next'"))


def test_moments_are_told_in_utc(document):
    row = answer_of("classify_votes", dataset=make_study().name)["results"][0]
    moment = datetime.fromisoformat(row["submitted_at"])
    assert require(moment.utcoffset()).total_seconds() == 0


def test_next_is_an_absolute_address_or_null(document):
    dataset = make_study().name
    schema = schema_of(document, "/api/v1/contains_votes/", "200")
    answer = answer_of("contains_votes", dataset=dataset, limit=1)
    assert problems(document, schema, answer) == []
    assert urlsplit(answer["next"]).path == "/api/v1/contains_votes/" and urlsplit(answer["next"]).netloc
    assert answer_of("contains_votes", dataset=dataset)["next"] is None


@pytest.mark.parametrize("table", TABLES)
def test_refusals_are_described_and_have_the_described_shape(document, client, table):
    path = f"/api/v1/{table}/"
    answers = {
        "400": answer_of(table, 400, dataset="x", limit="x"),
        "401": client.get(path).json(),
        "403": refused_scope_of(table),
        "404": answer_of(table, 404, dataset="nothing"),
    }
    assert set(document["paths"][path]["get"]["responses"]) == {"200", "403", "429", *answers}
    for status, answer in answers.items():
        assert problems(document, schema_of(document, path, status), answer) == []


def refused_scope_of(table: str) -> dict[str, Any]:
    other = Scope.ANNOTATIONS if table.endswith("_votes") else Scope.VOTES
    _, key = create_token(name="of another scope", scopes=[other])
    return Reader(key, Client()).get(table).json()


@pytest.mark.parametrize("table", TABLES)
def test_the_parameters_described_are_those_taken(document, table):
    described = {parameter["name"] for parameter in document["paths"][f"/api/v1/{table}/"]["get"]["parameters"]}
    refusal = answer_of(table, 400, dataset="x", nonsense=1)["error"]["message"]
    taken = refusal.partition("Parameters: ")[2].rstrip(".").split(", ")
    assert described == set(taken) and {"dataset", "names", "limit", "cursor"} < described


def test_the_index_has_the_shape_described(document, client):
    assert problems(document, schema_of(document, "/api/v1/", "200"), client.get("/api/v1/").json()) == []


def test_every_parameter_and_every_error_is_explained(document):
    for path, operations in document["paths"].items():
        operation = operations["get"]
        assert operation["description"], path
        assert all(parameter["description"] for parameter in operation.get("parameters", [])), path
