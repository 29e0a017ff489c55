"""Opening grids of an adaptive batch: the first, and those that ask one more person."""

import random

import pytest

from contains_task.actions import open_further_grids, open_grids, openings
from contains_task.models import GridCell, Role
from tests.factories import make_batch, make_dataset, make_images
from workforce.models import Batch

RULE = {"initial_images": 3, "accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 6}


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
    found = openings(batch, pairs)
    assert sorted(pair for opening in found for pair in opening.pairs) == sorted(pairs)
    sizes = {label: sum(pair[1] == label for pair in pairs) for label in range(4)}
    initial = [pair for opening in found if opening.initial for pair in opening.pairs]
    assert {label: sum(pair[1] == label for pair in initial) for label in range(4)} == {
        label: min(size, batch.initial_images) for label, size in sizes.items()
    }
    assert [opening.n_slots for opening in found] == ([10, 2] if len(found) == 2 else [10] if initial else [])
    for opening in found:
        labels = [label for _, label in opening.pairs]
        assert len(list(dict.fromkeys(labels))) == 1 + sum(a != b for a, b in zip(labels, labels[1:], strict=False))


def test_further_grids_ask_once_more_about_these_images_and_know_who_was_asked(batch):
    dataset = batch.dataset
    label, images = dataset.label_set.labels.first(), make_images(dataset, 11)
    open_grids(batch=batch, images_by_label={label: images})
    control = make_images(dataset, 1)[0]
    first = batch.hits.order_by("id").first().grid
    GridCell.objects.create(grid=first, image=control, position=9, role=Role.CONTROL, expected=True)
    wanted = [image.pk for image in images[:5]]
    known = set(batch.hits.values_list("pk", flat=True))
    open_further_grids(batch=batch, images_by_label={label.pk: wanted})
    further = batch.hits.exclude(pk__in=known).order_by("id")
    questions = [[cell.image_id for cell in hit.grid.cells.filter(role=Role.QUESTION)] for hit in further]
    assert questions == [wanted[:3], wanted[3:]]
    for hit, asked in zip(further, questions, strict=True):
        assert (hit.slots.count(), hit.initial, hit.grid.label) == (1, False, label)
        assert hit.grid.cells.get(role=Role.CONTROL).image == control
        before = GridCell.objects.filter(grid__hit__in=known, role=Role.QUESTION, image__in=asked)
        assert set(hit.asked_before.all()) == {cell.grid.hit for cell in before}


def test_an_image_that_is_asked_about_is_no_control_of_its_own_grid(batch):
    dataset = batch.dataset
    label, images = dataset.label_set.labels.first(), make_images(dataset, 5)
    open_grids(batch=batch, images_by_label={label: images})
    first, other = batch.hits.order_by("id")[:2]
    both = other.grid.cells.first().image
    GridCell.objects.create(grid=first.grid, image=both, position=9, role=Role.CONTROL, expected=True)
    open_further_grids(batch=batch, images_by_label={label.pk: [both.pk]})
    assert list(batch.hits.latest("id").grid.cells.values_list("image", "role")) == [(both.pk, "question")]
