"""A reader of the REST interface, and studies with something to read."""

import json
from io import StringIO
from typing import Any, NamedTuple

from django.test import Client

from aggregation.actions import aggregate
from catalog.models import Dataset, Image
from classify_task.actions import record_vote
from contains_task.models import Grid
from data_export.reads import exported_tables, write_rows
from tests.factories import make_dataset, make_form, make_grid, make_images, make_lease, tick_images, unique
from tests.review_task.reviews import review_images
from workforce.actions import exclude_submission
from workforce.models import Lease, Submission, Worker

TABLES = ("annotations", "selection_frequencies", "label_sets", "contains_votes", "classify_votes", "verdicts")


class Reader(NamedTuple):
    """A reader with a key."""

    key: str
    client: Client

    def get(self, address: str, **query: Any):
        address = address if "/" in address else f"/api/v1/{address}/"
        return self.client.get(address, query or None, headers={"authorization": f"Bearer {self.key}"})

    def results(self, table: str, **query: Any) -> list[dict[str, Any]]:
        response = self.get(table, **query)
        assert response.status_code == 200, response.content
        return response.json()["results"]

    def pages(self, table: str, **query: Any) -> list[list[dict[str, Any]]]:
        """Every page, by following `next`."""
        body = self.get(table, **query).json()
        pages = [body["results"]]
        while body["next"]:
            body = self.get(body["next"]).json()
            pages.append(body["results"])
        return pages


def tick(grid: Grid, selected: list[Image], worker: Worker | None = None) -> Submission:
    lease = make_lease(grid.hit.batch, worker)
    ticked = [image.public_id for image in selected]
    return tick_images(lease=lease, selected=ticked, idempotency_key=unique("key"))


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
    review_images([labelled, free])
    return dataset


def make_lease_of(form) -> Lease:
    return make_lease(form.hit.batch)


def rows_of_file(table: str, dataset: Dataset, *, names: bool = False) -> list[dict[str, Any]]:
    """Return the rows that `./manage export` writes."""
    out = StringIO()
    write_rows(exported_tables()[table], dataset, "jsonl", names, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def in_any_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row) for row in rows)


def code_of(response) -> tuple[int, str]:
    body = response.json()
    assert body.keys() == {"error"} and body["error"].keys() == {"code", "message"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]
