"""In whichever order things happen, each pair and form ends with exactly as many counted votes as wanted.

Histories of answers, late answers, unseen photographs, exclusions, readmissions, and work that is killed half-way. The
short form plays some, `--soak` more, and one of 500 images.
"""

import os
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from aggregation.actions import aggregate, aggregate_new_submissions
from aggregation.further.actions import ask_for_missing
from aggregation.further.reads import missing_answers
from aggregation.models import SelectionFrequency
from catalog.reads import now
from classify_task.actions import open_forms, record_vote
from classify_task.models import ClassifyVote
from contains_task.actions import open_grids, record_votes
from contains_task.models import ContainsVote
from contains_task.reads import cells_by_handle
from tests.factories import make_batch, make_dataset, make_images, make_worker, unique
from tests.required import require
from workforce.actions import exclude_submission, expire_leases, readmit_submission, take_lease
from workforce.exclusions.actions import exclude_at_once, lift_step
from workforce.models import Batch, Exclusion, Lease, Slot, Submission, Worker

pytestmark = pytest.mark.django_db

SOAK = bool(os.environ.get("SOAK"))
# Five are the fewest with every number of images, of answers and of photographs a grid.
N_ORDERS = 200 if SOAK else 5
N_STEPS = 30


class Killed(Exception):
    """The process died."""


