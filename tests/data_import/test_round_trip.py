"""A live study, exported and replayed under another name, comes out as the same study."""

import io
import random
from pathlib import Path

import pytest
from django.core.management import call_command

from aggregation.actions import aggregate
from aggregation.models import CandidateSet
from aggregation.reads import split_counts
from catalog.models import Dataset
from classify_task.actions import record_vote
from classify_task.models import Form
from data_export.reads import exported_tables, write_rows
from tests.factories import make_dataset, make_grid, make_images, make_worker, tick_images, unique
from tests.required import require
from workforce.actions import close_batch, exclude_submission, take_lease
from workforce.models import Batch, Worker
from workforce.reads import hits_with_open_slots

pytestmark = pytest.mark.django_db

FIGURES = {"contains_answers": 5, "classify_answers": 3}
N_LABELS = 4
# What share of the people selects an image for each label, by image: settled, rejected, three to follow up, none shown.
SHARES = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (1.0, 0.8, 0.0, 0.0), (0.6, 1.0, 1.0, 0.4), (1.0, 0.0, 0.6, 0.6))


def study(name: str) -> Dataset:
    return make_dataset(n_labels=N_LABELS, name=name, **FIGURES)


@pytest.fixture
def live() -> Dataset:
    """A study of images that fall into every part of the split, with annotations and an exclusion."""
    chance = random.Random(7)
    dataset = study("live")
    images = make_images(dataset, len(SHARES), label=0)
    shares = dict(zip([image.pk for image in images], SHARES, strict=True))
    few, free = make_images(dataset, 1, label=0)[0], make_images(dataset, 1, label=None)[0]
    people = [make_worker() for _ in range(FIGURES["contains_answers"])]
    for label in range(N_LABELS):
        batch = make_grid(images=[*images, free], label=label).hit.batch
        for number, worker in enumerate(people):
            tick(batch, worker, {pk for pk, of_label in shares.items() if number < of_label[label] * len(people)})
    batch = make_grid(images=[few], label=0).hit.batch
    sent = [tick(batch, worker, {few.pk}) for worker in people[:2]]
    exclude_submission(submission=sent[0], reason="too fast")
    close_batch(batch=batch)
    aggregate(dataset=dataset)
    batch = Batch.objects.get(dataset=dataset, kind="classify")
    for worker in people[: FIGURES["classify_answers"]]:
        while lease := take_lease(batch=batch, worker=worker):
            labels = lease.hit.form.labels
            selected = chance.sample(labels, chance.randint(1, len(labels)))
            record_vote(lease=lease, selected=selected, main=selected[0], idempotency_key=unique("key"))
    aggregate(dataset=dataset)
    return dataset


def tick(batch: Batch, worker: Worker, image_ids: set[int]):
    lease = require(take_lease(batch=batch, worker=worker))
    cells = lease.hit.grid.cells.select_related("image")
    selected = [cell.image.public_id for cell in cells if cell.image_id in image_ids]
    return tick_images(lease=lease, selected=selected, idempotency_key=unique("key"))


def written(kind: str, dataset: Dataset) -> str:
    out = io.StringIO()
    write_rows(exported_tables()[kind], dataset, "csv", False, out)
    return out.getvalue()


def replay_votes(kind: str, source: Dataset, target: Dataset, folder: Path) -> str:
    path = folder / f"{kind}.csv"
    path.write_text(written(f"{kind}_votes", source), newline="")
    err = io.StringIO()
    call_command("replay", kind, str(path), dataset=target.name, stdout=io.StringIO(), stderr=err)
    return err.getvalue()


def candidates(dataset: Dataset) -> dict[str, tuple[str, list[int]]]:
    sets = CandidateSet.objects.filter(image__dataset=dataset)
    return {candidates.image.name: (candidates.split, candidates.labels) for candidates in sets.select_related("image")}


def assert_the_same(again: Dataset, live: Dataset) -> None:
    assert split_counts(again) == split_counts(live)
    assert candidates(again) == candidates(live)
    for kind in ("annotations", "selection_frequencies"):
        assert written(kind, again) == written(kind, live), kind


def test_the_study_has_images_of_every_part(live):
    assert split_counts(live) == {"follow_up": 3, "rejected": 1, "settled": 1, "too_few_votes": 1}
    assert written("annotations", live).count("\n") == 1 + 3


@pytest.mark.parametrize("order", [("contains", "classify"), ("classify", "contains")])
def test_the_same_split_and_the_same_annotations(live, tmp_path, order):
    again = study("again")
    said = {kind: replay_votes(kind, live, again, tmp_path) for kind in order}
    assert "1 image has no dataset label" in said["contains"]
    aggregate(dataset=again)
    assert_the_same(again, live)
    assert not hits_with_open_slots().filter(batch__dataset=again).exists()


def test_the_same_once_forms_that_were_opened_meanwhile_are_closed(live, tmp_path):
    """Between two replays on a running site the background tasks prune, and open forms for people."""
    again = study("again")
    replay_votes("contains", live, again, tmp_path)
    aggregate(dataset=again)
    assert Form.objects.filter(image__dataset=again).count() == 3
    said = replay_votes("classify", live, again, tmp_path)
    assert "3 images still have unanswered forms" in said
    close_batch(batch=Batch.objects.get(dataset=again, kind="classify", marketplace=Batch.Marketplace.LINK))
    aggregate(dataset=again)
    assert_the_same(again, live)
