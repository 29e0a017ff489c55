"""Composition of the further grids of an adaptive batch: questions and controls are drawn again."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.models import Image, Label
from contains_task.models import GridCell, Role
from contains_task.reads import ROLES
from numerics.composition import CellRole, GridProfile, compose
from numerics.composition import Grid as Composed
from workforce.models import Batch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierGrids:
    """The earlier grids of a label in a batch: HITs by image of their questions, and control images.

    `negative_classes`: label ids of negative controls, the most frequent first.
    """

    former: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    used: list[int] = field(default_factory=list)
    negative_classes: list[int] = field(default_factory=list)


def earlier_grids(batch: Batch, label_id: int) -> EarlierGrids:
    earlier = EarlierGrids()
    classes: Counter[int] = Counter()
    cells = GridCell.objects.filter(grid__hit__batch=batch, grid__label=label_id).order_by("id")
    columns = ("image", "grid__hit", "role", "expected", "image__dataset_label")
    for image_id, hit_id, role, expected, dataset_label in cells.values_list(*columns):
        if role == Role.QUESTION:
            earlier.former[image_id].add(hit_id)
        elif role == Role.CONTROL:
            earlier.used.append(image_id)
            classes.update([dataset_label] if expected is False else [])
    earlier.negative_classes.extend(label for label, _ in classes.most_common())
    return earlier


def compose_further(
    batch: Batch, label_id: int, image_ids: Sequence[int], earlier: EarlierGrids, profile: GridProfile
) -> list[list[GridCell]]:
    """Return the cells of each grid, at random positions and without their grid.

    Controls come from the same pools as in the first grids: positive ones are of the class, negative ones of the
    classes of the batch's negative controls, and are never questions. Shortfalls are logged.
    """
    rng = np.random.default_rng()
    positives, *negatives = _pools(batch, [label_id, *earlier.negative_classes])
    used = np.array(earlier.used, np.int64)
    questions = _questions(label_id, earlier, negatives)
    grids = compose(np.array(image_ids), positives, negatives, profile, rng, questions, used)
    _log_shortfalls(batch, label_id, grids)
    return [_cells(grid, rng) for grid in grids]


def _pools(batch: Batch, label_ids: list[int]) -> list[NDArray[np.int64]]:
    """Return the possible control images of each label."""
    pool = batch.settings.control_pool_id or batch.dataset_id
    images = Image.objects.filter(dataset=pool, dataset_label__in=label_ids).exclude(original="")
    of_label = defaultdict(list)
    for image_id, dataset_label in images.values_list("id", "dataset_label_id"):
        of_label[dataset_label].append(image_id)
    return [np.array(of_label[label_id], np.int64) for label_id in label_ids]


def _questions(label_id: int, earlier: EarlierGrids, negatives: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return images of questions on the label: all of this batch, and negative images of any batch."""
    candidates = [image_id for pool in negatives for image_id in pool.tolist()]
    cells = GridCell.objects.filter(grid__label=label_id, role=Role.QUESTION, image__in=candidates)
    return np.array([*earlier.former, *cells.values_list("image", flat=True)], np.int64)


def _cells(grid: Composed, rng: np.random.Generator) -> list[GridCell]:
    order = rng.permutation(grid.images.size)
    cells = zip(grid.images[order].tolist(), grid.roles[order].tolist(), strict=True)
    return [
        GridCell(image_id=image_id, position=position, role=ROLES[CellRole(role)][0], expected=ROLES[CellRole(role)][1])
        for position, (image_id, role) in enumerate(cells)
    ]


def _log_shortfalls(batch: Batch, label_id: int, grids: list[Composed]) -> None:
    lacking = Counter(str(lack) for grid in grids for lack in grid.shortfalls)
    if lacking:
        shortfalls = "; ".join(f"{lack} (grids: {n})" for lack, n in lacking.items())
        label = Label.objects.get(pk=label_id)
        log.warning("Further grids of label %s in batch %s lack images: %s.", label, batch.pk, shortfalls)
