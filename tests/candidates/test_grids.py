"""From potential labels to grids that are stored: every pair once, every grid with its controls or a stated lack."""

import random
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Min

from aggregation.models import ControlChoice
from candidates.grids.actions import NoList, OtherLabels, open_grids_with_controls, potential_pairs, similar_labels
from candidates.models import PotentialLabel
from catalog.actions import add_hierarchy, change_settings
from catalog.label_data import SynsetRecord
from catalog.models import Classifier, Dataset, Image, Prediction
from catalog.reads import current_settings
from contains_task.actions import ComposedCell, open_composed_grids
from contains_task.models import Grid, GridCell, Role
from contains_task.reads import grid_cells_of, pairs_asked
from numerics.composition import CellRole
from tests.factories import make_batch, make_dataset, unique
from tests.required import require
from workforce.models import Batch, Slot

pytestmark = pytest.mark.django_db


def images_of(dataset: Dataset, n_images: int, *, file: str = "originals/x.jpg") -> list[Image]:
    """Images in turn of each label, as if they had files: composing looks at no picture."""
    labels = list(dataset.label_set.labels.order_by("index"))
    images = [
        Image(dataset=dataset, name=unique("image"), dataset_label=labels[n % len(labels)], original=file)
        for n in range(n_images)
    ]
    return Image.objects.bulk_create(images)


def give_labels(images: list[Image], n_others: int, seed: int = 0) -> set[tuple[int, int]]:
    """Each image gets its own label and others at random as potential labels; returns the pairs."""
    labels = list(images[0].dataset.label_set.labels.order_by("index"))
    chance = random.Random(seed)
    pairs = set()
    for image in images:
        others = chance.sample([label for label in labels if label != image.dataset_label], n_others)
        pairs |= {(image.pk, require(label).pk) for label in (image.dataset_label, *others)}
    dataset_labels = {(image.pk, image.dataset_label_id) for image in images}
    rows = [
        PotentialLabel(
            image_id=i, label_id=n, is_dataset_label=(i, n) in dataset_labels, sources=[{"classifier": "a", "rank": 1}]
        )
        for i, n in sorted(pairs)
    ]
    PotentialLabel.objects.bulk_create(rows)
    return pairs


def study(n_labels: int = 6, n_images: int = 60, n_others: int = 3, **figures: Any) -> Dataset:
    figures = {"images_per_grid": 12, "positive_controls": 2, "negative_controls": 2, "contains_answers": 2} | figures
    dataset = make_dataset(n_labels=n_labels, **figures)
    labels = list(dataset.label_set.labels.all())
    # One parent for all: each label is like every other.
    root = unique("root")
    for label in labels:
        label.wnid = f"{root}/{label.index}"[-20:]
        label.save()
    records = [SynsetRecord(root[-20:], "thing", "", ())]
    add_hierarchy(synsets=[*records, *(SynsetRecord(label.wnid, "", "", (root[-20:],)) for label in labels)])
    give_labels(images_of(dataset, n_images), n_others)
    return dataset


def opened(dataset: Dataset, **options):
    return open_grids_with_controls(make_batch(dataset), potential_pairs(dataset), **options)


def test_every_pair_is_a_question_once_and_no_image_is_twice_in_a_grid():
    for seed, (n_images, n_others, per_grid) in enumerate([(7, 1, 6), (61, 3, 12), (150, 5, 48), (97, 4, 9)]):
        dataset = study(n_images=n_images, n_others=n_others, images_per_grid=per_grid)
        result = opened(dataset, seed=seed)
        cells = list(grid_cells_of(dataset))
        asked = [(cell.image_id, cell.grid.label_id) for cell in cells if cell.role == Role.QUESTION]
        pairs = PotentialLabel.objects.filter(image__dataset=dataset).values_list("image_id", "label_id")
        assert sorted(asked) == sorted(pairs)
        assert max(Counter((cell.grid_id, cell.image_id) for cell in cells).values()) == 1
        assert result.n_grids == len({cell.grid_id for cell in cells})
        assert Slot.objects.filter(batch__dataset=dataset).count() == 2 * result.n_grids


