"""An answer is stored once, however often it is sent."""

import pytest

from tests.factories import make_hits, make_lease, make_worker
from workforce.actions import (
    AlreadySubmitted,
    exclude_submission,
    mark_aggregated,
    mark_for_aggregation,
    readmit_submission,
    submit,
)
from workforce.exclusions.actions import AlreadyExcluded
from workforce.models import Lease, Slot, Submission
from workforce.pages import ForeignToken, lease_of_token, work_token
from workforce.reads import not_aggregated, pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease() -> Lease:
    (hit,) = make_hits(1, 2)
    return make_lease(hit.batch)


def send(lease: Lease, key: str = "a-key", selected: tuple[str, ...] = ("x",)) -> tuple[Submission, bool]:
    return submit(lease=lease, answer={"selected": list(selected)}, idempotency_key=key)


def test_an_answer_is_stored_raw_and_fills_the_slot_of_its_lease(lease):
    submission, is_new = send(lease)
    assert is_new
    assert (submission.answer, submission.state, submission.slot) == ({"selected": ["x"]}, "confirmed", lease.slot)
    assert (submission.worker, submission.hit, submission.settings) == (lease.worker, lease.hit, lease.batch.settings)
    assert submission.aggregated_at is None
    lease.refresh_from_db()
    assert (lease.state, lease.slot_id) == (Lease.State.SUBMITTED, None)
    assert Slot.objects.filter(state="filled").count() == 1


def test_the_same_answer_again_gives_the_stored_submission_and_writes_nothing(lease):
    first, _ = send(lease)
    again, is_new = send(lease)
    assert (again.pk, is_new) == (first.pk, False)
    assert Submission.objects.count() == Slot.objects.filter(state="filled").count() == 1


@pytest.mark.parametrize("key", ["a-key", "another-key"])
def test_a_different_answer_is_refused_and_says_which_one_is_saved(lease, key):
    send(lease)
    with pytest.raises(AlreadySubmitted, match="already saved, with 1 selected") as refusal:
        send(lease, key, selected=("y", "z"))
    assert refusal.value.saved == Submission.objects.get().answer == {"selected": ["x"]}


def test_the_same_selection_in_another_order_and_with_other_facts_is_the_stored_answer(lease):
    first, _ = send(lease, selected=("x", "y"))
    answer = {"selected": ["y", "x"], "maybe": [], "facts": {"page": {"open_ms": 5}}, "paused_seconds": 3}
    again, is_new = submit(lease=lease, answer=answer, idempotency_key="from-another-tab")
    assert (again.pk, is_new) == (first.pk, False)


@pytest.mark.parametrize("changed", [{"maybe": ["x"]}, {"main": "x"}, {"selected": []}])
def test_an_answer_differs_by_every_part_of_its_selection(lease, changed):
    send(lease)
    with pytest.raises(AlreadySubmitted):
        submit(lease=lease, answer={"selected": ["x"]} | changed, idempotency_key="a-key")


def test_a_key_that_came_with_another_answer_is_refused_and_the_work_stays_in_hand(lease):
    send(lease)
    other = make_lease(lease.batch, make_worker())
    with pytest.raises(AlreadySubmitted, match="Reload"):
        send(other)
    other.refresh_from_db()
    assert (other.state, Submission.objects.count()) == (Lease.State.ACTIVE, 1)
    assert send(other, key="its-own-key")[1]


def test_an_answer_can_be_sent_through_an_old_copy_of_its_lease(lease):
    old = Lease.objects.get(pk=lease.pk)
    send(lease)
    assert not send(old)[1]


def test_an_excluded_submission_stays_stored_and_is_aggregated_again(lease):
    submission, _ = send(lease)
    mark_aggregated(submission_ids=[submission.pk])
    assert not not_aggregated().exists()
    exclusion = exclude_submission(submission=submission, reason="answered in 2 s")
    assert list(not_aggregated()) == [submission]
    assert (exclusion.reason, exclusion.lifted_at) == ("answered in 2 s", None)
    submission.refresh_from_db()
    assert submission.state == "confirmed"


def test_readmitting_lifts_the_exclusion_and_keeps_its_record(lease):
    submission, _ = send(lease)
    exclusion = exclude_submission(submission=submission, reason="a mistake")
    mark_aggregated(submission_ids=[submission.pk])
    readmit_submission(submission=submission)
    exclusion.refresh_from_db()
    assert exclusion.lifted_at is not None
    assert list(not_aggregated()) == [submission]


def test_a_submission_can_be_excluded_again_after_it_was_readmitted(lease):
    submission, _ = send(lease)
    for reason in ("first", "second"):
        exclude_submission(submission=submission, reason=reason)
        readmit_submission(submission=submission)
    assert [row.reason for row in submission.exclusions.order_by("id")] == ["first", "second"]


def test_a_second_exclusion_is_refused_with_the_first_ones_reason_and_changes_nothing(lease):
    submission, _ = send(lease)
    exclude_submission(submission=submission, reason="answered in 2 s")
    mark_aggregated(submission_ids=[submission.pk])
    with pytest.raises(AlreadyExcluded, match=f"Submission {submission.pk} .*“answered in 2 s”.*include it again"):
        exclude_submission(submission=submission, reason="too fast")
    assert [row.reason for row in submission.exclusions.all()] == ["answered in 2 s"]
    assert not not_aggregated().exists()


def test_marking_a_dataset_for_aggregation_touches_no_other(lease):
    (other_hit,) = make_hits()
    mine, other = send(lease)[0], send(make_lease(other_hit.batch), key="other")[0]
    mark_aggregated(submission_ids=[mine.pk, other.pk])
    mark_for_aggregation(dataset=lease.batch.dataset)
    assert list(not_aggregated()) == [mine]
    assert list(not_aggregated(lease.batch.dataset)) == [mine]


def test_a_work_token_leads_back_to_its_lease(lease):
    assert lease_of_token(work_token(lease), lease.hit) == lease


@pytest.mark.parametrize("forge", [lambda t: t + "x", lambda t: "x" + t, lambda t: t.split(":")[0], lambda t: ""])
def test_a_forged_work_token_is_refused(lease, forge):
    with pytest.raises(ForeignToken, match="does not belong to your task"):
        lease_of_token(forge(work_token(lease)), lease.hit)


def test_a_token_of_another_hit_is_refused(lease):
    (other,) = make_hits()
    with pytest.raises(ForeignToken):
        lease_of_token(work_token(lease), other)


def test_a_pseudonym_is_steady_within_a_dataset_and_differs_between_two(lease):
    (other,) = make_hits()
    mine, theirs = lease.batch.dataset, other.batch.dataset
    assert pseudonym(mine, lease.worker_id) == pseudonym(mine, lease.worker_id)
    assert pseudonym(mine, lease.worker_id) != pseudonym(theirs, lease.worker_id)
    assert str(lease.worker_id) != pseudonym(mine, lease.worker_id)
