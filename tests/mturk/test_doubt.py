"""Calls of which nobody knows whether they were carried out, and answers that say nothing about the call."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.reads import now
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment
from mturk.outbox.actions import claim_call, decide, try_failed_again
from mturk.outbox.sending import SETTLES_WITHIN, send
from mturk.payments.actions import CannotPay, give_bonus, notify
from mturk.rejections.actions import CannotReject, reject
from mturk.sync import send_waiting
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.mturk_study import (
    PAST,
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hits_of,
    publish,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.required import require

pytestmark = pytest.mark.django_db


def send_up_to(op: str) -> Call:
    """Send what comes before the calls of this operation; returns the first of them, claimed."""
    while not Call.objects.filter(op=op).exists():
        send(require(claim_call()))
    return require(claim_call())


def hurry() -> None:
    Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)


def test_a_hit_that_was_made_and_then_refused_is_not_made_again_when_it_is_sent_again(marketplace):
    terms = publish(grids_to_publish(1))
    call = send_up_to("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="drop_after", operation="CreateHITWithHITType")
    assert not send(call)
    # The second try is refused for a reason of its own.
    Call.objects.filter(pk=call.pk).update(payload=call.payload | {"MaxAssignments": 0})
    hurry()
    assert not send(require(claim_call()))
    assert Call.objects.get(pk=call.pk).state == "failed"
    Call.objects.filter(pk=call.pk).update(payload=call.payload)
    assert try_failed_again() == 1
    send_until_quiet()
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 1
    assert hits_of(terms)[0].external_id


def test_a_hit_that_waited_a_day_for_its_first_try_is_not_made_twice_where_lists_lag_behind(marketplace):
    marketplace.post("/faults/", hit_lag_seconds=300)
    publish(grids_to_publish(1))
    call = send_up_to("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="throttle", operation="CreateHITWithHITType")
    assert not send(call)
    Call.objects.exclude(first_tried_at=None).update(first_tried_at=now() - timedelta(hours=23, minutes=30))
    hurry()
    marketplace.post("/faults/plan/", kind="drop_after", operation="CreateHITWithHITType")
    assert not send(require(claim_call()))
    send_until_quiet()
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 1


def test_an_empty_list_is_believed_only_half_an_hour_after_the_last_try(marketplace):
    marketplace.post("/faults/", hit_lag_seconds=300)
    terms = publish(grids_to_publish(1))
    call = send_up_to("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="drop_after", operation="CreateHITWithHITType")
    assert not send(call)
    # The token is forgotten, and the list does not show yet what came of the last try a moment ago.
    Call.objects.filter(pk=call.pk).update(first_tried_at=now() - timedelta(hours=24))
    for _ in range(3):
        hurry()
        assert not send(require(claim_call()))
        assert Call.objects.get(pk=call.pk).unique_token == call.unique_token
    marketplace.later(301)
    send_until_quiet()
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 1
    assert hits_of(terms)[0].external_id


def test_what_is_not_there_half_an_hour_later_was_not_made_and_is_made_then(marketplace):
    terms = publish(grids_to_publish(1))
    call = send_up_to("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="drop_before", operation="CreateHITWithHITType")
    assert not send(call)
    before = now() - SETTLES_WITHIN - timedelta(seconds=1)
    Call.objects.filter(pk=call.pk).update(first_tried_at=now() - timedelta(hours=24), doubtful_at=before)
    send_until_quiet()
    assert hits_of(terms)[0].external_id
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 1


def test_a_letter_whose_answer_was_lost_is_written_once(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    settle()
    notify(terms=marketplace_hit.terms, subject="Thank you", text="The study goes on.")
    marketplace.post("/faults/plan/", kind="drop_after", operation="NotifyWorkers")
    send_waiting()
    call = Call.objects.get(op="NotifyWorkers")
    assert (call.state, "may or may not have been sent" in call.last_error) == ("failed", True)
    assert try_failed_again() == 0
    # Neither does one whose sender died.
    Call.objects.filter(pk=call.pk).update(state="unsure", next_try=PAST)
    send_waiting()
    assert Call.objects.get(pk=call.pk).state == "failed"
    assert Call.objects.get(pk=call.pk).attempts == 2


# Answers of somebody else


@pytest.fixture
def somebody_between(settings) -> Iterator[dict]:
    """Stand between us and the marketplace, as a proxy with a set answer."""
    answer = {"status": 403, "n": 0}

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer["n"] += 1
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b"<html>no</html>"
            self.send_response(answer["status"])
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    keys = {"access_key_id": "AKIA" + "X" * 16, "secret_access_key": "x" * 40, "calls_per_second": 1000}
    settings.MTURK = settings.MTURK | keys | {"endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    endpoint.client.cache_clear()
    yield answer
    server.shutdown()
    serving.join()
    server.server_close()
    endpoint.client.cache_clear()


@pytest.mark.parametrize("status", [301, 400, 403, 404, 407, 413])
def test_an_answer_from_somewhere_on_the_way_fails_no_call_and_ends_the_run(somebody_between, status):
    somebody_between["status"] = status
    for number in range(20):
        decide(op="UpdateExpirationForHIT", purpose=f"end:{number}:0", payload={"HITId": "3ABC", "ExpireAt": 5})
    assert send_waiting() == 0
    assert set(Call.objects.values_list("state", flat=True)) == {"waiting"}
    assert somebody_between["n"] < 20, "the run goes on although nobody listens"


@pytest.mark.parametrize("status", [408, 429])
def test_too_slow_or_too_many_is_tried_again_later(somebody_between, status):
    somebody_between["status"] = status
    decide(op="UpdateExpirationForHIT", purpose="end:1:0", payload={"HITId": "3ABC", "ExpireAt": 5})
    with pytest.raises(endpoint.Throttled):
        endpoint.call("GetAccountBalance")
    assert not send(require(claim_call()))
    assert Call.objects.get().state == "waiting"


def test_wrong_keys_for_a_moment_fail_nothing(marketplace, settings):
    right = settings.MTURK
    terms = publish(grids_to_publish(3))
    settings.MTURK = right | {"secret_access_key": "x" * 40}
    endpoint.client.cache_clear()
    send_waiting()
    assert not Call.objects.exclude(state="waiting").exists()
    settings.MTURK = right
    endpoint.client.cache_clear()
    send_until_quiet()
    assert all(marketplace_hit.external_id for marketplace_hit in hits_of(terms))


def test_paid_work_cannot_be_rejected_after_its_approval_was_refused(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    ask()
    marketplace.post("/faults/plan/", kind="drop_after", operation="ApproveAssignment")
    send_waiting()
    call = Call.objects.get(op="ApproveAssignment")
    Call.objects.filter(pk=call.pk).update(state="failed")
    people = {"decided_by": researcher(), "seconded_by": researcher()}
    with pytest.raises(CannotReject):
        reject(listed=ListedAssignment.objects.get(), reason="It is empty.", **people)
    try_failed_again()
    send_until_quiet()
    assert ListedAssignment.objects.get().status == "approved"
    assert_ledgers_are_equal(marketplace)


# One bonus, however it is written


def test_an_amount_written_in_two_ways_is_one_bonus(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    work(marketplace, marketplace_hit)
    settle()
    listed = ListedAssignment.objects.get()
    for amount in ("0.1", "0.10", "1E-1", "0.100"):
        give_bonus(listed=listed, amount=Decimal(amount), reason="For your care.")
    give_bonus(listed=listed, amount=Decimal("1e1"), reason=" For your patience. ")
    give_bonus(listed=listed, amount=Decimal("10"), reason="For your patience.")
    send_until_quiet()
    assert set(Call.objects.filter(op="SendBonus").values_list("payload__BonusAmount", flat=True)) == {"0.10", "10.00"}
    assert marketplace.ask("ledger", key_id=marketplace.key_id)["bonuses"] == 2
    assert LedgerEntry.objects.filter(kind="bonus").count() == 2
    assert_ledgers_are_equal(marketplace)


@pytest.mark.parametrize("amount", ["0.001", "0", "-1", "NaN", "sNaN", "Infinity", "1e40", "0.015"])
def test_what_is_no_number_of_cents_is_no_bonus(amount):
    with pytest.raises(CannotPay, match="whole number of cents"):
        give_bonus(listed=ListedAssignment(), amount=Decimal(amount), reason="For your care.")
