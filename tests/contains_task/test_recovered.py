"""Answers to grids and forms that came through a marketplace alone, while this site was away."""

import random
from dataclasses import replace

import pytest

from aggregation.actions import aggregate
from classify_task.models import ClassifyVote
from contains_task import kind
from contains_task.actions import record_votes
from contains_task.kind import CONTAINS
from contains_task.models import ContainsVote
from contains_task.reads import cells_by_handle, grid_cells_of, pairs_asked
from tests.factories import make_batch, make_dataset, make_form, make_images
from tests.required import require
from tests.workforce.assignments_by_hand import make_assignment, make_offered_grid, offer
from workforce.frame.actions import confirm
from workforce.frame.receipts import fields_to_hand_over
from workforce.kinds import _kinds
from workforce.models import Assignment, Batch, Slot, Submission
from workforce.reads import image_handle
from workforce.tasks import take_in_recovered
from workforce.votes.actions import take_in_recovered as take_in_all

pytestmark = pytest.mark.django_db


def listed_with(assignment: Assignment, selected: str, **more: str) -> Submission:
    """The marketplace lists an assignment whose page could reach the marketplace only."""
    outcome, submission = confirm(
        hit=assignment.lease.hit,
        external_hit_id=assignment.external_hit_id,
        assignment_id=assignment.external_id,
        worker_id=assignment.worker.identity.external_id,
        fields={"lease": assignment.lease.public_id, "selected": selected} | more,
    )
    assert outcome == "recovered"
    return require(submission)


@pytest.fixture
def grid_assignment() -> Assignment:
    grid, external_hit_id = make_offered_grid(n_images=3, n_slots=1)
    return make_assignment(grid.hit, external_hit_id)


@pytest.fixture
def form_assignment() -> Assignment:
    dataset = make_dataset(classify_answers=1)
    make_batch(dataset, kind="classify", marketplace="mturk")
    form = make_form(labels=(0, 1, 2), image=make_images(dataset, 1)[0])
    return make_assignment(form.hit, offer(form.hit))


def handles(assignment: Assignment) -> dict[str, int]:
    cells = assignment.lease.hit.grid.cells.select_related("image")
    return {image_handle(assignment.lease, cell.image.public_id): cell.image_id for cell in cells}


def test_a_recovered_grid_becomes_votes_that_count(grid_assignment):
    handle, image_id = next(iter(handles(grid_assignment).items()))
    submission = listed_with(grid_assignment, handle)
    aggregate()
    assert not ContainsVote.objects.exists()
    take_in_recovered()
    take_in_recovered()
    submission.refresh_from_db()
    assert submission.state == "confirmed"
    assert len(submission.answer["shown"]) == 3
    assert ContainsVote.objects.filter(counted=True).count() == 3
    assert list(ContainsVote.objects.filter(selected=True).values_list("image", flat=True)) == [image_id]
    assert aggregate() == 1


def test_a_recovered_grid_with_an_empty_selection_is_an_answer(grid_assignment):
    listed_with(grid_assignment, "none")
    take_in_recovered()
    assert ContainsVote.objects.filter(counted=True, selected=False).count() == 3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("answers", ["two", "three"])
def test_a_recovered_grid_makes_the_same_votes_as_a_direct_one(answers, seed):
    rng = random.Random(seed)
    grid, external_hit_id = make_offered_grid(n_images=6, n_slots=2)
    Batch.objects.filter(pk=grid.hit.batch_id).update(answers=answers)
    grid.hit.batch.refresh_from_db()
    kinds = ["yes", "no", "unseen"] + (["maybe"] if answers == "three" else [])
    images = list(grid.cells.values_list("image", flat=True))
    meant = {image: rng.choice(kinds) for image in images}
    # Some unseen photographs are selected all the same.
    chosen = {image for image in images if meant[image] == "yes" or meant[image] == "unseen" and rng.random() < 0.5}
    votes = []
    for is_direct in (True, False):
        assignment = make_assignment(grid.hit, external_hit_id)
        image_of = handles(assignment)
        selected, maybe, unseen = (
            [handle for handle, image in image_of.items() if image in named]
            for named in (
                chosen,
                {image for image in images if meant[image] == "maybe"},
                {image for image in images if meant[image] == "unseen"},
            )
        )
        if is_direct:
            lease = assignment.lease
            lease.assignment = assignment
            submission = record_votes(
                lease=lease, cells=cells_by_handle(lease), selected=selected, maybe=maybe, unseen=unseen,
                idempotency_key="k",
            )  # fmt: skip
            fields = fields_to_hand_over(assignment, submission.answer)
            confirm(
                hit=grid.hit,
                external_hit_id=external_hit_id,
                assignment_id=assignment.external_id,
                worker_id=assignment.worker.identity.external_id,
                fields=fields,
            )
        else:
            more = {"maybe": " ".join(maybe), "unseen": " ".join(unseen)}
            submission = listed_with(
                assignment, " ".join(selected) or "none", **{name: text for name, text in more.items() if text}
            )
            take_in_recovered()
        submission.refresh_from_db()
        assert submission.state == "confirmed"
        votes.append({vote.image_id: vote.answer for vote in ContainsVote.objects.filter(submission=submission)})
    assert votes == [{image: kind for image, kind in meant.items() if kind != "unseen"}] * 2


