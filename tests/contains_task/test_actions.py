"""Votes from selected images, and the votes that count."""

from collections import Counter
from itertools import permutations, product

import pytest
from django.db import transaction
from django.db.models import QuerySet

from catalog import reads as clock
from contains_task.actions import cast_votes, open_grids, record_votes
from contains_task.kind import CONTAINS
from contains_task.models import ContainsVote, Grid, GridCell
from contains_task.reads import cells_by_handle, images_waiting
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
from tests.required import require
from workforce.actions import (
    AlreadySubmitted,
    BatchClosed,
    close_batch,
    exclude_submission,
    expire_leases,
    mark_aggregated,
    readmit_submission,
)
from workforce.models import Lease, Slot, Submission, Worker
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db


def ids(grid: Grid) -> list[str]:
    return [cell.image.public_id for cell in grid.cells.order_by("position")]


def answer(grid: Grid, *ticked: int, worker: Worker | None = None, key: str | None = None) -> Submission:
    """Have somebody tick the cells at these positions."""
    lease = make_lease(grid.hit.batch, worker)
    assert lease.hit_id == grid.hit_id
    chosen = [ids(grid)[position] for position in ticked]
    return tick_images(lease=lease, selected=chosen, idempotency_key=key or unique("key"))


def votes(submission: Submission) -> QuerySet[ContainsVote]:
    return submission.contains_votes.order_by("id")


def counted(*submissions: Submission) -> list[bool]:
    return [submission.contains_votes.get().counted for submission in submissions]


def same_question_three_times() -> tuple[Worker, list[Grid]]:
    """A person, and three one-cell grids that ask for the same image and label."""
    images = make_images(make_dataset(contains_answers=2), 1)
    return make_worker(), [make_grid(images=images) for _ in range(3)]


def settle(*submissions: Submission) -> None:
    settle_votes(kind=CONTAINS, submission_ids=[submission.pk for submission in submissions])


# Opening


def test_every_label_gets_as_many_grids_as_its_images_fill_and_each_grid_its_slots():
    dataset = make_dataset(images_per_grid=4, contains_answers=3)
    images = make_images(dataset, 6)
    first, second = dataset.label_set.labels.order_by("index")[:2]
    grids = open_grids(batch=make_batch(dataset), images_by_label={first: images, second: images[:4]})
    assert [(grid.label, grid.cells.count()) for grid in grids] == [(first, 4), (first, 2), (second, 4)]
    assert Slot.objects.filter(hit__in=[grid.hit_id for grid in grids]).count() == 9
    assert [cell.image for grid in grids[:2] for cell in grid.cells.order_by("position")] == images
    assert set(GridCell.objects.values_list("role", flat=True)) == {"question"}


def test_no_grids_are_opened_in_a_closed_batch():
    dataset = make_dataset()
    batch = make_batch(dataset)
    close_batch(batch=batch)
    with pytest.raises(BatchClosed):
        open_grids(batch=batch, images_by_label={require(dataset.label_set.labels.first()): make_images(dataset, 1)})
    assert not Grid.objects.exists()


def test_images_wait_until_every_slot_of_their_grid_is_filled_or_the_batch_is_closed():
    grid = make_grid(n_images=1, n_slots=2)
    image = grid.cells.get().image_id
    for waiting in ({image}, set()):
        submission = answer(grid)
        mark_aggregated(submission_ids=[submission.pk])
        assert images_waiting([image]) == waiting
    other = make_grid(n_images=1)
    close_batch(batch=other.hit.batch)
    assert images_waiting([other.cells.get().image_id]) == set()


def test_images_wait_until_all_answers_to_their_pairs_are_aggregated():
    dataset = make_dataset(contains_answers=1)
    images = make_images(dataset, 2)
    grids = [make_grid(images=shown, label=label) for label, shown in enumerate([images, images[:1]])]
    submissions = [answer(grid) for grid in grids]
    both = {image.pk for image in images}
    assert images_waiting(both) == both
    mark_aggregated(submission_ids=[submissions[0].pk])
    assert images_waiting(both) == {images[0].pk}
    mark_aggregated(submission_ids=[submissions[1].pk])
    assert images_waiting(both) == set()


# What a person sees


def test_every_lease_shows_the_same_cells_in_an_order_of_its_own_that_a_reload_keeps():
    grid = make_grid(n_images=8, n_slots=5)
    leases = [make_lease(grid.hit.batch) for _ in range(5)]
    orders = [[cell.public_id for cell in cells_by_handle(lease).values()] for lease in leases]
    assert all(sorted(order) == sorted(ids(grid)) for order in orders)
    assert len({tuple(order) for order in [ids(grid), *orders]}) == 6
    again = Lease.objects.get(pk=leases[0].pk)
    assert [cell.public_id for cell in cells_by_handle(again).values()] == orders[0]


