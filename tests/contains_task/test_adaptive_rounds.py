"""Opening grids of an adaptive batch: the first, and those that ask one more person."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from catalog.models import Image
from contains_task.actions import open_further_grids, open_grids, openings
from contains_task.models import GridCell, Role
from tests.factories import make_batch, make_dataset, make_images
from tests.required import require
from workforce.models import HIT, Batch

RULE: dict[str, Any] = {"initial_images": 3, "accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 6}


@pytest.fixture
def batch(db) -> Batch:
    dataset = make_dataset(images_per_grid=4, positive_controls=1, negative_controls=0)
    return make_batch(dataset, **RULE)


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_is_opened_once_and_of_each_label_as_many_as_were_wished_to_learn_from(seed):
    chance = random.Random(seed)
    batch = Batch(**RULE | {"initial_images": chance.randint(1, 6)})
    pairs = [(image, label) for label in range(4) for image in range(chance.randint(0, 9))]
    chance.shuffle(pairs)
    label_ids = np.array([label for _, label in pairs], np.int64)
    rounds = openings(batch, label_ids, np.random.default_rng(seed))
    assert sorted(i for opening in rounds for i in opening.pairs) == list(range(len(pairs)))
    sizes = {label: sum(pair[1] == label for pair in pairs) for label in range(4)}
    initial = [label for opening in rounds if opening.initial for label in label_ids[opening.pairs]]
    assert {label: initial.count(label) for label in range(4)} == {
        label: min(size, require(batch.initial_images)) for label, size in sizes.items()
    }
    assert [opening.n_slots for opening in rounds] == ([10, 2] if len(rounds) == 2 else [10] if initial else [])
    for opening in rounds:
        labels = label_ids[opening.pairs].tolist()
        assert len(list(dict.fromkeys(labels))) == 1 + sum(a != b for a, b in zip(labels, labels[1:], strict=False))


def test_the_initial_subset_is_drawn_by_the_generator_and_each_pair_as_likely():
    batch, label_ids = Batch(**RULE), np.repeat([7, 8], 6)
    first, again = (openings(batch, label_ids, np.random.default_rng(5))[0].pairs.tolist() for _ in range(2))
    assert first == again
    rng = np.random.default_rng(0)
    times = Counter(i for _ in range(2000) for i in openings(batch, label_ids, rng)[0].pairs.tolist())
    # Each is drawn 1,000 times on average, with a standard deviation of about 22.
    assert set(times) == set(range(12))
    assert all(abs(n - 1000) < 120 for n in times.values())


def add_control(hit: HIT, image: Image) -> None:
    GridCell.objects.create(grid=hit.grid, image=image, position=9, role=Role.CONTROL, expected=True)


def test_further_grids_ask_once_more_about_these_images_and_know_who_was_asked(batch):
    dataset = batch.dataset
    label, images = dataset.label_set.labels.first(), make_images(dataset, 11, label=1)
    open_grids(batch=batch, images_by_label={label: images})
    control = make_images(dataset, 1)[0]
    add_control(batch.hits.order_by("id").first(), control)
    image_ids = [image.pk for image in images[:5]]
    earlier_hits = set(batch.hits.values_list("pk", flat=True))
    open_further_grids(batch=batch, images_by_label={label.pk: image_ids})
    further = batch.hits.exclude(pk__in=earlier_hits).order_by("id")
    questions = [[cell.image_id for cell in hit.grid.cells.filter(role=Role.QUESTION)] for hit in further]
    assert [len(asked) for asked in questions] == [3, 2]
    assert sorted(sum(questions, [])) == image_ids
    for hit, asked in zip(further, questions, strict=True):
        assert (hit.slots.count(), hit.initial, hit.grid.label) == (1, False, label)
        assert hit.grid.cells.get(role=Role.CONTROL).image == control
        before = GridCell.objects.filter(grid__hit__in=earlier_hits, role=Role.QUESTION, image__in=asked)
        assert set(hit.asked_before.all()) == {cell.grid.hit for cell in before}


def test_an_image_that_is_asked_about_is_no_control_of_its_own_grid(batch):
    dataset = batch.dataset
    label, images = dataset.label_set.labels.first(), make_images(dataset, 5, label=1)
    both = make_images(dataset, 1)[0]
    open_grids(batch=batch, images_by_label={label: [*images, both]})
    add_control(batch.hits.exclude(grid__cells__image=both).first(), both)
    open_further_grids(batch=batch, images_by_label={label.pk: [both.pk]})
    assert list(batch.hits.latest("id").grid.cells.values_list("image", "role")) == [(both.pk, "question")]


def test_nothing_to_ask_opens_nothing(batch):
    label = batch.dataset.label_set.labels.first()
    open_further_grids(batch=batch, images_by_label={label.pk: []})
    assert not batch.hits.exists()