def test_a_copy_without_maybe_and_unseen_is_still_read(grid_assignment):
    submission = listed_with(grid_assignment, "none")
    copy = {"lease": submission.answer["copy"]["lease"], "selected": [], "main": ""}
    Submission.objects.filter(pk=submission.pk).update(answer={"copy": copy})
    take_in_recovered()
    assert ContainsVote.objects.count() == 3


def test_a_copy_can_only_take_votes_away(grid_assignment):
    first, *others = handles(grid_assignment)
    submission = listed_with(grid_assignment, first, unseen=f"{first} invented")
    take_in_recovered()
    submission.refresh_from_db()
    assert submission.state == "confirmed"
    assert ContainsVote.objects.filter(selected=False).count() == len(others)
    assert not ContainsVote.objects.filter(selected=True).exists()


def test_a_maybe_where_the_page_offers_none_is_no_answer(grid_assignment):
    submission = listed_with(grid_assignment, "none", maybe=next(iter(handles(grid_assignment))))
    take_in_recovered()
    submission.refresh_from_db()
    assert submission.state == "orphaned"


def test_a_recovered_form_whose_photograph_was_not_seen_gives_no_vote(form_assignment):
    image = form_assignment.lease.hit.form.image
    submission = listed_with(
        form_assignment, "2 0", main="2", unseen=image_handle(form_assignment.lease, image.public_id)
    )
    take_in_recovered()
    submission.refresh_from_db()
    assert (submission.state, submission.answer["unseen"]) == ("confirmed", [image.public_id])
    assert not ClassifyVote.objects.exists()


def test_values_that_are_no_handles_of_the_grid_are_no_answer(grid_assignment):
    submission = listed_with(grid_assignment, f"{next(iter(handles(grid_assignment)))} invented")
    take_in_recovered()
    submission.refresh_from_db()
    assert submission.state == "orphaned"
    assert not ContainsVote.objects.exists()
    assert Slot.objects.get().state == "free"


def test_a_recovered_form_becomes_a_vote_that_counts(form_assignment):
    submission = listed_with(form_assignment, "2 0", main="2")
    take_in_recovered()
    take_in_recovered()
    submission.refresh_from_db()
    vote = ClassifyVote.objects.get()
    assert (submission.state, vote.selected, vote.main, vote.counted) == ("confirmed", [0, 2], 2, True)


def test_a_recovered_form_with_a_single_label_needs_no_main_label(form_assignment):
    submission = listed_with(form_assignment, "1", main="")
    take_in_recovered()
    submission.refresh_from_db()
    vote = ClassifyVote.objects.get()
    assert (vote.selected, vote.main, sorted(submission.answer["shown"])) == ([1], 1, submission.hit.form.labels)


@pytest.mark.parametrize(("selected", "main"), [("0 1", ""), ("0", "1"), ("0 7", "0"), ("x", "0"), ("none", "0")])
def test_what_the_form_does_not_allow_is_no_answer(form_assignment, selected, main):
    submission = listed_with(form_assignment, selected, main=main)
    take_in_recovered()
    submission.refresh_from_db()
    assert submission.state == "orphaned"
    assert not ClassifyVote.objects.exists()


def test_grids_on_the_marketplace_are_asked_and_listed_like_others():
    grid, _ = make_offered_grid(n_images=3)
    dataset, batch = grid.hit.batch.dataset, grid.hit.batch
    assert set(pairs_asked(dataset).values()) == {batch.pk}
    assert grid_cells_of(dataset).count() == 3


def test_an_answer_that_cannot_be_read_keeps_no_other_waiting(grid_assignment, form_assignment, monkeypatch, caplog):
    listed_with(grid_assignment, next(iter(handles(grid_assignment))))
    listed_with(form_assignment, "1 2", main="2")

    def fails(submission: Submission) -> None:
        raise RuntimeError("The disk is full.")

    broken = replace(CONTAINS, recovery=replace(require(CONTAINS.recovery), answer=fails))
    monkeypatch.setattr(kind, "CONTAINS", broken)
    _kinds.cache_clear()
    assert take_in_all() == 1
    assert ClassifyVote.objects.count() == 1
    assert "The disk is full." in caplog.text
    monkeypatch.undo()
    _kinds.cache_clear()
    assert take_in_all() == 1
    assert ContainsVote.objects.count() == 3
