"""A batch on the marketplace, over HTTP and through boto3: published, worked on, confirmed, paid."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.factories import make_grid
from tests.workforce.marketplaces import Marketplace, address_of, answer_in_frame
from workforce.models import Batch, Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Slot, Submission, Terms
from workforce.offers.publishing import publish_paid
from workforce.outbox.sending import send_waiting
from workforce.pay.polling import poll_assignments

pytestmark = pytest.mark.django_db

PAST = datetime(2020, 1, 1, tzinfo=UTC)
TERMS = {
    "title": "Which photographs show it?",
    "description": "Tick photographs.",
    "keywords": "images",
    "assignment_seconds": 600,
    "lifetime_seconds": 86_400,
    "auto_approval_seconds": 3 * 86_400,
}


def publish(batch: Batch, reward: str = "0.10", cap: str = "100", **terms: object) -> Terms:
    made = publish_paid(batch=batch, reward=Decimal(reward), spending_cap=Decimal(cap), **(TERMS | terms))
    send_until_quiet()
    return made


def send_until_quiet() -> None:
    """Send what is due, whenever it is due: a test does not wait for pauses between tries."""
    for _ in range(200):
        Call.objects.filter(state__in=["waiting", "unsure"]).update(next_try=PAST)
        send_waiting()
        if not Call.objects.filter(state__in=["waiting", "unsure"]).exists():
            return
    raise AssertionError(list(Call.objects.exclude(state="done").values_list("op", "state", "last_error")))


def work(marketplace: Marketplace, made: MarketplaceHIT, worker: str | None = None) -> str:
    """A person accepts, works in the frame and hands in. Returns the assignment's id."""
    worker = worker or marketplace.worker()
    assignment = marketplace.accept(worker, made.external_id)
    fields = answer_in_frame(page_of(made, assignment, worker))
    del fields["assignmentId"]
    assert "refused" not in marketplace.submit(assignment, **fields)
    return assignment


def page_of(made: MarketplaceHIT, assignment: str, worker: str) -> str:
    ids = {"assignmentId": assignment, "hitId": made.external_id, "workerId": worker}
    return address_of(made.hit.public_id, made.hit.batch.kind, **ids)


def test_a_grid_is_published_worked_on_confirmed_and_paid(marketplace):
    grid = make_grid(n_slots=2)
    publish(grid.hit.batch)
    (made,) = MarketplaceHIT.objects.all()
    work(marketplace, made)
    assert Submission.objects.get().state == "provisional"
    assert not Slot.objects.filter(state="filled").exists()
    poll_assignments()
    assert Submission.objects.get().state == "confirmed"
    assert Slot.objects.filter(state="filled").count() == 1
    send_until_quiet()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.status) == ("confirmed", "approved")
    assert sorted(LedgerEntry.objects.values_list("kind", "amount")) == [
        ("reward", Decimal("0.10")), ("reward_fee", Decimal("0.02")),
    ]  # fmt: skip
