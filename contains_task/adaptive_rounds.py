"""What the further grids of an adaptive batch are made of: questions dealt anew, and controls drawn anew."""

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
class Earlier:
    """What the grids of a label in a batch have: HITs by the image they ask about, and control images.

    `negative_classes`: label ids of the images that were negative controls, the most frequent first.
    """

    former: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    used: list[int] = field(default_factory=list)
    negative_classes: list[int] = field(default_factory=list)


def earlier_grids(batch: Batch, label_id: int) -> Earlier:
    earlier = Earlier()
    classes: Counter[int] = Counter()
    cells = GridCell.objects.filter(grid__hit__batch=batch, grid__label=label_id).order_by("id")
    columns = ("image", "grid__hit", "role", "expected", "image__dataset_label")
    for image_id, hit_id, role, expected, own in cells.values_list(*columns):
        if role == Role.QUESTION:
            earlier.former[image_id].add(hit_id)
        elif role == Role.CONTROL:
            earlier.used.append(image_id)
            classes.update([own] if expected is False else [])
    earlier.negative_classes.extend(one for one, _ in classes.most_common())
    return earlier


def compose_further(
    batch: Batch, label_id: int, image_ids: Sequence[int], earlier: Earlier, profile: GridProfile
) -> list[list[GridCell]]:
    """The cells of each grid, at random positions and without their grid.

    The controls come from where those of the first grids came from: positive ones are of the class, negative ones of
    the classes that the batch's own were of, and nobody is asked about those. What grids lack is logged.
    """
    rng = np.random.default_rng()
    own, *others = _pools(batch, [label_id, *earlier.negative_classes])
    used = np.array(earlier.used, np.int64)
    found = compose(np.array(image_ids), own, others, profile, rng, _asked(label_id, earlier, others), used)
    _tell(batch, label_id, found)
    return [_cells(grid, rng) for grid in found]


def _pools(batch: Batch, label_ids: list[int]) -> list[NDArray[np.int64]]:
    """The images of each label that may be controls."""
    pool = batch.settings.control_pool_id or batch.dataset_id
    shown = Image.objects.filter(dataset=pool, dataset_label__in=label_ids).exclude(original="")
    of_label = defaultdict(list)
    for image_id, own in shown.values_list("id", "dataset_label_id"):
        of_label[own].append(image_id)
    return [np.array(of_label[label_id], np.int64) for label_id in label_ids]


def _asked(label_id: int, earlier: Earlier, others: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Images that are asked about the label: in this batch, and of those of other classes in any."""
    candidates = [image_id for pool in others for image_id in pool.tolist()]
    asked = GridCell.objects.filter(grid__label=label_id, role=Role.QUESTION, image__in=candidates)
    return np.array([*earlier.former, *asked.values_list("image", flat=True)], np.int64)


def _cells(grid: Composed, rng: np.random.Generator) -> list[GridCell]:
    order = rng.permutation(grid.images.size)
    cells = zip(grid.images[order].tolist(), grid.roles[order].tolist(), strict=True)
    return [
        GridCell(image_id=image_id, position=position, role=ROLES[CellRole(role)][0], expected=ROLES[CellRole(role)][1])
        for position, (image_id, role) in enumerate(cells)
    ]


def _tell(batch: Batch, label_id: int, grids: list[Composed]) -> None:
    lacking = Counter(str(lack) for grid in grids for lack in grid.shortfalls)
    if lacking:
        words = "; ".join(f"{lack} in {n} grid{'s'[: n > 1]}" for lack, n in lacking.items())
        label = Label.objects.get(pk=label_id)
        log.warning("Further grids of label %s in batch %s lack images: %s.", label, batch.pk, words)
