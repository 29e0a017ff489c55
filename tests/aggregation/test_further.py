"""Answers that gave no vote: their images wait, and somebody else is asked, a few times."""

import random
from collections.abc import Collection
from typing import Any

import pytest

from aggregation.actions import aggregate
from aggregation.models import Annotation, CandidateSet, ConfidenceTable, SelectionFrequency, StoppedPair
from catalog.actions import change_settings
from catalog.models import Image
from classify_task.actions import record_vote
from classify_task.models import ClassifyVote
from contains_task.actions import open_grids, record_votes
from contains_task.answers.reads import answer_shown
from contains_task.models import ContainsVote, Grid, GridCell, Role
from contains_task.reads import cells_by_handle
from mturk.models import MarketplaceHIT, Terms
from mturk.publishing.actions import offer_again
from mturk.publishing.reads import committed
from studies.settings.actions import new_settings
from tests.chance import seeds
from tests.factories import make_batch, make_dataset, make_form, make_images, make_lease, make_worker, unique
from tests.required import require
from tests.threads import in_threads
from tests.workforce.assignments_by_hand import make_assignment, make_offered_grid
from workforce.actions import close_batch, exclude_submission, take_lease
from workforce.frame.actions import confirm
from workforce.frame.receipts import fields_to_hand_over
from workforce.models import HIT, Batch, Lease, Submission

pytestmark = pytest.mark.django_db


def answer(
    lease: Lease, *, selected: Collection[Image] = (), maybe: Collection[Image] = (), unseen: Collection[Image] = ()
) -> Submission:
    cells = cells_by_handle(lease)

    def of(images: Collection[Image]) -> list[str]:
        asked = {image.pk for image in images}
        return [handle for handle, cell in cells.items() if cell.image_id in asked]

    return record_votes(
        lease=lease,
        cells=cells,
        selected=of(selected),
        maybe=of(maybe),
        unseen=of(unseen),
        idempotency_key=unique("key"),
    )


def study(
    n_images: int, *, n_answers: int = 2, most: int = 3, answers: str = "two", **figures: Any
) -> tuple[Batch, list[Image]]:
    """A batch that asks whether images contain their own label."""
    dataset = make_dataset(
        contains_answers=n_answers, min_shown=n_answers, classify_answers=2, most_further_answers=most, **figures
    )
    batch = make_batch(dataset, answers=answers)
    images = make_images(dataset, n_images)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    return batch, images


def further_grids(batch: Batch) -> list[Grid]:
    return list(Grid.objects.filter(hit__batch=batch, hit__n_further__gt=0).order_by("pk"))


def questions(grid: Grid) -> set[int]:
    return set(grid.cells.filter(role=Role.QUESTION).values_list("image_id", flat=True))


def pruned() -> set[int]:
    return set(CandidateSet.objects.values_list("image_id", flat=True))


def counts(image: Image) -> tuple[int, int] | None:
    return SelectionFrequency.objects.filter(image=image).values_list("n_selected", "n_shown").first()


def test_an_image_that_was_not_seen_waits_and_somebody_else_is_asked():
    batch, (first, second, third) = study(3)
    ann, bob, eve = make_worker(), make_worker(), make_worker()
    answer(make_lease(batch, ann), selected=[first, second, third], unseen=[second])
    aggregate()
    assert not further_grids(batch), "the round is not over"
    answer(make_lease(batch, bob), selected=[first, second, third])
    aggregate()
    assert pruned() == {first.pk, third.pk}
    (grid,) = further_grids(batch)
    assert questions(grid) == {second.pk}
    assert grid.hit.slots.count() == 1
    assert take_lease(batch=batch, worker=ann) is None
    assert take_lease(batch=batch, worker=bob) is None
    aggregate()
    assert further_grids(batch) == [grid]
    answer(make_lease(batch, eve), selected=[second])
    aggregate()
    assert pruned() == {first.pk, second.pk, third.pk}
    assert counts(second) == (2, 2)
    assert further_grids(batch) == [grid]


def test_an_image_whose_round_is_not_over_is_not_pruned():
    dataset = make_dataset(contains_answers=1, min_shown=1, images_per_grid=1)
    batch, images = make_batch(dataset), make_images(dataset, 2)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    answer(make_lease(batch), unseen=images)
    aggregate()
    assert not further_grids(batch)
    assert not pruned()
    answer(make_lease(batch), selected=images)
    aggregate()
    assert [questions(grid) for grid in further_grids(batch)] == [{images[0].pk}]
    assert pruned() == {images[1].pk}


