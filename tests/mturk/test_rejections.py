"""Refusing to pay: by a person, for a reason, within 2 % of a batch, and reversibly (T25)."""

import os
from datetime import timedelta

import pytest

from catalog.reads import now
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.outbox.actions import claim_call
from mturk.rejections.actions import CannotReject, override_rejection, reject
from tests.factories import make_worker
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.mturk_study import (
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hits_of,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.required import require
from workforce.models import Slot, Submission

pytestmark = pytest.mark.django_db

N_HANDED_IN = 1000 if os.environ.get("SOAK") else 300
REVIEW = {"review_seconds": 3600}


def listed_assignments(n: int) -> list[ListedAssignment]:
    """So many as the marketplace would list them, with the approvals that follow from it, unsent."""
    batch = grids_to_publish(1, n_slots=1)
    terms = Terms.objects.create(
        batch=batch,
        title="a",
        description="b",
        reward="0.10",
        assignment_seconds=600,
        lifetime_seconds=86_400,
        auto_approval_seconds=86_400,
        spending_cap="1000",
        expires_at=now() + timedelta(days=1),
    )
    hits = MarketplaceHIT.objects.bulk_create(
        [
            MarketplaceHIT(hit=batch.hits.get(), terms=terms, n_assignments=1, expires_at=terms.expires_at)
            for _ in range(n)
        ]
    )
    worker = make_worker()
    listed = ListedAssignment.objects.bulk_create(
        [
            ListedAssignment(
                marketplace_hit=marketplace_hit,
                external_id=f"3A{marketplace_hit.pk}",
                worker=worker,
                finding="unreadable",
                status="submitted",
                accepted_at=now(),
                submitted_at=now(),
            )
            for marketplace_hit in hits
        ]
    )
    Call.objects.bulk_create(
        [
            Call(op="ApproveAssignment", purpose=f"approve:{listed_assignment.pk}", payload={}, batch=batch)
            for listed_assignment in listed
        ]
    )
    return listed


def test_a_script_that_rejects_a_tenth_of_a_batch_is_stopped_at_the_cap():
    listed = listed_assignments(N_HANDED_IN)
    first, second = researcher(), researcher()
    refusals = []
    for listed_assignment in listed[: N_HANDED_IN // 10]:
        try:
            reject(listed=listed_assignment, reason="All cells were left empty.", decided_by=first, seconded_by=second)
        except CannotReject as error:
            refusals.append(str(error))
    allowed = N_HANDED_IN * 2 // 100
    assert Rejection.objects.count() == Call.objects.filter(op="RejectAssignment").count() == allowed
    assert len(refusals) == N_HANDED_IN // 10 - allowed
    assert all("exceed 2 % of submissions" in message for message in refusals)
    audit = Rejection.objects.order_by("pk").values_list("listed", "decided_by", "seconded_by", "reason")
    decided = (first.pk, second.pk, "All cells were left empty.")
    assert list(audit) == [(listed_assignment.pk, *decided) for listed_assignment in listed[:allowed]]
    # Whoever was not rejected is paid: their approvals wait to be sent as before.
    waiting = Call.objects.filter(op="ApproveAssignment", state="waiting")
    assert waiting.count() == N_HANDED_IN - allowed


def test_from_the_sixth_rejection_of_a_batch_on_a_second_person_has_to_agree():
    listed = listed_assignments(N_HANDED_IN)
    person, other = researcher(), researcher()
    for listed_assignment in listed[:5]:
        reject(listed=listed_assignment, reason="It is empty.", decided_by=person)
    with pytest.raises(CannotReject, match="second person"):
        reject(listed=listed[5], reason="It is empty.", decided_by=person)
    assert reject(listed=listed[5], reason="It is empty.", decided_by=person, seconded_by=other).seconded_by == other


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 1025])
def test_a_rejection_without_a_reason_in_words_is_refused(reason):
    listed = listed_assignments(50)
    with pytest.raises(CannotReject, match="reason in words"):
        reject(listed=listed[0], reason=reason, decided_by=researcher())
    assert not Rejection.objects.exists()


def test_in_a_small_batch_nothing_is_rejected_and_the_message_says_what_to_do_instead():
    listed = listed_assignments(49)
    with pytest.raises(CannotReject, match="exceed 2 % of submissions"):
        reject(listed=listed[0], reason="It is empty.", decided_by=researcher())


