"""Answers taken away by an exclusion are asked of somebody else; a readmission withdraws what nobody holds."""

from datetime import timedelta
from typing import Any

import pytest

from aggregation.actions import aggregate, recompute
from aggregation.further.actions import ask_for_missing
from aggregation.further.reads import missing_answers, n_surplus_votes
from aggregation.models import Annotation, SelectionFrequency
from catalog.models import Image
from catalog.reads import now
from classify_task.actions import record_vote
from classify_task.models import ClassifyVote
from contains_task.actions import open_grids
from contains_task.models import ContainsVote, Grid
from contains_task.reads import contains_vote_row, votes_of
from mturk.models import MarketplaceHIT, Terms
from mturk.publishing.actions import offer_again
from mturk.publishing.reads import committed
from studies.settings.actions import new_settings
from tests.aggregation.test_further import answer, counts
from tests.factories import make_batch, make_dataset, make_form, make_images, make_lease, make_worker, unique
from tests.required import require
from tests.workforce.assignments_by_hand import make_assignment, make_offered_grid
from workforce.actions import close_batch, exclude_submission, expire_leases, readmit_submission, take_lease
from workforce.frame.actions import confirm
from workforce.frame.receipts import fields_to_hand_over
from workforce.models import HIT, Batch, Lease, Slot, Submission
from workforce.places.actions import free_places_of

pytestmark = pytest.mark.django_db


def study(n_images: int = 2, *, n_answers: int = 2, **figures: Any) -> tuple[Batch, list[Image]]:
    """One grid that asks whether images contain their own label."""
    dataset = make_dataset(contains_answers=n_answers, min_shown=n_answers, **figures)
    batch = make_batch(dataset)
    images = make_images(dataset, n_images)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    return batch, images


def answered(n_images: int = 2, *, n_answers: int = 2, **figures: Any) -> tuple[Batch, list[Image], list[Submission]]:
    batch, images = study(n_images, n_answers=n_answers, **figures)
    submissions = [answer(make_lease(batch), selected=images) for _ in range(n_answers)]
    aggregate()
    return batch, images, submissions


def free(batch: Batch) -> int:
    return Slot.objects.filter(batch=batch, state="free").count()


def exclude(*submissions: Submission) -> None:
    for submission in submissions:
        exclude_submission(submission=submission, reason="?")
    aggregate()


def readmit(*submissions: Submission) -> None:
    for submission in submissions:
        readmit_submission(submission=submission)
    aggregate()


def test_an_excluded_answer_is_asked_of_somebody_else():
    batch, images, (first, second) = answered()
    exclude(first)
    assert [counts(image) for image in images] == [(1, 1), (1, 1)]
    assert free(batch) == 1
    assert take_lease(batch=batch, worker=first.worker) is None
    assert take_lease(batch=batch, worker=second.worker) is None
    answer(make_lease(batch))
    aggregate()
    assert [counts(image) for image in images] == [(1, 2), (1, 2)]
    assert free(batch) == 0
    aggregate()
    assert Slot.objects.filter(batch=batch).count() == 3


def test_a_readmission_withdraws_what_nobody_holds():
    batch, images, (first, _) = answered()
    exclude(first)
    readmit(first)
    assert (free(batch), Slot.objects.filter(batch=batch, state="withdrawn").count()) == (0, 1)
    assert HIT.objects.get().n_replacements == 0
    assert [counts(image) for image in images] == [(2, 2), (2, 2)]
    assert {image.pk for image in images} == set(SelectionFrequency.objects.values_list("image", flat=True))
    exclude(first)
    assert free(batch) == 1


