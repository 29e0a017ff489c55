"""Answers, exclusions and the aggregation at the same moment."""

from functools import partial

import pytest

from aggregation.actions import aggregate, aggregate_new_submissions
from aggregation.models import SelectionFrequency
from contains_task.kind import CONTAINS
from contains_task.models import ContainsVote
from tests.factories import make_dataset, make_grid, make_images, make_lease, make_worker, tick_images, unique
from tests.threads import PATIENCE_SECONDS, in_threads, started, waits, while_another_has_done
from workforce.actions import exclude_submission, readmit_submission
from workforce.models import Submission
from workforce.reads import not_aggregated
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_exclusion_during_a_pass_takes_effect_in_the_next():
    grid = make_grid(n_images=1, n_slots=2)
    submission = tick_images(lease=make_lease(grid.hit.batch), selected=[], idempotency_key="k")
    image = grid.cells.get().image
    # A row in its way holds the pass up between reading the votes and marking them as taken in.
    obstacle = partial(SelectionFrequency.objects.create, image=image, label=grid.label, n_selected=0, n_shown=9)
    exclude = partial(exclude_submission, submission=submission, reason="too fast")
    with (
        while_another_has_done(obstacle) as other,
        started(partial(aggregate_new_submissions, dataset=image.dataset)) as aggregated,
    ):
        assert waits(aggregated)
        with started(exclude) as excluded:
            assert waits(excluded)
            other.end(commit=False)
            assert aggregated.result(PATIENCE_SECONDS) == 1
            assert excluded.result(PATIENCE_SECONDS).submission_id == submission.pk
    assert list(not_aggregated()) == [submission]
    assert SelectionFrequency.objects.get().n_shown == 1
    aggregate()
    assert not SelectionFrequency.objects.exists()


def test_an_answer_that_meets_the_readmission_of_an_earlier_one_is_stored_and_one_of_the_two_counts():
    images = make_images(make_dataset(contains_answers=1), 1)
    worker = make_worker()
    first_grid, second_grid = make_grid(images=images), make_grid(images=images)
    first = tick_images(lease=make_lease(first_grid.hit.batch, worker), selected=[], idempotency_key="first")
    exclude_submission(submission=first, reason="doubt")
    settle_votes(kind=CONTAINS, submission_ids=[first.pk])
    readmit_submission(submission=first)
    lease = make_lease(second_grid.hit.batch, worker)
    answer = partial(tick_images, lease=lease, selected=[], idempotency_key="second")
    settle = partial(settle_votes, kind=CONTAINS, submission_ids=[first.pk])
    with while_another_has_done(settle) as other, started(answer) as answered:
        assert waits(answered)
        other.end(commit=True)
        answered.result(PATIENCE_SECONDS)
    assert list(ContainsVote.objects.order_by("id").values_list("role", "counted")) == [
        ("question", True),
        ("repeat", False),
    ]


def test_passes_of_the_aggregation_at_once_count_everything_once():
    grid = make_grid(n_images=3, n_slots=8)
    shown = [cell.image.public_id for cell in grid.cells.all()]

    def answer_and_aggregate(number: int) -> None:
        lease = make_lease(grid.hit.batch)
        tick_images(lease=lease, selected=shown[: number % 4], idempotency_key=unique("key"))
        aggregate()

    in_threads(8, answer_and_aggregate)
    rows = SelectionFrequency.objects.order_by("image__public_id").values_list("n_selected", "n_shown")
    assert sorted(rows) == [(2, 8), (4, 8), (6, 8)]
    assert not Submission.objects.filter(aggregated_at=None).exists()
