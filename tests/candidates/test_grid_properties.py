"""Properties of grids of any study: no pair missing, none twice, every grid with its controls or a shortfall.

Small worlds in the database, in which images run out in every way; SOAK=1 for many more of them. The composition alone
is held to the same in tests/numerics/test_composition.py.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candidates.grids.actions import OpenedGrids, open_grids_with_controls, potential_pairs
from candidates.models import PotentialLabel
from catalog.actions import change_settings, create_dataset
from catalog.models import Dataset, Image
from contains_task.models import Grid, GridCell, Role
from numerics.composition import CellRole
from tests.factories import make_batch, make_label_set, unique
from workforce.models import Batch, Slot

pytestmark = pytest.mark.django_db

N_WORLDS = 400 if os.environ.get("SOAK") else 20
KINDS = ((True, "positive_controls", CellRole.POSITIVE), (False, "negative_controls", CellRole.NEGATIVE))


@dataclass(frozen=True)
class World:
    """Images as (place of the dataset label or None, whether there is a file); labels by their place."""

    n_labels: int
    images: list[tuple[int | None, bool]]
    pool: list[tuple[int | None, bool]] | None
    potential: set[tuple[int, int]]
    chosen: list[list[int]] | None
    adaptive: bool
    figures: dict[str, int] = field(default_factory=dict)


@st.composite
def worlds(draw) -> World:
    n_labels = draw(st.integers(1, 4))
    some = st.tuples(st.none() | st.integers(0, n_labels - 1), st.sampled_from([True, True, True, False]))
    images = draw(st.lists(some, min_size=1, max_size=14))
    every = st.tuples(st.integers(0, len(images) - 1), st.integers(0, n_labels - 1))
    others = [draw(st.permutations([n for n in range(n_labels) if n != label])) for label in range(n_labels)]
    positive, negative = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return World(
        n_labels=n_labels,
        images=images,
        pool=draw(st.none() | st.lists(some, max_size=10)),
        potential=draw(st.sets(every, max_size=40)),
        chosen=draw(st.none() | st.just(others)),
        adaptive=draw(st.booleans()),
        figures={
            "images_per_grid": positive + negative + draw(st.integers(1, 6)),
            "positive_controls": positive,
            "negative_controls": negative,
            "contains_answers": draw(st.integers(1, 3)),
        },
    )


def images_of(dataset: Dataset, specifications: list[tuple[int | None, bool]], labels: list) -> list[Image]:
    rows = [
        Image(
            dataset=dataset,
            name=unique("image"),
            dataset_label=None if label is None else labels[label],
            original="originals/x.jpg" if file else "",
        )
        for label, file in specifications
    ]
    return Image.objects.bulk_create(rows)


def opened(world: World, seed: int = 3) -> tuple[Batch, OpenedGrids]:
    dataset = create_dataset(name=unique("world"), label_set=make_label_set(world.n_labels), **world.figures)
    labels = list(dataset.label_set.labels.order_by("index"))
    images = images_of(dataset, world.images, labels)
    if world.pool is not None:
        pool = create_dataset(name=unique("pool"), label_set=dataset.label_set, positive_controls=0)
        images_of(pool, world.pool, labels)
        change_settings(dataset=dataset, control_pool=pool)
    source = [{"classifier": "a", "rank": 1}]
    PotentialLabel.objects.bulk_create(
        PotentialLabel(image=images[i], label=labels[n], is_dataset_label=False, sources=source)
        for i, n in sorted(world.potential)
    )
    chosen = None
    if world.chosen is not None:
        change_settings(dataset=dataset, negatives_from="list")
        chosen = {labels[label].pk: [labels[n].pk for n in similar] for label, similar in enumerate(world.chosen)}
    rule: dict[str, Any] = {"initial_images": 2, "accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 4}
    batch = make_batch(dataset, **(rule if world.adaptive else {}))
    return batch, open_grids_with_controls(batch, potential_pairs(dataset), chosen=chosen, seed=seed)


@settings(max_examples=N_WORLDS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_no_pair_is_missing_none_comes_twice_and_every_grid_has_its_controls(world):
    with transaction.atomic():
        batch, result = opened(world)
        cells = list(
            GridCell.objects.filter(grid__hit__batch=batch).select_related("grid__label", "image").order_by("position")
        )
        check_questions(world, batch, result, cells)
        check_cells(batch, cells)
        check_controls(batch, result, cells)
        transaction.set_rollback(True)


def check_questions(world: World, batch: Batch, result: OpenedGrids, cells: list[GridCell]) -> None:
    asked = Counter((cell.image_id, cell.grid.label_id) for cell in cells if cell.role == Role.QUESTION)
    potential_labels = PotentialLabel.objects.filter(image__dataset=batch.dataset).exclude(image__original="")
    assert asked == Counter(potential_labels.values_list("image_id", "label_id"))
    assert sum(asked.values()) == sum(world.images[image][1] for image, _ in world.potential)
    grids = Grid.objects.filter(hit__batch=batch)
    assert result.n_grids == grids.count() == len({cell.grid_id for cell in cells})
    if not batch.is_adaptive:
        assert Slot.objects.filter(batch=batch).count() == batch.settings.contains_answers * result.n_grids


def check_cells(batch: Batch, cells: list[GridCell]) -> None:
    pool = batch.settings.control_pool or batch.dataset
    positions: dict[int, list[int]] = {}
    for cell in cells:
        positions.setdefault(cell.grid_id, []).append(cell.position)
        assert cell.image.original
        shows_it = cell.image.dataset_label_id == cell.grid.label_id
        assert cell.expected is (shows_it if cell.role == Role.CONTROL else None)
        if cell.role == Role.CONTROL:
            assert cell.image.dataset_id == pool.pk and cell.image.dataset_label_id is not None
        else:
            places = {batch.dataset_id, pool.pk} if cell.role == Role.PADDING else {batch.dataset_id}
            assert cell.image.dataset_id in places
    assert all(numbers == list(range(len(numbers))) for numbers in positions.values())
    assert all(len(numbers) <= batch.settings.images_per_grid for numbers in positions.values())
    assert max(Counter((cell.grid_id, cell.image_id) for cell in cells).values(), default=1) == 1


def check_controls(batch: Batch, result: OpenedGrids, cells: list[GridCell]) -> None:
    """Check that the cells missing from grids are the reported ones, by label, and that no image was left for them.

    Nobody says that an image does not show a label that is a potential one of it.
    """
    pool = batch.settings.control_pool or batch.dataset
    potential = set(PotentialLabel.objects.values_list("image", "label"))
    lacking: Counter[Any] = Counter()
    said: Counter[Any] = Counter()
    assert not potential & {(cell.image_id, cell.grid.label_id) for cell in cells if cell.expected is False}
    for label, lack in result.shortfalls:
        if lack.role != CellRole.PADDING:
            said[label.pk, lack.role] += lack.n_required - lack.n_available
    for grid in {cell.grid for cell in cells}:
        of_grid = [cell for cell in cells if cell.grid_id == grid.pk]
        for expected, figure, role in KINDS:
            n_missing = getattr(batch.settings, figure) - sum(cell.expected is expected for cell in of_grid)
            assert n_missing >= 0
            if n_missing > 0:
                lacking[grid.label_id, role] += n_missing
            if n_missing > 0 and expected:
                showing = Image.objects.filter(dataset=pool, dataset_label=grid.label_id).exclude(original="")
                assert {image.pk for image in showing} <= {cell.image_id for cell in of_grid}
    assert lacking == said