def test_what_is_left_over_after_a_readmission_is_surplus():
    batch, images, (first, second) = answered()
    exclude(first)
    held = make_lease(batch)
    readmit(first)
    assert free(batch) == 0
    third = answer(held)
    aggregate()
    assert [counts(image) for image in images] == [(2, 2), (2, 2)]
    assert n_surplus_votes(batch.dataset) == 2
    states = {row.submission_id: contains_vote_row(row)["state"] for row in votes_of(batch.dataset)}
    assert states == {first.pk: "confirmed", second.pk: "confirmed", third.pk: "surplus"}
    # It takes the place of the next that is excluded, and nobody is asked.
    exclude(second)
    assert [counts(image) for image in images] == [(1, 2), (1, 2)]
    assert (n_surplus_votes(batch.dataset), free(batch)) == (0, 0)
    # Both others back again: the first two count.
    exclude(first)
    readmit(first, second)
    assert [counts(image) for image in images] == [(2, 2), (2, 2)]
    exclude(third)
    assert n_surplus_votes(batch.dataset) == 0
    assert not missing_answers(batch.dataset)


def test_a_person_with_a_surplus_vote_has_no_second_vote():
    batch, images, (first, _) = answered()
    exclude(first)
    third = answer(make_lease(batch))
    readmit(first)
    assert ContainsVote.objects.filter(submission=third, surplus=True).count() == 2
    other = make_batch(batch.dataset)
    open_grids(batch=other, images_by_label={require(images[0].dataset_label): images})
    answer(make_lease(other, third.worker))
    aggregate()
    assert set(ContainsVote.objects.filter(submission__hit__batch=other).values_list("role", flat=True)) == {"repeat"}


def test_a_form_is_asked_again_and_has_a_surplus_too():
    form = make_form(labels=(0, 1), n_slots=2)

    def fill() -> Submission:
        lease = make_lease(form.hit.batch)
        return record_vote(lease=lease, selected=[1], main=1, idempotency_key=unique("key"))

    first = fill()
    fill()
    aggregate()
    exclude(first)
    assert free(form.hit.batch) == 1
    fill()
    aggregate()
    assert Annotation.objects.get().n_annotators == 2
    readmit(first)
    assert Annotation.objects.get().n_annotators == 2
    assert ClassifyVote.objects.filter(surplus=True).count() == 1


def test_settings_decide_whether_and_how_often_others_are_asked():
    batch, _, submissions = answered(n_answers=3, asks_again=False)
    exclude(*submissions)
    assert free(batch) == 0
    new_settings(dataset=batch.dataset, figures={"asks_again": "True", "most_replacements": "2"})
    aggregate()
    assert free(batch) == 2
    new_settings(dataset=batch.dataset, figures={"most_replacements": "1"})
    aggregate()
    assert free(batch) == 2, "what was asked for is not taken back"


def test_missing_answers_are_counted_and_asked_for_in_one_press():
    batch, images, (first, second) = answered(3, asks_again=False)
    assert not missing_answers(batch.dataset)
    exclude(first)
    missing = missing_answers(batch.dataset)
    assert (missing.n_answers, missing.n_images, missing.n_people, missing.n_open) == (3, 3, 1, 3)
    assert ask_for_missing(dataset=batch.dataset) == 1
    assert ask_for_missing(dataset=batch.dataset) == 0
    assert not missing_answers(batch.dataset)
    answer(make_lease(batch))
    aggregate()
    assert [counts(image) for image in images] == [(1, 2)] * 3


def test_a_closed_batch_asks_nobody_and_says_what_is_missing():
    batch, _, (first, _) = answered(3)
    close_batch(batch=batch)
    aggregate()
    exclude(first)
    missing = missing_answers(batch.dataset)
    assert (missing.n_answers, missing.n_closed, missing.n_open, missing.n_people) == (3, 3, 0, 0)
    assert ask_for_missing(dataset=batch.dataset) == 0
    assert free(batch) == 0


def test_an_image_waits_for_the_replacement_and_not_for_a_withdrawn_one():
    batch, images, (first, second) = answered()
    exclude(first)
    SelectionFrequency.objects.all()
    images[0].candidate_set.delete()
    Submission.objects.update(aggregated_at=None)
    aggregate()
    assert not hasattr(Image.objects.get(pk=images[0].pk), "candidate_set")
    readmit(first)
    assert Image.objects.get(pk=images[0].pk).candidate_set