@pytest.mark.parametrize(("positive", "negative"), [(5, 0), (3, 3)])
def test_every_grid_has_its_controls_or_says_what_it_lacks(positive, negative):
    dataset = study(n_labels=9, n_images=25, images_per_grid=20, positive_controls=positive, negative_controls=negative)
    result = opened(dataset)
    lacking: Counter[str] = Counter()
    for label, lack in result.shortfalls:
        lacking[f"{label.index} {lack.role}"] += lack.n_required - lack.n_available
    assert result.shortfalls, "some of these labels have too few images: the test must see both"
    for grid in Grid.objects.filter(hit__batch__dataset=dataset):
        controls = Counter(grid.cells.filter(role=Role.CONTROL).values_list("expected", flat=True))
        for expected, n_controls, role in ((True, positive, CellRole.POSITIVE), (False, negative, CellRole.NEGATIVE)):
            lacking[f"{grid.label.index} {role}"] -= max(0, n_controls - controls[expected])
    kinds = (CellRole.POSITIVE, CellRole.NEGATIVE)
    assert not [key for key, n in lacking.items() if n and key.split()[1] in kinds]


def test_controls_are_what_they_are_said_to_be_and_only_they_have_an_expected_answer():
    dataset = study()
    opened(dataset)
    for cell in grid_cells_of(dataset).select_related("grid__label", "image"):
        shows_it = cell.image.dataset_label_id == cell.grid.label_id
        assert cell.expected is (shows_it if cell.role == Role.CONTROL else None)


def test_the_same_seed_gives_the_same_grids_and_another_one_others():
    dataset = study()
    for seed in (7, 7, 8):
        opened(dataset, seed=seed)
    batches: dict[int, list] = {}
    for cell in grid_cells_of(dataset).order_by("grid", "position"):
        batches.setdefault(cell.grid.hit.batch_id, []).append((cell.grid.label_id, cell.image_id, cell.role))
    first, again, other = batches.values()
    assert first == again != other