def test_a_photograph_that_nobody_sees_is_asked_about_a_few_times_only():
    batch, (first, second) = study(2, n_answers=2, most=3)
    for _ in range(2):
        answer(make_lease(batch), selected=[first, second], unseen=[second])
    aggregate()
    for n_grids in (2, 3, 3):
        assert len(further_grids(batch)) == n_grids
        while (lease := take_lease(batch=batch, worker=make_worker())) is not None:
            answer(lease, unseen=[second])
        aggregate()
    assert pruned() == {first.pk, second.pk}
    assert CandidateSet.objects.get(image=second).split == "too_few_votes"
    assert ContainsVote.objects.filter(image=second).count() == 0


def test_two_lost_answers_are_asked_of_two_people():
    batch, (first, second, third) = study(3)
    answer(make_lease(batch), unseen=[first, second])
    answer(make_lease(batch), unseen=[second])
    aggregate()
    assert [questions(grid) for grid in further_grids(batch)] == [{first.pk, second.pk}, {second.pk}]
    for first_of_all in (0, 1):
        # In either order, the person of one grid does not get the other.
        worker = make_worker()
        lease = require(take_lease(batch=batch, worker=worker))
        answer(lease, selected=[second])
        assert take_lease(batch=batch, worker=worker) is None, first_of_all
    aggregate()
    assert counts(second) == (2, 2)
    assert pruned() == {first.pk, second.pk, third.pk}


def test_the_person_of_the_later_grid_does_not_get_the_earlier_one():
    batch, (image,) = study(1)
    for _ in range(2):
        answer(make_lease(batch), unseen=[image])
    aggregate()
    earlier, later = further_grids(batch)
    earlier.hit.slots.update(state="withdrawn")
    worker = make_worker()
    lease = require(take_lease(batch=batch, worker=worker))
    assert lease.hit_id == later.hit_id
    answer(lease, selected=[image])
    earlier.hit.slots.update(state="free")
    assert take_lease(batch=batch, worker=worker) is None
    assert take_lease(batch=batch, worker=make_worker()) is not None


def test_a_closed_batch_asks_nobody_and_its_images_do_not_wait():
    batch, images = study(2)
    answer(make_lease(batch), selected=images, unseen=images[:1])
    close_batch(batch=batch)
    aggregate()
    assert not further_grids(batch)
    assert pruned() == {image.pk for image in images}


def test_an_excluded_answer_without_a_vote_is_replaced_as_a_whole():
    batch, images = study(2, n_answers=1)
    exclude_submission(submission=answer(make_lease(batch), unseen=images[:1]), reason="a program")
    aggregate()
    assert not further_grids(batch)
    assert not pruned()
    answer(make_lease(batch), selected=images)
    aggregate()
    assert not further_grids(batch)
    assert [counts(image) for image in images] == [(1, 1), (1, 1)]


def test_without_further_answers_in_the_settings_nobody_else_is_asked():
    batch, images = study(2, n_answers=1, most=0)
    answer(make_lease(batch), unseen=images[:1])
    aggregate()
    assert not further_grids(batch)
    assert pruned() == {image.pk for image in images}


def test_a_further_grid_has_controls_if_its_batch_has():
    dataset = make_dataset(contains_answers=1, min_shown=1, images_per_grid=3, positive_controls=1)
    batch = make_batch(dataset)
    images = make_images(dataset, 4)
    grid = open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images[:2]})[0]
    GridCell.objects.create(grid=grid, image=images[3], position=7, role=Role.CONTROL, expected=True)
    answer(make_lease(batch), unseen=images[:1])
    aggregate()
    (further,) = further_grids(batch)
    assert sorted(further.cells.values_list("role", flat=True)) == ["control", "question"]


def test_an_unseen_control_is_not_failed():
    batch, (image, control) = study(2, n_answers=1)
    GridCell.objects.filter(image=control).update(role=Role.CONTROL, expected=True)
    submission = answer(make_lease(batch), unseen=[control])
    aggregate()
    assert not ContainsVote.objects.filter(image=control).exists()
    shown = answer_shown(submission.hit_id, submission)
    assert {cell.image: cell.answer for cell in shown["cells"]} == {image: "no", control: "unseen"}
    assert not further_grids(batch), "a control is no question"


