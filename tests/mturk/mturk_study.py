"""A study on the marketplace, as its people and its tasks drive it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mturk.models import Call, LedgerEntry, MarketplaceHIT, Terms
from mturk.payments.polling import poll_assignments
from mturk.publishing.actions import publish as publish_offer
from mturk.sync import send_waiting
from mturk.terms.reads import OfferTerms
from tests.factories import make_batch, make_dataset, make_grid, make_images
from tests.mturk.marketplaces import Marketplace, address_of, answer_in_frame
from tests.required import require
from workforce.models import Batch

PAST = datetime(2020, 1, 1, tzinfo=UTC)
TERMS: dict[str, Any] = {
    "title": "Which photographs show it?",
    "description": "Tick photographs.",
    "keywords": "images",
    "assignment_seconds": 600,
    "lifetime_seconds": 86_400,
    "auto_approval_seconds": 3 * 86_400,
}


def grids_to_publish(n_grids: int = 1, n_slots: int = 2) -> Batch:
    dataset = make_dataset(contains_answers=n_slots)
    batch = make_batch(dataset)
    for image in make_images(dataset, n_grids):
        make_grid(batch=batch, images=[image])
    return batch


def publish(batch: Batch, reward: str = "0.10", cap: str = "1000", **terms: Any) -> Terms:
    """Decide it; nothing is sent yet."""
    return publish_offer(batch=batch, offer=offer_of(reward, cap, **terms))


def offer_of(reward: str = "0.10", cap: str = "1000", **terms: object) -> OfferTerms:
    return OfferTerms(reward=Decimal(reward), spending_cap=Decimal(cap), **(TERMS | terms))


def published(batch: Batch, **terms: Any) -> list[MarketplaceHIT]:
    """Decide it, and have all calls sent."""
    marketplace_hits = publish(batch, **terms)
    send_until_quiet()
    return hits_of(marketplace_hits)


def hits_of(terms: Terms) -> list[MarketplaceHIT]:
    return list(terms.marketplace_hits.select_related("hit__batch").order_by("pk"))


def send_until_quiet() -> None:
    """Send what is due, whenever it is due: a test does not wait for the pauses between tries."""
    for _ in range(300):
        Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)
        send_waiting()
        if not Call.objects.filter(state__in=["waiting", "unsure"]).exists():
            return
    raise AssertionError(list(Call.objects.exclude(state="done").values_list("op", "state", "last_error")))


def send_due() -> None:
    """Send what is due, and once more what a busy machine had no answer for; what waits for its time is left alone."""
    for _ in range(30):
        send_waiting()
        tried = Call.objects.filter(state__in=["waiting", "unsure"], attempts__gt=0)
        if not tried.update(next_try=PAST):
            return
    raise AssertionError(list(tried.values_list("op", "state", "last_error")))


def ask() -> None:
    """Ask the marketplace for everything, also what was asked for a moment ago."""
    MarketplaceHIT.objects.exclude(polled_at=None).update(polled_at=PAST)
    MarketplaceHIT.objects.exclude(not_before=None).update(not_before=PAST)
    poll_assignments()


def settle() -> None:
    ask()
    send_until_quiet()


def page_of(marketplace_hit: MarketplaceHIT, assignment: str, worker: str) -> str:
    ids = {"assignmentId": assignment, "hitId": require(marketplace_hit.external_id), "workerId": worker}
    return address_of(marketplace_hit.hit.public_id, marketplace_hit.hit.batch.kind, **ids)


def work(marketplace: Marketplace, marketplace_hit: MarketplaceHIT, worker: str | None = None) -> str:
    """A person accepts, works in the frame and hands in, here and there. Returns the assignment's id."""
    worker = worker or marketplace.worker()
    assignment = marketplace.accept(worker, require(marketplace_hit.external_id))
    hand_over(marketplace, assignment, answer_in_frame(page_of(marketplace_hit, assignment, worker)))
    return assignment


def hand_over(marketplace: Marketplace, assignment: str, fields: dict[str, str]) -> None:
    answered = marketplace.submit(assignment, **{name: fields[name] for name in fields if name != "assignmentId"})
    assert "refused" not in answered, answered


def assert_ledgers_are_equal(marketplace: Marketplace) -> None:
    """To the cent: what left the account there is what is booked here, and nothing is held back any more."""
    theirs = marketplace.ask("ledger", key_id=marketplace.key_id)
    ours = sum((entry.amount for entry in LedgerEntry.objects.all()), Decimal(0))
    deposited = sum(available for kind, available, _ in theirs["rows"] if kind == "deposit")
    assert Decimal(deposited - theirs["available"] - theirs["held"]) / 100 == ours
