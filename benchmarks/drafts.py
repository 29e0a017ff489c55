"""Measure what a draft costs the site, beside opening and submitting the same grid of 48 cells.

    ./manage shell -v 0 -c 'from benchmarks import drafts; drafts.main()'

One person after the other works in this process, through all middleware, on a scratch database: opens a grid, saves
five drafts with the facts of 48 photographs, and submits. The times are those of the site alone.
"""

import io
import json
import re
import statistics
import time
from typing import Any

from django.conf import settings
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from PIL import Image as Pillow

from catalog.actions import add_image, add_label_set, create_dataset
from catalog.label_data import LabelRecord
from catalog.photographs.reads import read_photograph
from contains_task.actions import open_grids
from workforce.actions import open_batch
from workforce.models import Batch

CELLS = 48
PEOPLE = 150
DRAFTS = 5
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "host": settings.WORKER_ORIGIN.partition("//")[2]}
HIDDEN = re.compile(r'name="(token|key)" value="([^"]+)"')
HANDLE = re.compile(r'name="selected" value="([^"]+)"')


def main() -> None:
    databases = setup_databases(verbosity=0, interactive=False)
    for limits in (settings.LINK_REQUESTS_A_MINUTE, settings.OPEN_LINK_LEASES, settings.DRAFTS_A_MINUTE):
        limits.update(dict.fromkeys(limits, 10**9))
    try:
        batch = new_batch()
        times: dict[str, list[float]] = {"open": [], "save a draft": [], "submit": []}
        for number in range(PEOPLE):
            work(batch, f"person-{number}", times)
        print(f"{'':14} {'p50 ms':>7} {'p95 ms':>7}")
        for name, seconds in times.items():
            print(f"{name:14} {median(seconds):>7.2f} {statistics.quantiles(seconds, n=20)[-1] * 1000:>7.2f}")
        print(f"A draft costs {ratio(times):.2f} of opening and submitting.")
    finally:
        teardown_databases(databases, verbosity=0)


def new_batch() -> Batch:
    labels = add_label_set(name="things", labels=[LabelRecord(0, "n00000001", "thing", "", "Objects", "")])
    dataset = create_dataset(name="drafts", label_set=labels, positive_controls=0, contains_answers=PEOPLE)
    batch = open_batch(dataset=dataset, kind="contains")
    label = labels.labels.get()
    content = io.BytesIO()
    Pillow.new("RGB", (16, 16)).save(content, "JPEG")
    photograph = read_photograph(content.getvalue())
    names = [f"{number}.jpg" for number in range(CELLS)]
    images = [add_image(dataset=dataset, name=name, dataset_label=label, photograph=photograph)[0] for name in names]
    open_grids(batch=batch, images_by_label={label: images})
    return batch


def work(batch: Batch, name: str, times: dict[str, list[float]]) -> None:
    client = Client(headers=SAME_ORIGIN)
    address = client.post(f"/join/{batch.public_id}?worker={name}").headers["Location"]
    page = timed(times["open"], client.get, address).content.decode()
    fields, handles = dict(HIDDEN.findall(page)), HANDLE.findall(page)
    looks = {"photographs": {handle: [1, 1500] for handle in handles}, "page": {"active_ms": 60_000, "open_ms": 60_000}}
    for version in range(DRAFTS):
        selected = handles[: version + 1]
        marks = [[1000 * number, handle, 1] for number, handle in enumerate(selected)]
        draft = {"token": fields["token"], "draft": version, "selected": selected, "marks": marks} | looks
        send(times["save a draft"], client, address, draft)
    answer = fields | {"selected": selected, "marks": marks, "version": DRAFTS} | looks
    send(times["submit"], client, address, answer)


def send(times: list[float], client: Client, address: str, content: dict[str, Any]) -> None:
    reply = timed(times, client.post, address, json.dumps(content), content_type="application/json")
    if reply.status_code != 200:
        raise RuntimeError(f"{reply.status_code}: the figures would mean nothing.")


def timed(times: list[float], call: Any, *values: Any, **options: Any) -> Any:
    begin = time.perf_counter()
    reply = call(*values, **options)
    times.append(time.perf_counter() - begin)
    return reply


def median(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def ratio(times: dict[str, list[float]]) -> float:
    return median(times["save a draft"]) / (median(times["open"]) + median(times["submit"]))