def test_what_is_just_being_approved_is_not_rejected():
    listed = listed_assignments(50)
    assert require(claim_call()).purpose == f"approve:{listed[0].pk}"
    with pytest.raises(CannotReject, match="being approved right now"):
        reject(listed=listed[0], reason="It is empty.", decided_by=researcher())
    assert not Rejection.objects.exists()
    assert not Call.objects.filter(op="RejectAssignment").exists()


def test_a_rejection_is_not_taken_back_after_thirty_days():
    listed = listed_assignments(50)
    rejection = reject(listed=listed[0], reason="It is empty.", decided_by=researcher())
    ListedAssignment.objects.filter(pk=listed[0].pk).update(submitted_at=now() - timedelta(days=31))
    with pytest.raises(CannotReject, match="30 days"):
        override_rejection(rejection=rejection, reason="It was not.", overridden_by=researcher())


def test_a_rejected_answer_is_replaced_and_after_an_override_paid_and_counted_again(marketplace, monkeypatch):
    # Fifty people at work would take minutes; the share is proven above.
    monkeypatch.setattr("mturk.payments.reads.MOST_REJECTED_PERCENT", 100)
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), **REVIEW)
    work(marketplace, marketplace_hit)
    ask()
    listed = ListedAssignment.objects.get()
    rejection = reject(listed=listed, reason="All cells were left empty.", decided_by=researcher())
    settle()
    assert ListedAssignment.objects.get().status == "rejected"
    assert not LedgerEntry.objects.exists()
    assert Submission.objects.get().exclusions.filter(lifted_at=None).exists()
    assert Slot.objects.filter(state="free").count() == 1
    assert [listed_assignment.n_assignments for listed_assignment in hits_of(marketplace_hit.terms)] == [1, 1]
    override_rejection(rejection=rejection, reason="The page was broken.", overridden_by=researcher())
    send_until_quiet()
    there = endpoint.client(1).get_assignment(AssignmentId=listed.external_id)["Assignment"]
    assert there["RequesterFeedback"] == "The page was broken.", "the worker no longer reads why it was rejected"
    assert ListedAssignment.objects.get().status == "approved"
    assert LedgerEntry.objects.count() == 2
    assert not Submission.objects.get().exclusions.filter(lifted_at=None).exists()
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert theirs["available"] + theirs["held"] == 1_000_000 - 12


def test_an_override_is_done_although_an_answer_just_filled_the_slot_that_was_to_replace_its_own(monkeypatch):
    monkeypatch.setattr("mturk.payments.reads.MOST_REJECTED_PERCENT", 100)
    (listed,) = listed_assignments(1)
    hit = listed.marketplace_hit.hit
    slot = Slot.objects.get(hit=hit)
    submission = Submission.objects.create(
        hit=hit,
        worker=listed.worker,
        slot=slot,
        settings=hit.batch.settings,
        state="confirmed",
        answer={},
        idempotency_key="key",
        submitted_at=now(),
    )
    Slot.objects.update(state="filled")
    ListedAssignment.objects.update(submission=submission, finding="confirmed")
    rejection = reject(listed=listed, reason="It is empty.", decided_by=researcher())
    # Between the look for missing answers and the lock of a free slot.
    monkeypatch.setattr("mturk.offers.missing_answers", lambda terms: {hit.pk: 1})
    Slot.objects.update(state="filled")
    override_rejection(rejection=rejection, reason="It was not.", overridden_by=researcher())
    assert Call.objects.filter(op="ApproveAssignment", purpose=f"override:{rejection.pk}").exists()
    assert not Slot.objects.filter(state="withdrawn").exists()


def test_a_rejection_that_was_not_sent_yet_is_taken_back_without_a_trace_at_the_marketplace(marketplace, monkeypatch):
    monkeypatch.setattr("mturk.payments.reads.MOST_REJECTED_PERCENT", 100)
    (marketplace_hit,) = published(grids_to_publish(n_slots=1), **REVIEW)
    work(marketplace, marketplace_hit)
    ask()
    rejection = reject(listed=ListedAssignment.objects.get(), reason="It is empty.", decided_by=researcher())
    override_rejection(rejection=rejection, reason="It was not.", overridden_by=researcher())
    send_until_quiet()
    assert ListedAssignment.objects.get().status == "approved"
    assert not Call.objects.filter(op="RejectAssignment", attempts__gt=0).exists()
    settle()
    assert MarketplaceHIT.objects.count() == 1
    assert_ledgers_are_equal(marketplace)
