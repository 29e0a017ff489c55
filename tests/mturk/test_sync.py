"""Tests of synchronisation with the marketplace: several calls at once, sending and polling in turns."""

from typing import Any

import pytest

from catalog.reads import now
from mturk import results, sync
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, RateLimit
from mturk.outbox import sending
from mturk.outbox.actions import claim_call, claim_calls
from mturk.publishing.actions import note_hit
from mturk.sync import synchronise
from tests.chance import SOAK
from tests.mturk.mturk_study import PAST, assert_ledgers_are_equal, grids_to_publish, hits_of, publish, work
from tests.required import require

pytestmark = pytest.mark.django_db

# More answers than are approved at a time.
N_GRIDS = 12 if SOAK else 5


def speak_again() -> None:
    """End the pauses between two rounds."""
    RateLimit.objects.update(filled_at=PAST)
    Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)
    MarketplaceHIT.objects.exclude(polled_at=None).update(polled_at=PAST)
    synchronise()


def test_a_study_is_published_and_paid_by_speaking_alone(marketplace):
    terms = publish(grids_to_publish(n_grids=N_GRIDS, n_slots=2))
    synchronise()
    marketplace_hits = hits_of(terms)
    assert None not in {marketplace_hit.external_id for marketplace_hit in marketplace_hits}
    for marketplace_hit in marketplace_hits:
        work(marketplace, marketplace_hit)
        work(marketplace, marketplace_hit)
    speak_again()
    assert set(ListedAssignment.objects.values_list("finding", "status")) == {("confirmed", "approved")}
    assert LedgerEntry.objects.filter(kind="reward").count() == 2 * N_GRIDS
    assert_ledgers_are_equal(marketplace)


def test_calls_that_were_throttled_failed_or_lost_are_done_once_in_the_end(marketplace):
    terms = publish(grids_to_publish(n_grids=9, n_slots=1))
    for kind in ("throttle", "error", "error_after", "drop_after", "drop_before"):
        marketplace.post("/faults/plan/", kind=kind, operation="CreateHITWithHITType")
    for _ in range(5):
        speak_again()
    marketplace_hits = hits_of(terms)
    assert sorted(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == sorted(
        marketplace_hit.public_id for marketplace_hit in marketplace_hits
    )
    for marketplace_hit in marketplace_hits:
        work(marketplace, marketplace_hit)
    for kind in ("throttle", "error", "error_after", "drop_after", "drop_before"):
        marketplace.post("/faults/plan/", kind=kind, operation="ApproveAssignment")
    for _ in range(5):
        speak_again()
    assert not Call.objects.exclude(state="done").exists()
    assert LedgerEntry.objects.filter(kind="reward").count() == 9
    assert_ledgers_are_equal(marketplace)


def test_answers_are_taken_in_while_many_calls_wait_to_be_sent(marketplace, monkeypatch):
    """Not all have to be sent before somebody's answer is looked at."""
    terms = publish(grids_to_publish(n_grids=3, n_slots=1))
    synchronise()
    work(marketplace, hits_of(terms)[0])
    batch = terms.batch
    Call.objects.bulk_create(
        Call(op="GetAccountBalance", purpose=f"balance:{number}", payload={}, batch=batch) for number in range(1000)
    )
    RateLimit.objects.update(filled_at=PAST)
    MarketplaceHIT.objects.update(polled_at=PAST)
    monkeypatch.setattr(sync, "SENDING_SECONDS", 1)
    synchronise(seconds=1.5)
    assert ListedAssignment.objects.count() == 1
    assert Call.objects.filter(op="GetAccountBalance", state="waiting").exists()


def test_what_fails_after_one_call_undoes_nothing_of_the_others(marketplace, monkeypatch, caplog):
    terms = publish(grids_to_publish(n_grids=3, n_slots=1))
    while not Call.objects.filter(op="CreateHITWithHITType").exists():
        sending.send(require(claim_call()))
    unlucky = hits_of(terms)[1]

    def fails(*, marketplace_hit, created):
        if marketplace_hit.pk == unlucky.pk:
            raise RuntimeError("The disk is full.")
        note_hit(marketplace_hit=marketplace_hit, created=created)

    monkeypatch.setattr(results, "note_hit", fails)
    sending.send_waiting()
    created_ids = {marketplace_hit.pk for marketplace_hit in hits_of(terms) if marketplace_hit.external_id}
    assert created_ids == {marketplace_hit.pk for marketplace_hit in hits_of(terms)} - {unlucky.pk}
    assert "The disk is full." in caplog.text
    standing = Call.objects.get(purpose=f"hit:{unlucky.pk}")
    assert (standing.state, standing.attempts) == ("unsure", 1)
    assert standing.next_try > now()


def test_calls_whose_order_may_matter_are_sent_one_after_the_other(marketplace, monkeypatch):
    batch_sizes: list[int] = []

    def ask(op, parameters, tries=1) -> dict:
        batch_sizes.append(parameters["n"])
        return {}

    monkeypatch.setattr(sending.endpoint, "ask", ask)
    Call.objects.bulk_create(
        Call(op="UpdateHITTypeOfHIT", purpose=f"type:{number}", payload={"n": number}) for number in range(4)
    )
    # None but this thread is there to ask.
    nobody: Any = None
    assert sending.send_together(claim_calls(most=4), nobody) == 4
    assert batch_sizes == [0, 1, 2, 3]
