"""The stage that the people of a module share: database, site, browser, marketplace, and the studies."""

import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.test import override_settings
from PIL import Image as Pillow
from playwright.sync_api import Browser

from catalog.actions import add_image
from catalog.models import Dataset, Image
from catalog.photographs.reads import Photograph, read_photograph
from classify_task.actions import classify_batch
from data_export.reads import exported_files, streamed_rows
from mturk import endpoint
from mturk.models import MarketplaceHIT
from tests.browsers import running_browser
from tests.emptying import empty_tables
from tests.factories import make_batch, make_dataset, make_form, make_grid, unique
from tests.live_server import running_site
from tests.mturk.marketplaces import Marketplace, requester_keys, running_marketplace
from tests.mturk.mturk_study import ask, hits_of, publish, send_until_quiet
from tests.people.person import FORM, FRAME, GRID, N_PHOTOGRAPHS
from tests.required import require
from workforce.introductions.actions import introduce
from workforce.models import Batch
from workforce.reads import pseudonym

# One of each for every person; those of a marketplace are offered nine at a time.
N_SLOTS = 90
N_LABELS = 3
SIDE = 240  # pixels of a photograph

VOTES = {GRID: "contains_votes", FORM: "classify_votes"}


@dataclass
class Study:
    """A study with one task that everybody is asked: a grid of photographs, or a form about one."""

    task: str
    dataset: Dataset
    batch: Batch
    images: list[Image]
    offered: list[MarketplaceHIT] = field(default_factory=list)

    def rows(self, worker: Any) -> list[dict[str, str]]:
        """Return the rows of the votes file as a reader gets it, of this worker."""
        file = b"".join(streamed_rows(exported_files()[VOTES[self.task]], self.dataset, "csv", False))
        name = pseudonym(self.dataset, worker.pk)
        return [row for row in csv.DictReader(io.StringIO(file.decode())) if row["worker"] == name]


# Figures of the settings, and options of the batch, of each study.
INTRODUCTION = {
    "requester_name": "Lab of Pictures",
    "contact": "lab@example.org",
    "purpose": "To learn what photographs show.",
    "warning": "Some photographs show spiders.",
    "consent": "I agree that my answers are published.",
}
STUDIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "introduced": {"introduction": INTRODUCTION},
    "three": {"batch": {"answers": "three"}},
}


@dataclass
class Stage:
    """The place of work. `place` is the address of the worker side."""

    browser: Browser
    worker_origin: str
    marketplace: Marketplace | None
    studies: dict[tuple[str, str, str], Study] = field(default_factory=dict)

    def study(self, task: str, place: str, name: str) -> Study:
        """Return the study of this name, made when it is first asked for."""
        key = (task, place, name)
        if key not in self.studies:
            study = self.studies[key] = make_study(task, **STUDIES[name])
            if place == FRAME:
                study.offered = hits_of(publish(study.batch, reward="0.02", assignment_seconds=3600))
                send_until_quiet()
                study.offered = hits_of(study.offered[0].terms)
        return self.studies[key]

    def link(self, study: Study, participant: str) -> str:
        return f"{self.worker_origin}/join/{study.batch.public_id}?worker={participant}"

    def accept(self, study: Study, worker: str) -> str:
        """Have a worker of the marketplace accept a HIT of the study; return the address of its page there."""
        marketplace = require(self.marketplace)
        for hit in study.offered:
            answer = marketplace.ask("accept", worker=worker, hit=hit.external_id)
            if "id" in answer:
                return f"{marketplace.url}/tasks/{answer['id']}/"
        raise AssertionError("no HIT of this study is left")

    def preview_address(self, study: Study) -> str:
        hit = endpoint.call("GetHIT", HITId=require(study.offered[-1].external_id))["HIT"]
        return f"{require(self.marketplace).url}/groups/{hit['HITGroupId']}/"


def make_study(task: str, **options: Any) -> Study:
    answers = {GRID: {"contains_answers": N_SLOTS}, FORM: {"classify_answers": N_SLOTS}}[task]
    dataset = make_dataset(n_labels=N_LABELS, **answers | options.get("figures", {}))
    if "introduction" in options:
        introduce(dataset=dataset, fields=options["introduction"])
    images = [add_photograph(dataset, number) for number in range(N_PHOTOGRAPHS if task == GRID else 1)]
    if task == GRID:
        batch = make_batch(dataset, **options.get("batch", {}))
        for label in range(options.get("n_grids", 1)):
            make_grid(batch=batch, images=images, label=label, n_slots=N_SLOTS)
        return Study(task, dataset, batch, images)
    make_form(labels=tuple(range(N_LABELS)), image=images[0], n_slots=N_SLOTS)
    return Study(task, dataset, classify_batch(dataset=dataset), images)


@cache
def photograph(number: int) -> Photograph:
    """Return a photograph of a colour of its own."""
    file = io.BytesIO()
    Pillow.new("RGB", (SIDE, SIDE), (40 + 20 * number, 90, 200 - 20 * number)).save(file, "JPEG")
    return read_photograph(file.getvalue())


def add_photograph(dataset: Dataset, number: int) -> Image:
    label = dataset.label_set.labels.get(index=0)
    return add_image(
        dataset=dataset, name=unique("photo") + ".jpg", dataset_label=label, photograph=photograph(number)
    )[0]


@contextmanager
def running_stage(media: Path, *, with_marketplace: bool) -> Iterator[Stage]:
    """Serve the site, and the marketplace if asked to, and open a browser, for as long as the block."""
    with ExitStack() as stack:
        stack.callback(empty_tables)
        stack.callback(connections.close_all)
        server = stack.enter_context(running_site())
        port = urlsplit(server.url).port
        worker_origin = f"http://localhost:{port}"
        settings: dict[str, Any] = {
            "WORKER_ORIGIN": worker_origin,
            "STAFF_ORIGIN": f"http://127.0.0.1:{port}",
            "ALLOWED_HOSTS": ["localhost", "127.0.0.1"],
            "MEDIA_ROOT": media,
        }
        stack.enter_context(override_settings(**settings))
        marketplace = stack.enter_context(open_marketplace()) if with_marketplace else None
        yield Stage(stack.enter_context(running_browser()), worker_origin, marketplace)


@contextmanager
def open_marketplace() -> Iterator[Marketplace]:
    with running_marketplace(unique("marketplace")) as marketplace:
        marketplace.key_id, secret = requester_keys(marketplace)
        from django.conf import settings

        account = settings.MTURK | {
            "endpoint_url": marketplace.url,
            "access_key_id": marketplace.key_id,
            "secret_access_key": secret,
            "calls_per_second": 1000,
            "counters_every": 0,
        }
        sites = {"MARKETPLACE_SITES": [marketplace.url], "WORKER_FRAME_ANCESTORS": [marketplace.url]}
        with override_settings(MTURK=account, **sites):
            endpoint.client.cache_clear()
            try:
                yield marketplace
            finally:
                endpoint.client.cache_clear()


def confirm_answers() -> None:
    """Have the site ask the marketplace for what was submitted there."""
    ask()
