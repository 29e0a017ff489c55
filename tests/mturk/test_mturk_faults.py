"""T2 and T9: a marketplace that throttles, breaks, loses answers, lags behind, or is away."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from catalog.reads import now
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT
from mturk.outbox.actions import claim_call
from mturk.outbox.sending import send
from mturk.payments.actions import give_bonus
from mturk.payments.polling import poll_assignments
from mturk.sync import send_waiting
from tests.factories import worker_client
from tests.mturk.marketplaces import ROOT, answer_in_frame
from tests.mturk.mturk_study import (
    ask,
    assert_ledgers_are_equal,
    grids_to_publish,
    hand_over,
    hits_of,
    page_of,
    publish,
    send_until_quiet,
    settle,
    work,
)
from tests.required import require
from workforce.models import Submission

pytestmark = pytest.mark.django_db

SOAK = bool(os.environ.get("SOAK"))
N_GRIDS = 60 if SOAK else 5
FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}
LAG_SECONDS = 300
OUTAGE_SECONDS, N_AT_WORK = (600, 20) if SOAK else (6, 2)


def test_throttling_faults_lost_answers_and_lag_change_nothing_in_the_end(marketplace):
    marketplace.post("/faults/", **FAULTS, hit_lag_seconds=LAG_SECONDS, assignment_lag_seconds=LAG_SECONDS)
    terms = publish_through_faults(grids_to_publish(N_GRIDS))
    marketplace.later(LAG_SECONDS + 1)
    for marketplace_hit in hits_of(terms):
        work(marketplace, marketplace_hit)
    # Handed in there, and not listed yet.
    settle()
    assert not ListedAssignment.objects.exists()
    marketplace.later(LAG_SECONDS + 1)
    until(lambda: ListedAssignment.objects.filter(status="approved").count() == N_GRIDS)
    for listed in ListedAssignment.objects.all():
        give_bonus(listed=listed, amount=Decimal("0.05"), reason="Thank you for your care.")
    send_until_quiet()
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert len(theirs["hits"]) == len(set(theirs["hits"])) == N_GRIDS
    assert theirs["bonuses"] == N_GRIDS
    assert set(Submission.objects.values_list("state", flat=True)) == {"confirmed"}
    assert not Call.objects.exclude(state="done").exists()
    assert_ledgers_are_equal(marketplace)


def publish_through_faults(batch):
    """The balance is looked at before anything is decided: with patience, so nobody has to publish twice."""
    terms = publish(batch)
    send_until_quiet()
    return terms


def until(reached, most: int = 30) -> None:
    for _ in range(most):
        settle()
        if reached():
            return
    raise AssertionError("It was not reached.")


def test_a_marketplace_that_is_away_stops_nobody_from_working_and_gets_everything_afterwards(marketplace):
    """T9: for ten minutes with SOAK=1. The tasks run as beat runs them, and nobody hurries a call that waits."""
    # The marketplace ends work that takes longer than it gives, whether it can be reached or not.
    terms = publish(grids_to_publish(N_AT_WORK + 1, n_slots=1), assignment_seconds=3600)
    send_until_quiet()
    done, *unfinished = [begin_work(marketplace, marketplace_hit) for marketplace_hit in hits_of(terms)]
    hand_over(marketplace, done[2], answer_of(done))
    ask()
    marketplace.stop()
    try:
        fields = work_during_an_outage(unfinished)
        waiting = Call.objects.exclude(state="done").values_list("op", "state")
        assert list(waiting) == [("ApproveAssignment", "waiting")]
        assert Submission.objects.filter(state="provisional").count() == N_AT_WORK
    finally:
        marketplace.start()
    for (_, _, assignment), answered in zip(unfinished, fields, strict=True):
        hand_over(marketplace, assignment, answered)
    begin = time.monotonic()
    while ListedAssignment.objects.filter(status="approved").count() < N_AT_WORK + 1:
        assert time.monotonic() - begin < 600, "what waited is not sent by itself"
        send_waiting()
        poll_assignments()
        time.sleep(1)
    assert set(Submission.objects.values_list("state", flat=True)) == {"confirmed"}
    assert_ledgers_are_equal(marketplace)


def begin_work(marketplace, marketplace_hit: MarketplaceHIT) -> tuple[MarketplaceHIT, str, str]:
    worker = marketplace.worker()
    return marketplace_hit, worker, marketplace.accept(worker, marketplace_hit.external_id)


def answer_of(turn: tuple[MarketplaceHIT, str, str]) -> dict[str, str]:
    """Return the fields that the frame sends on. Fails if the page is not the task's, or the answer is refused."""
    marketplace_hit, worker, assignment = turn
    return answer_in_frame(page_of(marketplace_hit, assignment, worker))


def work_during_an_outage(turns: list) -> list[dict[str, str]]:
    """One after the other finishes; meanwhile the tasks try, and give up soon each time."""
    fields = []
    for turn in turns:
        fields.append(answer_of(turn))
        # Whom the marketplace did not answer reloads the page, and is offered to hand over once more.
        again = worker_client().get(page_of(turn[0], turn[2], turn[1]))
        assert again.status_code == 200
        assert fields[-1]["receipt"] in again.content.decode()
        until_next = time.monotonic() + OUTAGE_SECONDS / len(turns)
        while time.monotonic() < until_next:
            begin = time.monotonic()
            assert send_waiting() == poll_assignments() == 0
            assert time.monotonic() - begin < 60, "tasks wait for a marketplace that is away"
            time.sleep(2)
    return fields


