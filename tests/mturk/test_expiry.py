"""Tests that HITs leave the marketplace, whatever it does meanwhile."""

from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.reads import now
from mturk.compensation.actions import compensate
from mturk.models import Call, MarketplaceHIT, Terms
from mturk.outbox.actions import claim_call, try_failed_again
from mturk.outbox.sending import send
from mturk.publishing.actions import move_end, offer_again
from mturk.publishing.reads import committed, outstanding
from mturk.sync import send_waiting
from mturk.terms.reads import CannotPublish
from tests.factories import make_worker, worker_client
from tests.mturk.marketplace_breakers import marketplace_hit
from tests.mturk.marketplaces import Marketplace, answer_in_frame
from tests.mturk.mturk_study import (
    PAST,
    ask,
    grids_to_publish,
    hand_over,
    hits_of,
    page_of,
    publish,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.required import require
from tests.workforce.starting import opened as opened_in_frame
from workforce.actions import close_batch, withdraw_hits
from workforce.models import Submission, Worker, WorkerIdentity

pytestmark = pytest.mark.django_db

FAULTS = {"throttle_rate": 0.2, "error_rate": 0.1, "drop_after_rate": 0.1}


def move(terms: Terms, **until: float) -> None:
    move_end(terms=terms, expires_at=now() + timedelta(**until))


def is_offered(marketplace: Marketplace, marketplace_hit: MarketplaceHIT) -> bool:
    return "refused" not in marketplace.ask("accept", worker=marketplace.worker(), hit=marketplace_hit.external_id)


def ends() -> dict[int, str]:
    """The states of all moves of an end, in the order in which they were decided."""
    return dict(Call.objects.filter(op="UpdateExpirationForHIT").order_by("pk").values_list("pk", "state"))


@pytest.mark.parametrize("kind", ["throttle", "drop_before", "drop_after"])
def test_a_move_that_comes_late_does_not_undo_the_next_one(marketplace, kind):
    (marketplace_hit,) = published(grids_to_publish(n_slots=3))
    move(marketplace_hit.terms, days=0)
    marketplace.post("/faults/plan/", kind=kind, operation="UpdateExpirationForHIT")
    assert not send(require(claim_call()))
    move(marketplace_hit.terms, days=2)
    # The later one is sent while the first one still waits for its next try.
    send_waiting()
    send_until_quiet()
    assert list(ends().values()) == ["withdrawn", "done"]
    assert is_offered(marketplace, marketplace_hit)
    assert MarketplaceHIT.objects.get().expires_at > now() + timedelta(days=1)


def test_a_move_that_was_refused_is_not_sent_again_after_a_later_one(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=3))
    move(marketplace_hit.terms, days=0)
    Call.objects.filter(op="UpdateExpirationForHIT").update(state="failed")
    move(marketplace_hit.terms, days=2)
    send_until_quiet()
    assert try_failed_again() == 1
    send_until_quiet()
    assert list(ends().values()) == ["withdrawn", "done"]
    assert is_offered(marketplace, marketplace_hit)


def test_a_batch_is_put_back_and_taken_off_again_while_everything_goes_wrong(marketplace):
    """T2, for the ends: throttled, broken, answers lost."""
    terms = publish(grids_to_publish(4, n_slots=3))
    send_until_quiet()
    marketplace.post("/faults/", **FAULTS)
    for moved in ({"days": 0}, {"days": 2}, {"days": 0}, {"days": 3}):
        move(terms, **moved)
        for _ in range(3):
            Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)
            send_waiting()
    send_until_quiet()
    assert not Call.objects.exclude(state__in=["done", "withdrawn"]).exists()
    assert {marketplace_hit.expires_at for marketplace_hit in hits_of(terms)} == {terms_end(terms)}
    assert all(is_offered(marketplace, marketplace_hit) for marketplace_hit in hits_of(terms))
    move(terms, days=0)
    send_until_quiet()
    assert not any(is_offered(marketplace, marketplace_hit) for marketplace_hit in hits_of(terms))
    marketplace.post("/faults/clear/")
    assert len(marketplace.ask("ledger", key_id=marketplace.key_id)["hits"]) == 4


def terms_end(terms: Terms):
    terms.refresh_from_db()
    return terms.expires_at.replace(microsecond=0)


# What is closed here


@pytest.mark.parametrize("part", ["the batch", "one HIT"])
def test_what_is_closed_here_leaves_the_marketplace_and_what_is_in_hands_still_counts(marketplace, part):
    batch = grids_to_publish(2, n_slots=2)
    closed, other = published(batch)
    worker = marketplace.worker()
    if part == "the batch":
        work(marketplace, closed, worker)
        close_batch(batch=batch)
    else:
        assert withdraw_hits(hit_ids=[closed.hit_id]) == {closed.hit_id}
    settle()
    settle()
    assert not is_offered(marketplace, closed)
    assert is_offered(marketplace, other) == (part == "one HIT")
    assert Call.objects.filter(op="UpdateExpirationForHIT").count() == (2 if part == "the batch" else 1)
    assert list(Submission.objects.values_list("state", flat=True)) == (["confirmed"] if part == "the batch" else [])