def test_a_form_whose_photograph_was_not_seen_asks_one_more_person():
    form = make_form(labels=(0, 1), n_slots=2)
    batch = form.hit.batch

    def fill(*, unseen: bool) -> Submission:
        lease = make_lease(batch)
        return record_vote(lease=lease, selected=[1], main=1, unseen=unseen, idempotency_key=unique("key"))

    fill(unseen=True), fill(unseen=False)
    aggregate()
    assert not Annotation.objects.exists()
    assert form.hit.slots.count() == 3
    aggregate()
    assert form.hit.slots.count() == 3
    fill(unseen=False)
    aggregate()
    assert Annotation.objects.get().n_annotators == 2
    assert ClassifyVote.objects.count() == 2


def test_a_form_is_asked_a_few_times_only():
    form = make_form(labels=(0, 1), n_slots=1)
    n_asked = 0
    while (lease := take_lease(batch=form.hit.batch, worker=make_worker())) is not None:
        record_vote(lease=lease, selected=[1], main=1, unseen=True, idempotency_key=unique("key"))
        n_asked += 1
        aggregate()
    assert n_asked == 1 + form.hit.batch.settings.most_further_answers
    assert HIT.objects.get(pk=form.hit_id).n_further == 3


@pytest.mark.django_db(transaction=True)
def test_passes_at_once_open_one_further_grid():
    batch, images = study(2, n_answers=1)
    answer(make_lease(batch), unseen=images[:1])
    in_threads(4, lambda _: aggregate())
    assert len(further_grids(batch)) == 1


# Three answers

KINDS = ("yes", "no", "maybe", "unseen")


@pytest.mark.parametrize("seed", seeds(6))
def test_votes_and_counts_are_what_people_meant_whatever_maybe_counts_as(seed):
    rng = random.Random(seed)
    batch, images = study(5, n_answers=3, most=0, answers="three")
    meant: dict[Image, list[str]] = {image: [] for image in images}
    for _ in range(3):
        mood = {image: rng.choice(KINDS) for image in images}
        for image, kind in mood.items():
            meant[image].append(kind)
        # What an unseen photograph was selected as does not matter.
        selected = [image for image in images if mood[image] == "yes" or mood[image] == "unseen" and rng.random() < 0.5]
        answer(
            make_lease(batch),
            selected=selected,
            maybe=[image for image in images if mood[image] == "maybe"],
            unseen=[image for image in images if mood[image] == "unseen"],
        )
    aggregate()
    for image, kinds in meant.items():
        votes = [vote.answer for vote in ContainsVote.objects.filter(image=image).order_by("pk")]
        assert votes == [kind for kind in kinds if kind != "unseen"]
    for counted_as in ("no", "yes", "nothing", "no"):
        new_settings(dataset=batch.dataset, figures={"maybe_counts": counted_as})
        aggregate()
        for image, kinds in meant.items():
            translated = [counted_as if kind == "maybe" else kind for kind in kinds]
            n_shown = sum(kind in ("yes", "no") for kind in translated)
            assert counts(image) == ((translated.count("yes"), n_shown) if n_shown else None)


def test_a_maybe_that_counts_as_nothing_is_asked_of_somebody_else():
    batch, (first, second) = study(2, n_answers=1, answers="three", maybe_counts="nothing")
    answer(make_lease(batch), selected=[first], maybe=[second])
    aggregate()
    (grid,) = further_grids(batch)
    assert questions(grid) == {second.pk}
    answer(make_lease(batch), selected=[second])
    aggregate()
    assert counts(second) == (1, 1)


def test_a_cell_that_is_both_selected_and_maybe_is_maybe():
    batch, (image,) = study(1, n_answers=1, answers="three")
    submission = answer(make_lease(batch), selected=[image], maybe=[image])
    assert (submission.answer["selected"], submission.answer["maybe"]) == ([], [image.public_id])
    assert ContainsVote.objects.get().answer == "maybe"


def test_a_batch_of_two_answers_has_no_maybe():
    batch, (first, second) = study(2, n_answers=1)
    submission = answer(make_lease(batch), selected=[first, second], maybe=[second])
    assert "maybe" not in submission.answer
    assert ContainsVote.objects.filter(selected=True, maybe=False).count() == 2


def test_other_settings_do_not_count_all_votes_again():
    batch, images = study(1, n_answers=1)
    answer(make_lease(batch), selected=images)
    aggregate()
    change_settings(dataset=batch.dataset, top_k=4)
    new_settings(dataset=batch.dataset, figures={"top_k": "3"})
    assert not Submission.objects.filter(aggregated_at=None).exists()


# On a marketplace


