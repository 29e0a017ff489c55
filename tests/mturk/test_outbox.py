"""Tests of the outbox: claiming, retrying and settling calls."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from catalog import reads as clock
from catalog.reads import now
from mturk.models import Call, LedgerEntry, RateLimit
from mturk.outbox.actions import (
    claim_call,
    claim_calls,
    complete,
    complete_all,
    decide,
    decide_later,
    give_up,
    must_be_looked_up,
    put_off,
    renew_token,
    token_is_forgotten,
    try_failed_again,
    withdraw,
)
from mturk.rate_limits.actions import is_due, put_off_due, take_tokens
from tests.factories import make_batch
from tests.mturk.marketplace_breakers import entry
from tests.required import require
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
# A rate so low that no machine is slow beside it.
A_MINUTE = 1 / 60


def decided(purpose: str = "bonus:1", op: str = "SendBonus") -> Call:
    return decide(op=op, purpose=purpose, payload={"BonusAmount": "0.10"})[0]


def test_a_purpose_is_decided_once():
    first, is_new = decide(op="SendBonus", purpose="bonus:1", payload={"BonusAmount": "0.10"})
    again, is_new_again = decide(op="SendBonus", purpose="bonus:1", payload={"BonusAmount": "0.20"})
    assert (first.pk, is_new, is_new_again) == (again.pk, True, False)
    assert Call.objects.get().payload == {"BonusAmount": "0.10"}


def test_a_claimed_call_counts_as_tried_before_it_is_sent():
    call = decided()
    claimed = claim_call()
    assert (require(claimed).pk, require(claimed).was_unsure) == (call.pk, False)
    call_now = Call.objects.get()
    assert (call_now.state, call_now.attempts, call_now.unique_token) == ("unsure", 1, call.unique_token)
    assert call_now.next_try > now() + timedelta(minutes=1)


def test_nobody_else_gets_a_claimed_call_until_its_sender_must_be_dead():
    decided()
    claim_call()
    assert claim_call() is None
    Call.objects.update(next_try=now() - timedelta(seconds=1))
    assert require(claim_call()).was_unsure


def test_a_call_that_failed_for_sure_waits_and_an_ambiguous_one_stays_unsure_with_its_token():
    call = decided()
    for unsure, state in ((False, "waiting"), (True, "unsure")):
        Call.objects.update(next_try=now())
        put_off(call=require(claim_call()), error="The connection broke.", unsure=unsure)
        call_now = Call.objects.get()
        assert (call_now.state, call_now.unique_token) == (state, call.unique_token)
        assert call_now.next_try > now()


def test_what_may_have_been_carried_out_is_sent_before_what_was_never_tried():
    first = decided("hit:1", "CreateHITWithHITType")
    put_off(call=require(claim_call()), error="The answer was lost.", unsure=True, seconds=0)
    for number in range(2, 5):
        decided(f"hit:{number}", "CreateHITWithHITType")
    Call.objects.exclude(pk=first.pk).update(next_try=now() - timedelta(minutes=5))
    assert require(claim_call()).pk == first.pk


def test_what_was_decided_first_is_sent_first_however_often_it_was_put_off():
    """A HIT whose creation was throttled must not wait behind the pay for all the others."""
    creation = decided("hit:1", "CreateHITWithHITType")
    put_off(call=require(claim_call()), error="Rate exceeded", unsure=False, seconds=0)
    for number in range(3):
        decided(f"approve:{number}", "ApproveAssignment")
    Call.objects.exclude(pk=creation.pk).update(next_try=now() - timedelta(minutes=5))
    assert require(claim_call()).pk == creation.pk


def test_several_calls_are_claimed_at_once_each_as_if_alone():
    first, second = decided("bonus:1"), decided("bonus:2")
    put_off(call=require(claim_call()), error="The answer was lost.", unsure=True, seconds=0)
    decided("bonus:3")
    claimed = claim_calls(most=2)
    assert [(call.pk, call.was_unsure, call.attempts) for call in claimed] == [
        (first.pk, True, 2),
        (second.pk, False, 1),
    ]
    assert [call.purpose for call in claim_calls(most=5)] == ["bonus:3"]
    assert claim_calls(most=5) == []


def test_of_calls_that_are_completed_together_those_done_before_are_left_out():
    first, second = decided("bonus:1"), decided("bonus:2")
    calls = claim_calls(most=2)
    complete(call=calls[0])
    assert [call.pk for call in complete_all(calls=calls)] == [second.pk]
    assert set(Call.objects.values_list("pk", "state")) == {(first.pk, "done"), (second.pk, "done")}


def test_a_call_that_is_decided_for_later_is_the_one_call_of_its_purpose():
    batch = make_batch()
    later = now() + timedelta(hours=1)
    for when in (later, None):
        decide_later(op="ApproveAssignment", purpose="approve:1", payload={}, batch=batch, not_before=when)
    assert Call.objects.get().next_try == later
    assert claim_call() is None
    decide_later(op="ApproveAssignment", purpose="approve:2", payload={}, batch=batch)
    assert require(claim_call()).purpose == "approve:2"


def test_pauses_between_tries_grow_and_stay_below_a_limit(monkeypatch):
    decided()
    monkeypatch.setattr(clock, "fixed_now", now())
    pauses = []
    for _ in range(9):
        Call.objects.update(next_try=now())
        put_off(call=require(claim_call()), error="", unsure=True)
        pauses.append((Call.objects.get().next_try - now()).total_seconds())
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_a_call_is_completed_once_however_often_that_is_noted():
    decided()
    call = claim_call()
    assert complete(call=require(call))
    assert not complete(call=require(call))
    assert Call.objects.get().state == "done"


def test_what_is_done_is_not_put_off_again():
    decided()
    call = claim_call()
    complete(call=require(call))
    put_off(call=require(call), error="A slower answer.", unsure=True)
    assert Call.objects.get().state == "done"


def test_a_refused_call_is_not_sent_again():
    decided()
    give_up(call=require(claim_call()), error="InvalidParameterValue")
    Call.objects.update(next_try=now())
    assert claim_call() is None


def test_what_was_refused_can_be_sent_again_under_a_new_token_and_what_was_withdrawn_is_not():
    refused = decided("bonus:1")
    give_up(call=require(claim_call()), error="InvalidParameterValue")
    decided("bonus:2")
    assert withdraw(purpose="bonus:2", reason="A person decided otherwise.")
    assert try_failed_again() == 1
    again = claim_call()
    assert (require(again).pk, require(again).was_unsure) == (refused.pk, False)
    assert require(again).unique_token != refused.unique_token
    assert claim_call() is None


def test_what_may_have_been_carried_out_keeps_its_token_through_a_refusal_and_is_never_withdrawn():
    call = decided("bonus:1")
    put_off(call=require(claim_call()), error="The answer was lost.", unsure=True, seconds=0)
    give_up(call=require(claim_call()), error="InvalidParameterValue")
    assert not withdraw(purpose="bonus:1", reason="A person decided otherwise.")
    assert try_failed_again() == 1
    again = claim_call()
    assert (require(again).was_unsure, require(again).unique_token) == (True, call.unique_token)


def test_a_letter_that_may_have_been_sent_is_not_sent_again():
    decided("notify:1", "NotifyWorkers")
    give_up(call=require(claim_call()), error="The answer was lost.", unsure=True)
    assert try_failed_again() == 0
    assert Call.objects.get().state == "failed"


def test_a_try_that_was_surely_not_carried_out_does_not_let_the_token_grow_old():
    decided()
    put_off(call=require(claim_call()), error="Rate exceeded", unsure=False, seconds=0)
    call_now = Call.objects.get()
    assert (call_now.first_tried_at, call_now.doubtful_at) == (None, None)
    Call.objects.update(created_at=now() - timedelta(hours=30))
    put_off(call=require(claim_call()), error="The answer was lost.", unsure=True, seconds=0)
    assert not must_be_looked_up(require(claim_call()))


def test_a_throttled_repetition_leaves_the_doubt_about_the_try_before_as_it_was():
    decided()
    put_off(call=require(claim_call()), error="The answer was lost.", unsure=True, seconds=0)
    before = Call.objects.get()
    put_off(call=require(claim_call()), error="Rate exceeded", unsure=False, seconds=0)
    after = Call.objects.get()
    assert (after.state, after.first_tried_at, after.doubtful_at) == (
        "unsure",
        before.first_tried_at,
        before.doubtful_at,
    )


@pytest.mark.parametrize("state", ["unsure", "done"])
def test_what_was_sent_or_may_have_been_is_not_withdrawn(state):
    decided("bonus:1")
    call = claim_call()
    if state == "done":
        complete(call=require(call))
    assert not withdraw(purpose="bonus:1", reason="A person decided otherwise.")
    assert Call.objects.get().state == state


def test_a_token_is_forgotten_after_a_day_and_then_renewed():
    decided()
    call = claim_call()
    assert not token_is_forgotten(require(call))
    require(call).first_tried_at = now() - timedelta(hours=23, minutes=1)
    assert token_is_forgotten(require(call))
    before = require(call).unique_token
    renew_token(call=require(call))
    assert require(call).unique_token != before
    assert not token_is_forgotten(require(call))


def test_calls_beyond_the_rate_wait_for_their_turn_one_after_the_other():
    waits = [take_tokens(name="test", per_second=A_MINUTE) for _ in range(4)]
    # In a quiet second less than one call is saved up, and one there is at the least.
    assert waits == pytest.approx([0, 60, 120, 180], abs=30)
    begin = time.monotonic()
    waits = [take_tokens(name="burst", per_second=100) for _ in range(300)]
    took = time.monotonic() - begin
    assert waits[:100] == [0] * 100
    assert 2 - took - 0.01 <= waits[-1] <= 2.01


def test_turns_for_several_calls_are_as_many_single_turns():
    assert take_tokens(name="test", per_second=A_MINUTE, n_calls=4) == pytest.approx(180, abs=1)
    assert take_tokens(name="test", per_second=A_MINUTE, n_calls=4) == pytest.approx(420, abs=30)


def test_a_quiet_time_is_not_saved_up():
    take_tokens(name="test", per_second=A_MINUTE)
    RateLimit.objects.update(filled_at=now() - timedelta(hours=1))
    waits = [take_tokens(name="test", per_second=A_MINUTE) for _ in range(6)]
    assert waits == pytest.approx([0, 60, 120, 180, 240, 300], abs=30)


@pytest.mark.django_db(transaction=True)
def test_all_processes_together_keep_the_rate():
    waits = in_threads(30, lambda _: take_tokens(name="test", per_second=A_MINUTE))
    assert sorted(waits) == pytest.approx([60 * number for number in range(30)], abs=30)


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_each_gets_another_call():
    for number in range(12):
        decided(f"bonus:{number}")
    claimed = in_threads(16, lambda _: claim_call())
    ids = [call.pk for call in claimed if call is not None]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 1
    while (call := claim_call()) is not None:
        ids.append(call.pk)
    assert len(ids) == len(set(ids)) == 12


def test_what_is_done_every_so_often_is_due_once_in_that_time():
    assert is_due(name="counters", every_seconds=60)
    assert not is_due(name="counters", every_seconds=60)
    RateLimit.objects.update(filled_at=now() - timedelta(seconds=61))
    assert is_due(name="counters", every_seconds=60)


def test_what_took_long_is_due_later():
    assert is_due(name="counters", every_seconds=60)
    put_off_due(name="counters", seconds=-10)
    put_off_due(name="counters", seconds=30)
    RateLimit.objects.update(filled_at=F("filled_at") - timedelta(seconds=61))
    assert not is_due(name="counters", every_seconds=60)
    RateLimit.objects.update(filled_at=F("filled_at") - timedelta(seconds=30))
    assert is_due(name="counters", every_seconds=60)


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_ledger_only_grows(change):
    row = entry()
    with pytest.raises(IntegrityError, match="never changed or removed"), transaction.atomic():
        rows = LedgerEntry.objects.filter(pk=row.pk)
        rows.update(amount=Decimal("0.01")) if change == "update" else rows.delete()
    assert LedgerEntry.objects.get().amount == Decimal("0.10")
