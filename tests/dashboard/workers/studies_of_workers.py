"""A small study with controls, in which several people of a study link answered."""

from collections.abc import Sequence
from typing import Any

from aggregation.actions import aggregate
from aggregation.models import WorkerMeasure
from catalog.models import Dataset, Image
from contains_task.models import Grid, GridCell, Role
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    make_lease,
    make_worker,
    tick_images,
    unique,
)
from workforce.models import Batch, Submission, Worker


class SmallStudy:
    """A grid of four images for label 0: two questions, then a positive and a negative control."""

    def __init__(self, n_slots: int = 3) -> None:
        self.dataset: Dataset = make_dataset(contains_answers=n_slots, images_per_grid=4)
        self.batch: Batch = make_batch(self.dataset)
        self.images: list[Image] = make_images(self.dataset, 4)
        self.grid: Grid = make_grid(batch=self.batch, images=self.images)
        self.bad: Worker | None = None
        self.control(2, expected=True)
        self.control(3, expected=False)

    def control(self, number: int, *, expected: bool) -> None:
        GridCell.objects.filter(grid=self.grid, image=self.images[number]).update(role=Role.CONTROL, expected=expected)

    def answer(self, selected: Sequence[int], worker: Worker | None = None) -> Submission:
        """Have a person select these images of the grid."""
        lease = make_lease(self.batch, worker or make_worker())
        ids = [self.images[number].public_id for number in selected]
        return tick_images(lease=lease, selected=ids, idempotency_key=unique("key"))

    def aggregate(self) -> None:
        aggregate(dataset=self.dataset)

    def measure(self, worker: Worker, name: str, value: float | None, *, n: int = 10, **further: Any) -> None:
        fields = {"value": value, "n": n, "low": 0.0, "high": 1.0} | further
        WorkerMeasure.objects.create(dataset=self.dataset, worker=worker, measure=name, **fields)