def test_a_hit_whose_creation_was_never_answered_is_found_again_after_its_token_was_forgotten(marketplace):
    terms = publish(grids_to_publish(1, n_slots=1))
    send_until("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="drop_after", operation="CreateHITWithHITType")
    send_waiting()
    assert Call.objects.get(op="CreateHITWithHITType").state == "unsure"
    a_day_passes(marketplace)
    send_until_quiet()
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert theirs["hits"] == [hits_of(terms)[0].public_id]
    assert hits_of(terms)[0].external_id


def test_a_hit_that_was_never_created_is_created_under_a_new_token_after_a_day(marketplace):
    terms = publish(grids_to_publish(1, n_slots=1))
    send_until("CreateHITWithHITType")
    marketplace.post("/faults/plan/", kind="drop_before", operation="CreateHITWithHITType")
    send_waiting()
    assert Call.objects.get(op="CreateHITWithHITType").state == "unsure"
    token = Call.objects.get(op="CreateHITWithHITType").unique_token
    a_day_passes(marketplace)
    send_until_quiet()
    assert marketplace.ask("ledger", key_id=marketplace.key_id)["hits"] == [hits_of(terms)[0].public_id]
    assert Call.objects.get(op="CreateHITWithHITType").unique_token != token


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_bonus_whose_answer_was_lost_is_paid_once_also_after_its_token_was_forgotten(marketplace, kind):
    terms = publish(grids_to_publish(1, n_slots=1))
    send_until_quiet()
    work(marketplace, hits_of(terms)[0])
    settle()
    give_bonus(listed=ListedAssignment.objects.get(), amount=Decimal("0.05"), reason="Thank you.")
    marketplace.post("/faults/plan/", kind=kind, operation="SendBonus")
    send_waiting()
    assert Call.objects.get(op="SendBonus").state == "unsure"
    a_day_passes(marketplace)
    send_until_quiet()
    assert marketplace.ask("ledger", key_id=marketplace.key_id)["bonuses"] == 1
    assert LedgerEntry.objects.filter(kind="bonus").count() == 1
    assert_ledgers_are_equal(marketplace)


def send_until(op: str) -> None:
    """Send what comes before the calls of this operation."""
    while not Call.objects.filter(op=op).exists():
        send(require(claim_call()))


def a_day_passes(marketplace) -> None:
    marketplace.later(24 * 3600 + 60)
    before = now() - timedelta(hours=24, minutes=1)
    Call.objects.filter(state="unsure").update(first_tried_at=before, doubtful_at=before)


def test_a_worker_without_an_answer_after_a_lost_approval_is_still_paid_once(marketplace):
    terms = publish(grids_to_publish(1, n_slots=1))
    send_until_quiet()
    work(marketplace, hits_of(terms)[0])
    ask()
    marketplace.post("/faults/plan/", kind="drop_after", operation="ApproveAssignment")
    send_until_quiet()
    assert ListedAssignment.objects.get().status == "approved"
    assert_ledgers_are_equal(marketplace)
    assert Call.objects.get(op="ApproveAssignment").attempts == 2


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_is_killed_again_and_again_sends_everything_once(marketplace, settings):
    """T8, for the outbox: at whatever point it dies, the next one takes up what it left."""
    n_hits = 200 if SOAK else 30
    terms = publish(grids_to_publish(n_hits, n_slots=1))
    n_kills = 0
    while Call.objects.filter(state__in=["waiting", "unsure"]).exists() and n_kills < 100:
        sender = start_sender(settings)
        begin = n_done()
        while sender.poll() is None and n_done() < begin + n_hits // 6:
            time.sleep(random.uniform(0, 0.01))
        n_kills += sender.poll() is None
        sender.kill()
        sender.wait()
    assert n_kills >= 3
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    assert sorted(theirs["hits"]) == sorted(marketplace_hit.public_id for marketplace_hit in hits_of(terms))
    assert all(marketplace_hit.external_id for marketplace_hit in hits_of(terms))
    assert theirs["held"] == n_hits * 12


def n_done() -> int:
    return Call.objects.filter(state="done").count()


def start_sender(settings) -> subprocess.Popen:
    database = settings.DATABASES["default"]
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{database['USER']}@{quote(database['HOST'], safe='')}/{database['NAME']}",
        "SECRET_KEY": settings.SECRET_KEY,
        "SENDER_ENDPOINT": settings.MTURK["endpoint_url"],
        "SENDER_KEY": settings.MTURK["access_key_id"],
        "SENDER_SECRET": settings.MTURK["secret_access_key"],
        # So slow that whoever looks on sees it half way.
        "SENDER_RATE": "10",
    }
    return subprocess.Popen([sys.executable, "-m", "tests.mturk.sender"], cwd=ROOT, env=environment)