def test_the_end_of_what_is_closed_is_decided_once_however_long_it_takes(marketplace):
    batch = grids_to_publish(1)
    published(batch)
    close_batch(batch=batch)
    for _ in range(3):
        ask()
    assert list(ends().values()) == ["waiting"]
    send_until_quiet()
    ask()
    assert list(ends().values()) == ["done"]


def test_what_was_closed_before_it_was_created_is_never_created_nor_promised(marketplace):
    batch = grids_to_publish(3)
    terms = publish(batch)
    send_until_type(terms)
    close_batch(batch=batch)
    ask()
    send_until_quiet()
    assert marketplace.ask("ledger", key_id=marketplace.key_id)["hits"] == []
    assert not MarketplaceHIT.objects.filter(finished_at=None).exists()


def send_until_type(terms: Terms) -> None:
    while not Call.objects.filter(op="CreateHITWithHITType").exists():
        send(require(claim_call()))


def test_extending_a_batch_leaves_its_closed_hits_off(marketplace):
    closed, other = published(grids_to_publish(2, n_slots=2))
    withdraw_hits(hit_ids=[closed.hit_id])
    settle()
    move(closed.terms, days=3)
    send_until_quiet()
    assert (is_offered(marketplace, closed), is_offered(marketplace, other)) == (False, True)


# What may still come in, and is promised so long


def test_what_has_ended_is_promised_until_who_holds_it_can_hand_in_no_more(marketplace):
    held, free = published(grids_to_publish(2, n_slots=1))
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, held.external_id)
    fields = answer_in_frame(page_of(held, assignment, worker))
    assert outstanding(held.terms) is None
    move(held.terms, days=0)
    send_until_quiet()
    promise = outstanding(held.terms)
    held.refresh_from_db()
    assert (require(promise).n, require(promise).amount) == (2, committed(held.terms)) == (2, Decimal("0.24"))
    assert require(promise).held_until == held.expires_at + timedelta(seconds=held.terms.assignment_seconds)
    assert require(promise).may_be_held
    hand_over(marketplace, assignment, fields)
    settle()
    settle()
    # What came in late is paid, and within what was promised.
    assert (require(outstanding(held.terms)).n, committed(held.terms)) == (1, Decimal("0.24"))
    later(free, require(promise).held_until - now() + timedelta(hours=1))
    ask()
    assert not require(outstanding(free.terms)).may_be_held
    assert committed(free.terms) == Decimal("0.24"), "the marketplace may list it late"
    later(free, timedelta(days=1))
    ask()
    assert outstanding(free.terms) is None
    assert committed(free.terms) == Decimal("0.12")


def later(marketplace_hit: MarketplaceHIT, passed: timedelta) -> None:
    """Move the end back in time by so much."""
    marketplace_hit.refresh_from_db()
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(expires_at=marketplace_hit.expires_at - passed)


# What an end does not touch, and how far it goes


def test_ending_a_batch_leaves_the_pay_for_who_could_not_hand_in(marketplace):
    (marketplace_hit,) = published(grids_to_publish(n_slots=1))
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    compensated = compensate(
        terms=marketplace_hit.terms, worker=open_page(marketplace_hit, assignment, worker), returned=True
    )
    while not Call.objects.filter(purpose=f"hit:{compensated.pk}").exists():
        send(require(claim_call()))
    move(marketplace_hit.terms, days=0)
    send_until_quiet()
    assert not is_offered(marketplace, marketplace_hit)
    offered = MarketplaceHIT.objects.get(pk=compensated.pk)
    assert offered.external_id and offered.finished_at is None
    assert "refused" not in marketplace.ask("accept", worker=worker, hit=offered.external_id)


def open_page(marketplace_hit: MarketplaceHIT, assignment: str, worker: str) -> Worker:
    assert opened_in_frame(worker_client(), page_of(marketplace_hit, assignment, worker))[1].status_code == 200
    return WorkerIdentity.objects.get(external_id=worker).worker


def test_nothing_is_kept_for_more_than_a_year(marketplace):
    (marketplace_hit,) = published(grids_to_publish(1))
    before = marketplace_hit.terms.expires_at
    with pytest.raises(CannotPublish, match="more than a year"):
        move(marketplace_hit.terms, days=365, hours=1)
    marketplace_hit.terms.refresh_from_db()
    assert marketplace_hit.terms.expires_at == before
    assert not ends()
    move(marketplace_hit.terms, days=365)
    send_until_quiet()
    assert list(ends().values()) == ["done"]


def test_a_hit_of_a_batch_that_was_extended_by_a_year_is_made(marketplace):
    batch = grids_to_publish(1)
    terms = publish(batch)
    move(terms, days=365)
    Terms.objects.update(expires_at=now() + timedelta(days=365, hours=1))
    offer_again(terms=terms)
    send_until_type(terms)
    assert Call.objects.get(op="CreateHITWithHITType").payload["LifetimeInSeconds"] == 31_536_000
    send_until_quiet()
    assert hits_of(terms)[0].external_id


def test_a_compensation_is_of_one_batch_only():
    """A worker who was given nothing of the batch is not paid for it."""
    with pytest.raises(CannotPublish, match="paid or compensated"):
        compensate(terms=marketplace_hit().terms, worker=make_worker())
