"""Surplus votes: of the votes that could count, the first ones do, as many as are wanted, however often it is asked."""

import random
from typing import Any

import pytest

from aggregation.actions import aggregate
from catalog.models import Image
from classify_task import actions as classify_actions
from classify_task.models import ClassifyVote
from contains_task import actions as contains_actions
from contains_task.actions import open_grids
from contains_task.models import ContainsVote
from tests.aggregation.test_further import answer, counts
from tests.chance import seeds
from tests.factories import make_batch, make_dataset, make_form, make_images, make_lease, unique
from tests.required import require
from workforce.actions import exclude_submission, readmit_submission
from workforce.exclusions.actions import mark_excluded
from workforce.models import Batch, Submission
from workforce.replacements.actions import add_slots

pytestmark = pytest.mark.django_db
N_WANTED, N_ANSWERS = 3, 7
SEEDS = seeds(4)


def grid_with_replacements() -> tuple[Batch, list[Image], list[Submission]]:
    """A grid that wants three answers and has seven, since four places were added in place of excluded answers."""
    dataset = make_dataset(contains_answers=N_WANTED, min_shown=N_WANTED, most_replacements=N_ANSWERS)
    batch = make_batch(dataset)
    images = make_images(dataset, 2)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    submissions = [answer(make_lease(batch), selected=images[:1]) for _ in range(N_WANTED)]
    aggregate()
    for _ in range(N_ANSWERS - N_WANTED):
        exclude_submission(submission=submissions[-1], reason="?")
        aggregate()
        submissions.append(answer(make_lease(batch), selected=images[:1]))
        aggregate()
    return batch, images, submissions


def is_excluded(submission: Submission) -> bool:
    return submission.exclusions.filter(lifted_at=None).exists()


def counted(model: Any) -> list[int]:
    return sorted(set(model.objects.filter(counted=True).values_list("submission", flat=True)))


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_is_readmitted_in_whichever_order_the_first_answers_count(seed):
    _, images, submissions = grid_with_replacements()
    excluded = [submission for submission in submissions if is_excluded(submission)]
    assert len(excluded) == N_ANSWERS - N_WANTED
    random.Random(seed).shuffle(excluded)
    standing = {submission.pk for submission in submissions} - {submission.pk for submission in excluded}
    for submission in excluded:
        readmit_submission(submission=submission)
        standing.add(submission.pk)
        aggregate()
        assert counted(ContainsVote) == sorted(standing)[:N_WANTED]
        assert [counts(image) for image in images] == [(N_WANTED, N_WANTED), (0, N_WANTED)]


def test_setting_surplus_aside_again_changes_nothing():
    _, _, submissions = grid_with_replacements()
    for submission in submissions:
        if is_excluded(submission):
            readmit_submission(submission=submission)
    aggregate()
    before = list(ContainsVote.objects.order_by("pk").values_list("pk", "counted", "surplus"))
    for _ in range(2):
        contains_actions.set_surplus_aside(submission_ids=[submission.pk for submission in submissions])
        assert list(ContainsVote.objects.order_by("pk").values_list("pk", "counted", "surplus")) == before
    assert sum(surplus for _, _, surplus in before) == 2 * (N_ANSWERS - N_WANTED)


def test_a_form_without_replacements_has_no_surplus():
    form = make_form(labels=(0, 1), n_slots=2)
    add_slots(hit=form.hit, n_slots=1)
    stored = [
        classify_actions.record_vote(
            lease=make_lease(form.hit.batch), selected=[1], main=1, idempotency_key=unique("key")
        )
        for _ in range(3)
    ]
    aggregate()
    classify_actions.set_surplus_aside(submission_ids=[submission.pk for submission in stored])
    assert counted(ClassifyVote) == [submission.pk for submission in stored]


def test_only_answers_that_are_excluded_now_are_marked_for_the_aggregation():
    batch, _, submissions = grid_with_replacements()
    lifted = next(filter(is_excluded, submissions))
    readmit_submission(submission=lifted)
    aggregate()
    mark_excluded(dataset=batch.dataset)
    marked = set(Submission.objects.filter(aggregated_at=None).values_list("pk", flat=True))
    assert marked == {submission.pk for submission in filter(is_excluded, submissions)}
    assert lifted.pk not in marked and len(marked) == N_ANSWERS - N_WANTED - 1