def test_every_cell_comes_first_as_often_as_the_others():
    grid = make_grid(n_images=4, n_slots=200)
    first = Counter(next(iter(cells_by_handle(make_lease(grid.hit.batch)).values())).position for _ in range(200))
    # 50 are expected of each; fewer than 25 or more than 75 would come once in 10,000 runs.
    assert len(first) == 4
    assert all(25 <= n <= 75 for n in first.values())


def test_the_raw_answer_tells_in_which_order_the_cells_were_shown():
    grid = make_grid(n_images=5)
    lease = make_lease(grid.hit.batch)
    shown = [cell.public_id for cell in cells_by_handle(lease).values()]
    submission = tick_images(lease=lease, selected=shown[:1], idempotency_key="k")
    assert submission.answer == {"selected": shown[:1], "shown": shown}


# Answers


def test_every_cell_shown_becomes_a_vote_selected_or_not():
    grid = make_grid(n_images=4)
    submission = answer(grid, 1, 3)
    assert [vote.selected for vote in votes(submission)] == [False, True, False, True]
    for vote in votes(submission):
        assert (vote.label, vote.worker, vote.role, vote.counted) == (grid.label, submission.worker, "question", True)
    assert sorted(submission.answer["selected"]) == sorted([ids(grid)[1], ids(grid)[3]])


def test_an_empty_selection_is_an_answer():
    assert [vote.selected for vote in votes(answer(make_grid(n_images=2)))] == [False, False]


def test_a_cell_selected_twice_is_a_single_vote():
    assert [vote.selected for vote in votes(answer(make_grid(n_images=2), 0, 0))] == [True, False]


def test_an_image_of_another_grid_is_refused_by_name_and_nothing_is_stored():
    grid, other = make_grid(), make_grid()
    lease = make_lease(grid.hit.batch)
    foreign = ids(other)[0]
    cells = cells_by_handle(lease)
    for invented in (foreign, ids(grid)[0], next(iter(cells_by_handle(make_lease(other.hit.batch))))):
        with pytest.raises(KeyError, match=invented):
            record_votes(lease=lease, cells=cells, selected=[next(iter(cells)), invented], idempotency_key="k")
    lease.refresh_from_db()
    assert (lease.state, Submission.objects.count(), ContainsVote.objects.count()) == ("active", 0, 0)


@pytest.mark.parametrize("forged", ["", "x" * 400, "'; DROP TABLE", "\u202e", "0"])
def test_an_invented_image_is_refused_and_nothing_is_stored(forged):
    lease = make_lease(make_grid().hit.batch)
    with pytest.raises(KeyError):
        record_votes(lease=lease, cells=cells_by_handle(lease), selected=[forged], idempotency_key="k")
    assert not Submission.objects.exists()


def test_the_same_key_again_gives_the_same_submission_and_no_further_votes():
    grid = make_grid(n_images=2)
    worker = make_worker()
    lease = make_lease(grid.hit.batch, worker)
    sent = [tick_images(lease=lease, selected=ids(grid)[:1], idempotency_key="k") for _ in range(3)]
    assert len({submission.pk for submission in sent}) == 1
    assert ContainsVote.objects.count() == 2


def test_another_answer_under_another_key_is_refused_and_the_votes_stay():
    grid = make_grid(n_images=2)
    lease = make_lease(grid.hit.batch)
    tick_images(lease=lease, selected=ids(grid)[:1], idempotency_key="k")
    with pytest.raises(AlreadySubmitted):
        tick_images(lease=lease, selected=ids(grid), idempotency_key="another")
    assert [vote.selected for vote in ContainsVote.objects.order_by("id")] == [True, False]


def test_casting_twice_adds_nothing():
    submission = answer(make_grid(n_images=3), 0)
    before = list(votes(submission).values())
    cast_votes(submission=submission)
    assert list(votes(submission).values()) == before


def test_late_work_without_a_free_slot_becomes_votes_that_do_not_count(monkeypatch):
    grid = make_grid(n_images=2, n_slots=1)
    late = make_lease(grid.hit.batch)
    monkeypatch.setattr(clock, "fixed_now", late.expires_at)
    expire_leases()
    answer(grid, 0)
    submission = tick_images(lease=late, selected=ids(grid), idempotency_key="late")
    assert submission.state == "surplus"
    assert [(vote.selected, vote.role, vote.counted) for vote in votes(submission)] == [(True, "question", False)] * 2
    settle(submission)
    assert not votes(submission).filter(counted=True).exists()


@pytest.mark.parametrize("role", ["control", "padding", "repeat"])
def test_only_questions_count(role):
    grid = make_grid(n_images=2)
    grid.cells.filter(position=0).update(role=role, expected=True if role == "control" else None)
    submission = answer(grid, 0, 1)
    assert [(vote.role, vote.counted) for vote in votes(submission)] == [(role, False), ("question", True)]
    settle(submission)
    assert [vote.counted for vote in votes(submission)] == [False, True]


