"""A HIT on a marketplace without the marketplace: what its pages and its lists of assignments would tell us."""

from datetime import timedelta
from typing import Any

from catalog.reads import now
from mturk.models import MarketplaceHIT, Terms
from tests.factories import make_batch, make_dataset, make_grid, unique
from tests.required import require
from workforce.frame.actions import accept
from workforce.frame.ids import FrameVisit
from workforce.frame.reads import answers_under
from workforce.frame.receipts import fields_to_hand_over
from workforce.models import HIT, Assignment, Batch

HOUR = 3600


def external(stem: str) -> str:
    """An id as a marketplace makes them: capitals and digits."""
    return unique(stem).replace("-", "").upper()


def make_terms(batch: Batch) -> Terms:
    return Terms.objects.create(
        batch=batch,
        title="Find things in photographs",
        description="Select the photographs that show an object.",
        reward="0.20",
        assignment_seconds=HOUR,
        lifetime_seconds=HOUR,
        auto_approval_seconds=HOUR,
        spending_cap="100.00",
        expires_at=now() + timedelta(hours=1),
    )


def offer(hit: HIT, n_assignments: int = 9, external_id: str | None = None) -> str:
    """Have a HIT of ours offered on the marketplace; returns its id there."""
    terms = Terms.objects.filter(batch=hit.batch).first() or make_terms(hit.batch)
    return require(
        MarketplaceHIT.objects.create(
            hit=hit,
            terms=terms,
            external_id=external_id or external("3HIT"),
            n_assignments=n_assignments,
            expires_at=terms.expires_at,
        ).external_id
    )


def make_offered_grid(*, n_images: int = 3, n_slots: int = 2, **dataset: Any):
    """A grid on the marketplace, and the id of its HIT there."""
    batch = make_batch(make_dataset(contains_answers=n_slots, **dataset), marketplace=Batch.Marketplace.MTURK)
    grid = make_grid(batch=batch, n_images=n_images)
    return grid, offer(grid.hit)


def make_visit(external_hit_id: str, *, assignment: str | None = None, worker: str | None = None) -> FrameVisit:
    return FrameVisit(assignment or external("3ASG"), external_hit_id, worker or external("AWORKER"))


def make_assignment(hit: HIT, external_hit_id: str, **ids: str) -> Assignment:
    return accept(hit=hit, visit=make_visit(external_hit_id, **ids))


def fields_of_the_last(assignment: Assignment) -> dict[str, str]:
    """Return the fields that the frame sends to the marketplace for the latest answer under an assignment."""
    return fields_to_hand_over(assignment, answers_under(assignment)[0].answer)