class History:
    """A study that is asked, answered, spoilt and mended at random."""

    def __init__(self, seed: int, *, n_images: int, n_answers: int, **figures: Any) -> None:
        self.chance = random.Random(seed)
        self.n_answers = n_answers
        self.dataset = make_dataset(
            contains_answers=n_answers,
            classify_answers=n_answers,
            min_shown=n_answers + 99,  # the grids lead to no forms: those are opened here
            most_further_answers=100,
            asks_again=self.chance.random() < 0.8,
            **figures,
        )
        self.batch = make_batch(self.dataset)
        self.images = make_images(self.dataset, n_images)
        open_grids(batch=self.batch, images_by_label={require(self.images[0].dataset_label): self.images})
        self.forms = make_images(self.dataset, 2)
        open_forms(dataset=self.dataset, labels_by_image={image.pk: [0, 1] for image in self.forms})
        self.of_forms = Batch.objects.get(dataset=self.dataset, kind="classify")
        self.people = [make_worker() for _ in range(2 * n_answers + 2)]
        self.late: list[Lease] = []

    # What happens

    def play(self, n_steps: int) -> None:
        steps: list[Callable[[], object]] = [
            *[self.somebody_answers] * 6,
            *[self.a_pass] * 3,
            *[self.somebody_is_excluded] * 2,
            *[self.somebody_is_readmitted] * 2,
            self.somebody_lets_it_lapse,
            self.somebody_answers_late,
            self.a_step_of_exclusions,
            self.a_step_is_lifted,
            self.all_of_a_person,
        ]
        for _ in range(n_steps):
            step = self.chance.choice(steps)
            if self.chance.random() < 0.25:
                self.killed(step)
            else:
                step()

    def killed(self, step: Callable[[], object]) -> None:
        """Do it, and die at some statement of it: nothing of the transaction that was open then is kept."""
        n_left = self.chance.randint(0, 25)

        def die(execute, sql, params, many, context):
            nonlocal n_left
            n_left -= 1
            if n_left < 0 and "SAVEPOINT" not in sql:
                n_left = 10**6
                raise Killed
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(die):
                step()
        except Killed:
            pass

    def lease(self, worker: Worker | None = None) -> Lease | None:
        batch = self.chance.choice([self.batch, self.batch, self.of_forms])
        return take_lease(batch=batch, worker=worker or self.chance.choice(self.people))

    def somebody_answers(self) -> None:
        lease = self.lease()
        if lease is not None:
            self.answer(lease, unseen=0.15)

    def answer(self, lease: Lease, *, unseen: float = 0.0) -> None:
        key = unique("key")
        if lease.hit.batch.kind == "classify":
            record_vote(lease=lease, selected=[1], main=1, unseen=self.chance.random() < unseen, idempotency_key=key)
            return
        cells = cells_by_handle(lease)
        lost = [handle for handle in cells if self.chance.random() < unseen]
        chosen = [handle for handle in cells if self.chance.random() < 0.5]
        record_votes(lease=lease, cells=cells, selected=chosen, unseen=lost, idempotency_key=key)

    def somebody_lets_it_lapse(self) -> None:
        lease = self.lease()
        if lease is not None:
            Lease.objects.filter(pk=lease.pk).update(expires_at=now() - timedelta(seconds=1))
            self.late.append(lease)
            expire_leases()

    def somebody_answers_late(self) -> None:
        if self.late:
            lease = self.late.pop(self.chance.randrange(len(self.late)))
            if not Submission.objects.filter(lease=lease).exists():
                self.answer(Lease.objects.select_related("hit__batch__settings").get(pk=lease.pk))

    def a_pass(self) -> None:
        aggregate_new_submissions(dataset=self.dataset, limit=self.chance.choice([1, 2, 99]))

    def counting(self) -> list[Submission]:
        excluded = Exclusion.objects.filter(lifted_at=None).values("submission")
        return list(Submission.objects.exclude(pk__in=excluded).order_by("pk"))

    def somebody_is_excluded(self) -> None:
        if submissions := self.counting():
            exclude_submission(submission=self.chance.choice(submissions), reason="?")

    def somebody_is_readmitted(self) -> None:
        if standing := list(Exclusion.objects.filter(lifted_at=None).order_by("pk")):
            readmit_submission(submission=self.chance.choice(standing).submission)

    def a_step_of_exclusions(self) -> None:
        of_a_person = Submission.objects.filter(worker=self.chance.choice(self.people))
        exclude_at_once(submissions=of_a_person, reason="?", step=unique("step")[:32])

    def a_step_is_lifted(self) -> None:
        if steps := list(Exclusion.objects.filter(lifted_at=None).exclude(step="").values_list("step", flat=True)):
            lift_step(step=self.chance.choice(sorted(steps)))

    def all_of_a_person(self) -> None:
        worker = self.chance.choice(self.people)
        for submission in self.counting():
            if submission.worker_id == worker.pk:
                exclude_submission(submission=submission, reason="?")

    # How it ends

    def others_answer(self) -> None:
        """Everybody's time is up, and others answer whatever is asked, until nothing is."""
        Lease.objects.filter(state="active").update(expires_at=now() - timedelta(seconds=1))
        expire_leases()
        for _ in range(60):
            aggregate(dataset=self.dataset)
            ask_for_missing(dataset=self.dataset)
            n_answered = 0
            for batch in (self.batch, self.of_forms):
                while (lease := take_lease(batch=batch, worker=make_worker())) is not None:
                    self.answer(lease)
                    n_answered += 1
            if not n_answered:
                return
        raise AssertionError("others are asked again and again")

    def check(self) -> None:
        for image in self.images:
            counted = ContainsVote.objects.filter(image=image, counted=True)
            assert counted.count() == self.n_answers
            assert counted.values("worker").distinct().count() == self.n_answers
            assert SelectionFrequency.objects.get(image=image).n_shown == self.n_answers
        for image in self.forms:
            assert ClassifyVote.objects.filter(image=image, counted=True).count() == self.n_answers
        assert not Slot.objects.filter(state__in=["free", "leased"], batch__dataset=self.dataset).exists()
        assert not missing_answers(self.dataset)
        excluded = Exclusion.objects.filter(lifted_at=None).values("submission")
        for votes in (ContainsVote.objects, ClassifyVote.objects):
            valid = votes.filter(role="question", submission__state="confirmed").exclude(submission__in=excluded)
            assert not valid.filter(counted=False, surplus=False).exists(), "what is left over is surplus"
            assert not votes.filter(surplus=True, submission__in=excluded).exists()
        assert not ContainsVote.objects.filter(role="repeat").exists(), "somebody was asked twice"


@pytest.mark.parametrize("seed", range(N_ORDERS))
def test_each_pair_ends_with_as_many_counted_votes_as_wanted_at_every_order(seed):
    history = History(seed, n_images=4 + seed % 3, n_answers=1 + seed % 4, images_per_grid=2 + seed % 5)
    history.play(N_STEPS)
    history.others_answer()
    history.check()
    # It is played again on what is there, with answers that come after the end.
    history.play(N_STEPS // 3)
    while history.late:
        history.somebody_answers_late()
    history.others_answer()
    history.check()


def test_without_a_readmission_nobody_is_asked_in_vain(seed=1):
    history = History(seed, n_images=4, n_answers=3, images_per_grid=2)
    history.others_answer()
    for _ in range(4):
        history.all_of_a_person()
        history.others_answer()
    history.check()
    assert not ContainsVote.objects.filter(surplus=True).exists()


@pytest.mark.skipif(not SOAK, reason="500 images: ./test --soak")
def test_excluding_each_worker_of_a_study_of_500_images_in_turn_leaves_as_many_votes_as_wanted():
    history = History(7, n_images=500, n_answers=9, images_per_grid=48)
    for _ in range(15):
        history.play(40)
        history.others_answer()
        history.check()