def lost_on_a_marketplace() -> tuple[Grid, Terms]:
    """A grid there whose one answer did not see one of two photographs; a pass has been over it."""
    grid, external_hit_id = make_offered_grid(n_images=2, n_slots=1)
    assignment = make_assignment(grid.hit, external_hit_id)
    lease = assignment.lease
    cells = cells_by_handle(lease)
    submission = record_votes(
        lease=lease, cells=cells, selected=[], unseen=list(cells)[:1], idempotency_key=unique("key")
    )
    confirm(
        hit=grid.hit,
        external_hit_id=external_hit_id,
        assignment_id=assignment.external_id,
        worker_id=assignment.worker.identity.external_id,
        fields=fields_to_hand_over(assignment, submission.answer),
    )
    aggregate()
    return grid, Terms.objects.get()


def test_on_a_marketplace_a_further_grid_is_offered_within_the_cap():
    grid, terms = lost_on_a_marketplace()
    (further,) = further_grids(grid.hit.batch)
    assert offer_again(terms=terms) == 1
    assert MarketplaceHIT.objects.get(hit=further.hit).n_assignments == 1
    assert offer_again(terms=terms) == 0


def test_beyond_the_cap_a_further_grid_waits_for_a_person():
    grid, terms = lost_on_a_marketplace()
    Terms.objects.update(spending_cap=committed(terms))
    (further,) = further_grids(grid.hit.batch)
    assert offer_again(terms=terms) == 0
    assert not MarketplaceHIT.objects.filter(hit=further.hit).exists()
    close_batch(batch=grid.hit.batch)
    aggregate()
    assert len(pruned()) == 2


# Adaptive batches


def test_an_adaptive_batch_gives_up_on_a_photograph_that_nobody_sees():
    dataset = make_dataset(
        n_labels=2, min_shown=2, contains_answers=2, classify_answers=1, most_further_answers=2, images_per_grid=48
    )
    batch = make_batch(dataset, initial_images=2, accept=0.95, reject=0.05, min_votes=2, max_votes=4)
    images = make_images(dataset, 4)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    initial = set(GridCell.objects.filter(grid__hit__initial=True).values_list("image", flat=True))
    broken = next(image for image in images if image.pk not in initial)
    for _ in range(60):
        lease = take_lease(batch=batch, worker=make_worker())
        if lease is None:
            break
        answer(lease, selected=images, unseen=[broken])
        aggregate()
    else:
        raise AssertionError("people are asked about it again and again")
    assert StoppedPair.objects.get(image=broken).decision == "undecided"
    assert broken.pk in pruned()


def test_an_initial_image_that_was_not_seen_is_asked_about_again_before_the_table_is_learnt():
    dataset = make_dataset(n_labels=2, min_shown=2, classify_answers=1, images_per_grid=48)
    batch = make_batch(dataset, initial_images=2, accept=0.95, reject=0.05, min_votes=1, max_votes=2)
    images = make_images(dataset, 2)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    for number in range(batch.initial_votes):
        answer(make_lease(batch), selected=images, unseen=images[:1] if number == 0 else [])
    aggregate()
    (grid,) = further_grids(batch)
    assert grid.hit.initial
    assert questions(grid) == {images[0].pk}
    answer(make_lease(batch), selected=images)
    aggregate()
    assert ConfidenceTable.objects.get(label=None).n_images == 2
    assert counts(images[0]) == (batch.initial_votes, batch.initial_votes)
    assert further_grids(batch) == [grid]


def test_the_initial_subset_is_asked_about_again_while_other_pairs_of_its_class_wait():
    dataset = make_dataset(n_labels=2, min_shown=2, classify_answers=1, images_per_grid=48)
    batch = make_batch(dataset, initial_images=2, accept=0.95, reject=0.05, min_votes=1, max_votes=2)
    images = make_images(dataset, 4)
    open_grids(batch=batch, images_by_label={require(images[0].dataset_label): images})
    initial = set(GridCell.objects.filter(grid__hit__initial=True).values_list("image", flat=True))
    broken = next(image for image in images if image.pk in initial)
    leases = [make_lease(batch) for _ in range(batch.initial_votes + 1)]
    of_subset = [lease for lease in leases if lease.hit.initial]
    assert len(of_subset) == batch.initial_votes
    for number, lease in enumerate(of_subset):
        answer(lease, selected=[image for image in images if image.pk in initial], unseen=[] if number else [broken])
    aggregate()
    (grid,) = further_grids(batch)
    assert grid.hit.initial and questions(grid) == {broken.pk}
    assert not ConfidenceTable.objects.exists()