def test_recomputing_changes_nothing():
    batch, images, (first, _) = answered()
    exclude(first)
    answer(make_lease(batch))
    readmit(first)
    before = [counts(image) for image in images], n_surplus_votes(batch.dataset), Slot.objects.count()
    SelectionFrequency.objects.update(n_shown=99)
    recompute(dataset=batch.dataset)
    aggregate()
    assert ([counts(image) for image in images], n_surplus_votes(batch.dataset), Slot.objects.count()) == before


def test_who_answered_a_later_grid_does_not_get_an_earlier_one_that_asks_again():
    batch, (first_image, second_image) = study()
    lost = answer(make_lease(batch), selected=[first_image], unseen=[second_image])
    answer(make_lease(batch), selected=[first_image, second_image])
    aggregate()
    later = Grid.objects.get(hit__n_further=1)
    person = make_worker()
    lease = require(take_lease(batch=batch, worker=person))
    assert lease.hit_id == later.hit_id
    answer(lease, selected=[second_image])
    aggregate()
    exclude(lost)
    assert free(batch) == 1
    assert take_lease(batch=batch, worker=person) is None
    answer(make_lease(batch), selected=[first_image, second_image])
    aggregate()
    assert [counts(image) for image in (first_image, second_image)] == [(2, 2), (2, 2)]
    assert n_surplus_votes(batch.dataset) == 1, "the further answer is needed no more"


# Places that are given back


def test_a_lapsed_lease_is_asked_of_somebody_else():
    batch, _ = study(n_answers=1)
    lease = make_lease(batch)
    assert take_lease(batch=batch, worker=make_worker()) is None
    Lease.objects.filter(pk=lease.pk).update(expires_at=now() - timedelta(seconds=1))
    expire_leases()
    assert take_lease(batch=batch, worker=make_worker()) is not None


def test_a_place_that_was_returned_on_a_platform_is_free_at_once_and_a_late_answer_is_surplus():
    batch, images = study(n_answers=1)
    lease = make_lease(batch)
    assert free_places_of(batch=batch, worker_ids=[lease.worker_id, make_worker().pk]) == 1
    assert free_places_of(batch=batch, worker_ids=[lease.worker_id]) == 0
    answer(make_lease(batch), selected=images)
    late = answer(Lease.objects.get(pk=lease.pk))
    aggregate()
    assert late.state == "surplus"
    assert counts(images[0]) == (1, 1)


# On a marketplace


def confirmed_on_a_marketplace() -> tuple[Grid, Submission, Terms]:
    grid, external_hit_id = make_offered_grid(n_images=2, n_slots=1)
    assignment = make_assignment(grid.hit, external_hit_id)
    submission = answer(assignment.lease)
    confirm(
        hit=grid.hit,
        external_hit_id=external_hit_id,
        assignment_id=assignment.external_id,
        worker_id=assignment.worker.identity.external_id,
        fields=fields_to_hand_over(assignment, submission.answer),
    )
    MarketplaceHIT.objects.update(finished_at=now())
    aggregate()
    return grid, Submission.objects.get(pk=submission.pk), Terms.objects.get()


def test_on_a_marketplace_a_replacement_is_offered_within_the_cap():
    grid, submission, terms = confirmed_on_a_marketplace()
    exclude(submission)
    assert free(grid.hit.batch) == 1
    Terms.objects.update(spending_cap=terms.reward)
    terms.refresh_from_db()
    assert offer_again(terms=terms) == 0
    Terms.objects.update(spending_cap=committed(terms) + 10)
    terms.refresh_from_db()
    assert offer_again(terms=terms) == 1
    assert MarketplaceHIT.objects.filter(hit=grid.hit).count() == 2


def test_on_a_marketplace_a_replacement_on_offer_is_not_withdrawn():
    grid, submission, terms = confirmed_on_a_marketplace()
    exclude(submission)
    readmit(submission)
    assert free(grid.hit.batch) == 0
    exclude(submission)
    assert offer_again(terms=terms) == 1
    readmit(submission)
    assert free(grid.hit.batch) == 1, "somebody may have accepted it"
