"""An adaptive study as it is opened by default: what its further grids are made of, round after round."""

import logging
from collections import Counter
from itertools import combinations

import pytest

from candidates.models import PotentialLabel
from catalog.actions import add_hierarchy, create_dataset
from catalog.label_data import SynsetRecord
from catalog.models import Dataset, Image
from contains_task.actions import open_further_grids
from contains_task.models import Grid, GridCell, Role
from studies.adaptive.reads import adaptive_figures
from studies.composed_grids.actions import open_composed
from studies.opening.actions import Pay
from tests.factories import make_label_set, unique
from tests.required import require
from workforce.models import Batch

pytestmark = pytest.mark.django_db

N_IMAGES, N_LABELS = 140, 14


def study(*, n_potential: int = N_LABELS, n_images: int = N_IMAGES, **figures: int) -> Dataset:
    """Images in turn of every class, with that and the classes after it as potential labels; all classes are alike."""
    dataset = create_dataset(name=unique("study"), label_set=make_label_set(N_LABELS), **figures)
    labels = list(dataset.label_set.labels.order_by("index"))
    above = SynsetRecord("root", "thing", "", ())
    add_hierarchy(synsets=[above, *(SynsetRecord(label.wnid, "", "", ("root",)) for label in labels)])
    images = Image.objects.bulk_create(
        Image(dataset=dataset, name=str(n), dataset_label=labels[n % N_LABELS], original="originals/x.jpg")
        for n in range(n_images)
    )
    PotentialLabel.objects.bulk_create(
        PotentialLabel(
            image=image, label=labels[(position + n) % N_LABELS], is_dataset_label=n == 0, sources=[{"rank": 1}]
        )
        for position, image in enumerate(images)
        for n in range(n_potential)
    )
    return dataset


def opened(dataset: Dataset, profile: str) -> Batch:
    rule = adaptive_figures(dataset=dataset, accept=0.95, reject=0.05, max_votes=10)
    return open_composed(dataset=dataset, profile=profile, pay=Pay(), adaptive=rule).batch


def questions_of(batch: Batch, label: int, n_pairs: int | None = None) -> list[int]:
    """Images that the others of a label's first grids ask about: as if so many of them were still unclear."""
    cells = GridCell.objects.filter(grid__hit__batch=batch, grid__label=label, role=Role.QUESTION)
    images = cells.filter(grid__hit__initial=False).order_by("image").values_list("image", flat=True)
    return list(dict.fromkeys(images))[:n_pairs]


def next_round(batch: Batch, label: int, n_pairs: int | None = None) -> list[Grid]:
    first_hits = set(batch.hits.values_list("pk", flat=True))
    open_further_grids(batch=batch, images_by_label={label: questions_of(batch, label, n_pairs)})
    return list(Grid.objects.filter(hit__batch=batch).exclude(hit__in=first_hits).order_by("hit"))


def made_of(grid: Grid) -> Counter:
    return Counter(grid.cells.values_list("role", "expected"))


def controls_of(grid: Grid, *, expected: bool = True) -> set[int]:
    return set(grid.cells.filter(role=Role.CONTROL, expected=expected).values_list("image", flat=True))


def test_further_grids_look_like_the_others_whatever_filled_the_first_one_up():
    dataset = study()
    batch = opened(dataset, "tsipras")
    label = require(dataset.label_set.labels.first()).pk
    first, *ordinary = batch.hits.filter(grid__label=label).order_by("-initial", "pk")
    assert made_of(first.grid)["question", None] == 20, "the first grid of a class is the one that is filled up"
    whole = Counter({("question", None): 43, ("control", True): 5})
    assert [made_of(hit.grid) for hit in ordinary].count(whole) == 2
    for _ in range(3):
        further = next_round(batch, label)
        assert [made_of(grid) for grid in further] == [whole, whole, whole | {("question", None): 34}]


def test_no_two_further_grids_carry_the_same_controls_while_there_are_others():
    dataset = study(n_potential=6, n_images=1400)
    batch = opened(dataset, "imagenetv2")
    label = require(dataset.label_set.labels.first()).pk
    grids = [grid for _ in range(2) for grid in next_round(batch, label, 200)]
    assert len(grids) == 10
    for expected in (True, False):
        for grid, other in combinations(grids, 2):
            assert not controls_of(grid, expected=expected) & controls_of(other, expected=expected)


def test_the_controls_of_further_grids_are_what_they_are_said_to_be_and_nobody_is_asked_about_negative_ones():
    dataset = study(n_potential=6, n_images=700)
    batch = opened(dataset, "imagenetv2")
    label = require(dataset.label_set.labels.first()).pk
    asked = set(GridCell.objects.filter(role="question", grid__label=label).values_list("image", flat=True))
    for grid in next_round(batch, label):
        cells = list(grid.cells.select_related("image").order_by("position"))
        assert [cell.position for cell in cells] == list(range(len(cells)))
        controls = [cell for cell in cells if cell.role == Role.CONTROL]
        assert Counter(cell.expected for cell in controls) == {True: 3, False: 3}
        assert all(cell.expected == (cell.image.dataset_label_id == label) for cell in controls)
        assert not {cell.image_id for cell in controls if not cell.expected} & asked


def test_no_position_of_further_grids_tells_a_control():
    dataset = study(n_potential=6, n_images=1400)
    batch = opened(dataset, "imagenetv2")
    grids = next_round(batch, require(dataset.label_set.labels.first()).pk)
    places = GridCell.objects.filter(grid__in=grids, role=Role.CONTROL).values_list("position", flat=True)
    assert min(places) < 12 and max(places) > 35


def test_further_grids_without_enough_images_have_fewer_controls_and_the_log_says_so(caplog):
    dataset = study(n_images=42)
    batch = opened(dataset, "tsipras")
    label = dataset.label_set.labels.first()
    with caplog.at_level(logging.WARNING):
        (grid,) = next_round(batch, require(label).pk)
    # Three images show the class, and all of them may be asked about in this very grid.
    n_free = 3 - grid.cells.filter(role=Role.QUESTION, image__dataset_label=label).count()
    assert len(controls_of(grid)) == n_free
    assert f"of label {label} in batch {batch.pk} lack images: {n_free} of 5 positive controls in 1 grid" in caplog.text


def test_a_batch_that_was_opened_without_controls_stays_without():
    dataset = study()
    assert dataset.settings_versions.latest("version").positive_controls == 5
    batch = opened(dataset, "tsipras")
    GridCell.objects.filter(role=Role.CONTROL).delete()
    assert set(made_of(next_round(batch, require(dataset.label_set.labels.first()).pk)[0])) == {("question", None)}