# Which votes count


def test_a_second_answer_of_the_same_person_on_a_pair_is_a_repeat_and_is_not_counted():
    worker, grids = same_question_three_times()
    first, second = answer(grids[0], 0, worker=worker), answer(grids[1], worker=worker)
    assert counted(first, second) == [True, False]
    assert votes(second).get().role == "repeat"
    settle(first, second)
    assert counted(first, second) == [True, False]


def test_the_same_image_under_another_label_is_another_question():
    images = make_images(make_dataset(contains_answers=1), 1)
    worker = make_worker()
    submissions = [answer(make_grid(images=images, label=label), worker=worker) for label in (0, 1)]
    assert counted(*submissions) == [True, True]


def test_another_persons_answer_on_the_pair_counts():
    grid = make_grid(n_images=1, n_slots=2)
    assert counted(answer(grid), answer(grid)) == [True, True]


def test_excluding_takes_the_votes_out_and_readmitting_brings_them_back():
    grid = make_grid(n_images=3)
    kept, submission = answer(grid), answer(grid, 0)
    exclude_submission(submission=submission, reason="too fast")
    settle(submission)
    assert votes(submission).filter(counted=True).count() == 0
    assert votes(kept).filter(counted=True).count() == 3
    readmit_submission(submission=submission)
    settle(submission)
    assert votes(submission).filter(counted=True).count() == 3


def test_settling_twice_or_with_nothing_to_settle_writes_nothing(django_assert_num_queries):
    submission = answer(make_grid(n_images=3), 0)
    with django_assert_num_queries(3):  # savepoint, question, release
        settle(submission)
    settle_votes(kind=CONTAINS, submission_ids=[])
    assert votes(submission).filter(counted=True).count() == 3


def excluded_then_answered_again() -> tuple[Submission, Submission]:
    """Two answers of one person to one question, both of role question: the first was excluded before the second."""
    worker, grids = same_question_three_times()
    first = answer(grids[0], 0, worker=worker)
    exclude_submission(submission=first, reason="doubt")
    settle(first)
    second = answer(grids[1], worker=worker)
    assert votes(second).get().role == "question"
    assert counted(first, second) == [False, True]
    return first, second


def test_a_readmitted_answer_takes_its_place_back_from_a_later_answer():
    first, second = excluded_then_answered_again()
    readmit_submission(submission=first)
    settle(first)
    assert counted(first, second) == [True, False]


def test_when_the_answer_that_counted_is_excluded_the_persons_other_one_counts():
    first, second = excluded_then_answered_again()
    readmit_submission(submission=first)
    settle(first)
    exclude_submission(submission=first, reason="doubt again")
    settle(first)
    assert counted(first, second) == [False, True]


def test_after_all_were_excluded_and_readmitted_the_first_counts_whatever_the_order():
    worker, grids = same_question_three_times()
    submissions = []
    for grid in grids:
        submissions.append(answer(grid, worker=worker))
        exclude_submission(submission=submissions[-1], reason="doubt")
        settle(submissions[-1])
    assert counted(*submissions) == [False] * 3
    for order, together in product(permutations(range(3)), (True, False)):
        with transaction.atomic():
            for i in order:
                readmit_submission(submission=submissions[i])
                if not together:
                    settle(submissions[i])
            settle(*submissions)
            assert counted(*submissions) == [True, False, False], (order, together)
            transaction.set_rollback(True)


def test_settling_a_worker_leaves_other_votes_alone():
    first, second = excluded_then_answered_again()
    other = answer(Grid.objects.get(hit=first.hit_id))
    ContainsVote.objects.filter(submission=other).update(counted=False)
    readmit_submission(submission=first)
    settle(first)
    assert counted(first, second, other) == [True, False, False]
    settle(other)
    assert counted(other) == [True]


def test_two_people_at_one_grid_have_handles_of_their_own_and_ticks_go_to_the_right_images():
    grid = make_grid(n_images=3, n_slots=2)
    first, second = make_lease(grid.hit.batch), make_lease(grid.hit.batch)
    second.hit = first.hit
    pages = [cells_by_handle(lease) for lease in (first, second, first)]
    assert pages[0] == pages[2] and not pages[0].keys() & pages[1].keys()
    images = {cell.public_id for cell in pages[0].values()}
    assert images == {cell.public_id for cell in pages[1].values()} and len(images) == 3
    for lease, (handle, cell) in ((first, next(iter(pages[0].items()))), (second, next(iter(pages[1].items())))):
        cells = cells_by_handle(lease)
        submission = record_votes(lease=lease, cells=cells, selected=[handle], idempotency_key=unique("key"))
        assert cells_by_handle(lease)[handle].public_id == submission.answer["selected"][0]
        assert submission.answer["shown"] == [cell.public_id for cell in cells_by_handle(lease).values()]
        assert submission.contains_votes.get(selected=True).image_id == cell.image_id