def test_the_same_seed_draws_the_same_initial_subset_too():
    dataset = study()
    rule: dict[str, Any] = {"initial_images": 5, "accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 12}
    drawn = []
    for seed in (7, 7, 8):
        batch = make_batch(dataset, **rule)
        open_grids_with_controls(batch, potential_pairs(dataset), seed=seed)
        cells = GridCell.objects.filter(grid__hit__batch=batch, grid__hit__initial=True, role=Role.QUESTION)
        drawn.append(sorted(cells.values_list("grid__label", "image")))
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_image_with_the_label_among_its_potential_ones_is_no_negative_control_though_it_is_not_asked_about():
    dataset = study(n_labels=2, n_images=40, n_others=0, positive_controls=0, negative_controls=3)
    label, other = dataset.label_set.labels.order_by("index")
    asked, *doubtful = dataset.images.filter(dataset_label=other).order_by("pk")[:18]
    source = [{"classifier": "a", "rank": 1}]
    PotentialLabel.objects.bulk_create(
        PotentialLabel(image=image, label=label, is_dataset_label=False, sources=source) for image in (asked, *doubtful)
    )
    for _ in range(3):
        batch = make_batch(dataset)
        open_grids_with_controls(batch, [(asked.pk, label.pk)])
        controls = GridCell.objects.filter(grid__hit__batch=batch, expected=False)
        assert controls.count() == 2 and not controls.filter(image__in=doubtful).exists()


def test_controls_that_are_switched_off_are_in_no_new_grid():
    dataset = study(n_labels=2, n_images=40, n_others=0, positive_controls=3, negative_controls=3)
    label, other = dataset.label_set.labels.order_by("index")
    _, *positives = dataset.images.filter(dataset_label=label).order_by("pk")
    asked, *negatives = dataset.images.filter(dataset_label=other).order_by("pk")
    off = [(image, True) for image in positives[3:]] + [(image, False) for image in negatives[3:]]
    ControlChoice.objects.bulk_create(
        ControlChoice(dataset=dataset, image=image, label=label, in_use=False, expected=expected, reason="failed")
        for image, expected in off
    )
    for _ in range(3):
        batch = make_batch(dataset)
        open_grids_with_controls(batch, [(asked.pk, label.pk)])
        controls = GridCell.objects.filter(grid__hit__batch=batch, role=Role.CONTROL)
        assert controls.count() == 6 and not controls.filter(image__in=[image for image, _ in off]).exists()


def test_an_image_without_a_dataset_label_is_a_control_once_a_person_confirmed_it():
    dataset = study(n_labels=2, n_images=2, n_others=0, positive_controls=1, negative_controls=0)
    label = dataset.label_set.labels.get(index=0)
    asked = dataset.images.get(dataset_label=label)
    (unnamed,) = Image.objects.bulk_create([Image(dataset=dataset, name="unnamed", original="originals/x.jpg")])
    open_grids_with_controls(make_batch(dataset), [(asked.pk, label.pk)])
    assert not GridCell.objects.filter(grid__hit__batch__dataset=dataset, role=Role.CONTROL).exists()
    ControlChoice.objects.create(
        dataset=dataset, image=unnamed, label=label, in_use=True, expected=True, reason="All agree."
    )
    batch = make_batch(dataset)
    open_grids_with_controls(batch, [(asked.pk, label.pk)])
    assert GridCell.objects.get(grid__hit__batch=batch, role=Role.CONTROL).image == unnamed


def grids_until_done(dataset: Dataset, batch: Batch) -> list[int]:
    """Count the grids assigned until all grids of an image are, for each image in order."""
    cells = grid_cells_of(dataset).filter(grid__hit__batch=batch, role=Role.QUESTION)
    place = {
        hit: position for position, hit in enumerate(batch.hits.order_by("pk").values_list("pk", flat=True), start=1)
    }
    last: dict[int, int] = {}
    for image, hit in cells.values_list("image_id", "grid__hit_id"):
        last[image] = max(last.get(image, 0), place[hit])
    return [last[image] for image in sorted(last)]


def test_an_image_is_done_with_as_many_grids_as_it_and_those_before_it_have_labels():
    n_others = 2
    dataset = study(n_labels=60, n_images=120, n_others=n_others, positive_controls=0)
    batch = make_batch(dataset)
    open_grids_with_controls(batch, potential_pairs(dataset))
    done = grids_until_done(dataset, batch)
    assert done[0] == 1 + n_others
    assert all(n <= (1 + n_others) * position for position, n in enumerate(done, start=1))


def test_grids_come_in_the_order_of_their_first_images_the_initial_ones_of_an_adaptive_batch_before_the_others():
    dataset = study()
    batch = make_batch(dataset, initial_images=5, accept=0.95, reject=0.05, min_votes=2, max_votes=12)
    open_grids_with_controls(batch, potential_pairs(dataset))
    questions = GridCell.objects.filter(role=Role.QUESTION, grid__hit__batch=batch)
    grids = questions.values_list("grid__hit", "grid__hit__initial").annotate(first=Min("image"))
    order = [(not initial, first) for _, initial, first in grids.order_by("grid__hit")]
    assert order == sorted(order)
    assert {initial for initial, _ in order} == {True, False}


def test_no_position_tells_the_role_of_a_cell():
    dataset = study(n_images=240, n_others=3)
    opened(dataset, seed=1)
    full = [cell for cell in grid_cells_of(dataset) if cell.role == Role.CONTROL]
    places = Counter(cell.position for cell in full)
    assert set(places) == set(range(12))
    # Some 4 of 12 cells are controls: no position has far more or fewer of them than the others.
    expected = len(full) / 12
    assert len(full) > 400
    assert all(0.5 * expected < n < 1.5 * expected for n in places.values())


def test_a_dataset_of_a_few_of_many_classes_gets_negative_controls_too():
    # All classes are alike, and none of the ten that would come first has images.
    dataset = study(n_labels=40, n_images=8, n_others=0)
    first, *_, last = dataset.label_set.labels.order_by("index")
    dataset.images.update(dataset_label=last)
    open_grids_with_controls(make_batch(dataset), [(dataset.images.earliest("pk").pk, first.pk)])
    cells = grid_cells_of(dataset)
    assert cells.filter(role=Role.CONTROL, expected=False).count() == 2
    # And half of the cells that had no question.
    assert cells.filter(role=Role.PADDING).count() == 3


def test_controls_come_from_the_pool_alone_where_the_study_has_one():
    dataset = study()
    pool = make_dataset(n_labels=1)
    Dataset.objects.filter(pk=pool.pk).update(label_set=dataset.label_set)
    pool.refresh_from_db()
    images_of(pool, 60)
    change_settings(dataset=dataset, control_pool=pool)
    opened(dataset)
    roles = set(grid_cells_of(dataset).values_list("role", "image__dataset__name"))
    assert ("control", dataset.name) not in roles and ("question", pool.name) not in roles
    assert ("control", pool.name) in roles
    assert not grid_cells_of(pool).exists()


def test_a_pool_with_other_labels_is_refused():
    dataset = study(n_images=6)
    change_settings(dataset=dataset, control_pool=make_dataset(name="other things"))
    with pytest.raises(OtherLabels, match="other things has the label set .*") as refused:
        opened(dataset)
    for words in (refused.value.for_shell, refused.value.for_page):
        assert ". Choose a pool with the same labels" in words
    assert not Grid.objects.exists()


def test_an_image_without_a_file_is_neither_asked_about_nor_a_control():
    dataset = study(n_images=12)
    give_labels(images_of(dataset, 12, file=""), 2)
    opened(dataset)
    assert not GridCell.objects.filter(image__original="").exists()
    assert GridCell.objects.exists()


def test_a_pair_that_people_were_asked_about_is_known_by_its_batch():
    dataset = study(n_images=12)
    batch = make_batch(dataset)
    pairs = potential_pairs(dataset)[:5]
    open_grids_with_controls(batch, pairs)
    assert pairs_asked(dataset) == dict.fromkeys(map(tuple, pairs.tolist()), batch.pk)


def test_the_database_refuses_an_image_twice_in_a_grid_and_then_nothing_is_there():
    dataset = study(n_images=6)
    image = require(dataset.images.first())
    label_id = require(image.dataset_label_id)
    cells = [ComposedCell(0, image.pk, position, Role.QUESTION, None) for position in (0, 1)]
    with pytest.raises(IntegrityError, match="image_once_per_grid"):
        open_composed_grids(batch=make_batch(dataset), label_ids=[label_id], cells=cells, n_slots=1)


# Which labels are similar


def ranking(dataset: Dataset, **figures) -> list[list[int]]:
    chosen = figures.pop("chosen", None)
    settings = change_settings(dataset=dataset, **figures) if figures else current_settings(dataset)
    labels = list(dataset.label_set.labels.order_by("index"))
    similar = similar_labels(dataset, settings, labels, chosen)
    return [[other for other in row if other >= 0] for row in similar.tolist()]


@pytest.fixture
def fish() -> Dataset:
    """0 tench and 1 goldfish are fish; 2 dog is an animal too; 3 puppy is a dog."""
    dataset = make_dataset(n_labels=4, positive_controls=1)
    edges = {"n00000000": "f", "n00000001": "f", "n00000002": "a", "n00000003": "n00000002", "f": "a"}
    records = [SynsetRecord("a", "animal", "", ())]
    add_hierarchy(synsets=records + [SynsetRecord(wnid, "", "", (above,)) for wnid, above in edges.items()])
    return dataset


def test_by_hierarchy_the_nearest_class_comes_first_and_one_above_or_below_never(fish):
    assert ranking(fish) == [[1, 2, 3], [0, 2, 3], [0, 1], [0, 1]]


def test_by_confusion_the_one_most_taken_for_it_comes_first_then_the_hierarchy_goes_on(fish):
    labels = {label.index: label for label in fish.label_set.labels.all()}
    classifier = Classifier.objects.create(name="net", label_set=fish.label_set, network="net")
    for dataset_label, first in ((0, 2), (2, 0), (0, 1), (0, 0), (2, 3), (3, 2)):
        image = images_of(fish, 1)[0]
        Image.objects.filter(pk=image.pk).update(dataset_label=labels[dataset_label])
        Prediction.objects.create(classifier=classifier, image=image, labels=[first, 3])
    assert ranking(fish, negatives_from="confusion") == [[2, 1, 3], [0, 2, 3], [0, 1], [0, 1]]


def test_by_a_list_there_are_those_chosen_and_no_others(fish):
    pk = {label.index: label.pk for label in fish.label_set.labels.all()}
    chosen = {pk[0]: [pk[3], pk[2]], pk[1]: [pk[0]]}
    assert ranking(fish, negatives_from="list", chosen=chosen) == [[3, 2], [0], [], []]


def test_settings_that_want_a_list_refuse_to_go_without(fish):
    with pytest.raises(NoList, match="need a list of similar labels"):
        ranking(fish, negatives_from="list")
