"""A study whose workers are judged: grids with controls, answered by people who know the truth and some who do not."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from aggregation.actions import aggregate
from aggregation.quality import actions as quality
from aggregation.quality.actions import recompute_changed
from catalog.models import Dataset, Image, new_public_id
from contains_task.actions import ComposedCell, open_composed_grids, record_votes
from contains_task.models import Role
from contains_task.reads import cells_by_handle
from tests.factories import make_batch, make_dataset, make_images, make_lease, make_worker, unique
from tests.rows_of_a_module import rows_of_a_module
from workforce.facts.reads import AnswerFacts
from workforce.models import Batch, Worker

N_QUESTIONS, N_POSITIVE, N_NEGATIVE = 14, 3, 3
Person = Callable[[bool, int], bool]
"""Answers to a photograph: whether it shows the label, and its place on the page."""


def honest(shows: bool, place: int) -> bool:
    return shows


def selects_all(shows: bool, place: int) -> bool:
    return True


def selects_nothing(shows: bool, place: int) -> bool:
    return False


class JudgedStudy:
    """One label, and grids that each ask about the same photographs of their own; even photographs show the label."""

    def __init__(self, n_grids: int = 4, n_slots: int = 12, *, wrong_control: bool = False) -> None:
        self.dataset: Dataset = make_dataset(contains_answers=n_slots, images_per_grid=20)
        self.n_grids, self.n_slots, self.n_answered = n_grids, n_slots, 0
        self.controls: list[Image] = make_images(self.dataset, N_POSITIVE + N_NEGATIVE)
        self.questions = [make_images(self.dataset, N_QUESTIONS, label=None) for _ in range(n_grids)]
        # The order of cells on a page follows from these; by themselves they would follow from the numbers of rows.
        for image in self.dataset.images.order_by("pk"):
            Image.objects.filter(pk=image.pk).update(public_id=new_public_id())
        shows = [place < N_POSITIVE for place in range(len(self.controls))]
        self.shows = dict(zip((image.pk for image in self.controls), shows, strict=True))
        for images in self.questions:
            self.shows |= {image.pk: place % 2 == 0 for place, image in enumerate(images)}
        self.expected = dict(self.shows)
        if wrong_control:
            self.expected[self.controls[0].pk] = False
        self.batch = self.open_batch()

    def open_batch(self) -> Batch:
        """Open a batch of all grids, from now on the one that is answered."""
        self.batch = make_batch(self.dataset)
        label = self.dataset.label_set.labels.get(index=0)
        cells = [
            ComposedCell(grid, image.pk, place, *self._role(image))
            for grid, images in enumerate(self.questions)
            for place, image in enumerate(images + self.controls)
        ]
        open_composed_grids(batch=self.batch, label_ids=[label.pk] * self.n_grids, cells=cells, n_slots=self.n_slots)
        return self.batch

    def _role(self, image: Image) -> tuple[Role, bool | None]:
        return (Role.CONTROL, self.expected[image.pk]) if image in self.controls else (Role.QUESTION, None)

    def answer(self, person: Person = honest, *, n_grids: int | None = None, worker: Worker | None = None) -> Worker:
        """Have somebody answer the grids of the study; honest people err on one photograph in twenty."""
        worker = worker or make_worker()
        self.n_answered += 1
        # Who errs on what turns neither on numbers of rows, which go on from test to test, nor on the order of cells.
        rng = np.random.default_rng(self.n_answered)
        for _ in range(self.n_grids if n_grids is None else n_grids):
            lease = make_lease(self.batch, worker)
            cells = cells_by_handle(lease)
            errs = dict(zip(self.shows, rng.random(len(self.shows)) < (0.05 if person is honest else 0), strict=True))
            answers = [person(self.shows[cell.image_id], place) for place, cell in enumerate(cells.values())]
            selected = [
                handle
                for (handle, cell), answer in zip(cells.items(), answers, strict=True)
                if answer != errs[cell.image_id]
            ]
            # With facts, as a page sends them, a vote knows its place.
            record_votes(
                lease=lease,
                cells=cells,
                selected=selected,
                facts=AnswerFacts({"browser": "a browser"}),
                idempotency_key=unique("key"),
            )
        return worker

    @cached_property
    def guesser(self) -> Worker:
        """Somebody who selects everything, on two grids."""
        return self.answer(selects_all, n_grids=2)

    def aggregate(self) -> None:
        aggregate(dataset=self.dataset)


def answered_study(n_honest: int) -> JudgedStudy:
    """Honest people, who answered two grids each, and one who selects everything, all of them measured."""
    study = JudgedStudy()
    for _ in range(n_honest):
        study.answer(n_grids=2)
    assert study.guesser
    study.aggregate()
    recompute_changed()
    return study


@contextmanager
def answered_study_of_a_module(django_db_blocker: Any, n_honest: int) -> Iterator[JudgedStudy]:
    """Yield such a study for all tests of a module. A test changes a deep copy: the rows are rolled back after it."""
    with rows_of_a_module(django_db_blocker), pytest.MonkeyPatch.context() as patched:
        # However busy the machine is, this is a small study.
        patched.setattr(quality, "ALWAYS_SECONDS", math.inf)
        yield answered_study(n_honest)
