"""Publishing HITs, and everything that decides about them but their assignments.

Locks are taken in one order: a HIT, its assignments, then the requester's ledger. Nothing locks two HITs at once.
"""

import hashlib
import json
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from marketplace.clock import now
from marketplace.errors import Refusal, WrongStatus
from marketplace.faults.reads import fault_settings
from marketplace.ledger.actions import Kind, book
from marketplace.models import HIT, HITType, Requester
from marketplace.prices import MANY_ASSIGNMENTS, reward_fee
from marketplace.qualifications.system import asks_for_masters
from marketplace.states import next_status
from marketplace.tokens.actions import spend_token

# A HIT that nobody reviews disappears by itself so long after it expired.
DISPOSED_AFTER = timedelta(days=120)
# All that ever changes of a HIT.
CHANGING = [
    "hit_type",
    "max_assignments",
    "expires_at",
    "due_at",
    "status",
    "n_pending",
    "n_submitted",
    "n_approved",
    "n_rejected",
    "promised_cents",
    "held_cents",
]


@transaction.atomic
def create_hit_type(*, requester: Requester, **values) -> HITType:
    """The type with these values, made if there is none: the same values always are the same type."""
    text = json.dumps(values, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return HITType.objects.get_or_create(requester=requester, digest=digest, defaults=values)[0]


@transaction.atomic
def create_hit(
    *,
    hit_type: HITType,
    question: str,
    max_assignments: int,
    lifetime_seconds: int,
    annotation: str = "",
    token: str | None = None,
    request_id: str = "",
) -> HIT:
    """Publish a HIT and set aside what it will cost. A token that was used within a day is refused."""
    at = now()
    used = token and spend_token(
        requester_id=hit_type.requester_id, purpose="hit", token=token, request_id=request_id, at=at
    )
    hit = HIT.objects.create(
        requester_id=hit_type.requester_id,
        hit_type=hit_type,
        question=question,
        annotation=annotation,
        max_assignments=max_assignments,
        created_at=at,
        visible_at=at + timedelta(seconds=fault_settings().hit_lag_seconds),
        expires_at=at + timedelta(seconds=lifetime_seconds),
    )
    settle(hit=hit, at=at)
    if used:
        used.hit = hit
        used.save(update_fields=["hit"])
    return hit


@transaction.atomic
def add_assignments(*, hit: HIT, n_assignments: int, token: str | None = None, request_id: str = "") -> HIT:
    """Want so many answers more. Across the line where the fee rises, a HIT cannot grow."""
    at = now()
    hit = lock_hit(hit.pk)
    if token:
        spend_token(requester_id=hit.requester_id, purpose="extension", token=token, request_id=request_id, at=at)
    refuse_disposed(hit)
    if hit.max_assignments < MANY_ASSIGNMENTS <= hit.max_assignments + n_assignments:
        raise Refusal(
            "InvalidMaximumAssignmentsIncrease",
            f"HITs created with fewer than {MANY_ASSIGNMENTS} assignments cannot be extended to have "
            f"{MANY_ASSIGNMENTS} or more assignments.",
        )
    hit.max_assignments += n_assignments
    settle(hit=hit, at=at)
    return hit


@transaction.atomic
def set_expiration(*, hit: HIT, expires_at: datetime) -> HIT:
    """Let a HIT end at that time, at once if it has passed; what people work on may still be handed in."""
    at = now()
    hit = lock_hit(hit.pk)
    refuse_disposed(hit)
    hit.expires_at = max(expires_at, hit.created_at)
    settle(hit=hit, at=at)
    return hit


@transaction.atomic
def set_hit_type(*, hit: HIT, hit_type: HITType) -> HIT:
    """Move a HIT to another type. Who has accepted it already works on the old conditions."""
    at = now()
    hit = lock_hit(hit.pk)
    refuse_disposed(hit)
    hit.hit_type = hit_type
    settle(hit=hit, at=at)
    return hit


@transaction.atomic
def set_reviewing(*, hit: HIT, revert: bool) -> HIT:
    """Reviewable to Reviewing, or back."""
    hit = lock_hit(hit.pk)
    wanted, result = (HIT.Status.REVIEWING, HIT.Status.REVIEWABLE)[:: 1 if revert else -1]
    if hit.status != wanted:
        raise WrongStatus("HIT", wanted, hit.status)
    hit.status = result
    hit.save(update_fields=["status"])
    return hit


@transaction.atomic
def delete_hit(*, hit: HIT) -> HIT:
    hit = lock_hit(hit.pk)
    if hit.status != HIT.Status.REVIEWABLE or hit.n_submitted:
        raise WrongStatus("HIT", "Reviewable", hit.status)
    hit.status = HIT.Status.DISPOSED
    settle(hit=hit, at=now())
    return hit


def lock_hit(pk: int) -> HIT:
    return lockable_hits(HIT.objects.all()).get(pk=pk)


def lockable_hits(hits: QuerySet[HIT], **options: bool) -> QuerySet[HIT]:
    """These HITs, locked as they are read, with their types."""
    # The question may be long and is read by nobody who locks.
    hits = hits.select_related("hit_type").defer("question")
    return hits.select_for_update(of=("self",), no_key=True, **options)


def refuse_disposed(hit: HIT) -> None:
    if hit.status == HIT.Status.DISPOSED:
        raise WrongStatus("HIT", "Assignable,Unassignable,Reviewable,Reviewing", hit.status)


@transaction.atomic(savepoint=False)
def settle(*, hit: HIT, at: datetime) -> None:
    """Store a locked HIT whose counts or times changed: its status, and the money that is held for it."""
    hit.status = next_status(
        hit.status, n_available=hit.n_available, n_pending=hit.n_pending, expired=hit.expires_at <= at
    )
    is_open = hit.is_live and hit.expires_at > at
    wanted = hit.promised_cents + (hit.n_available * unit_cost(hit) if is_open else 0)
    if more := wanted - hit.held_cents:
        kind = Kind.HOLD if more > 0 else Kind.RELEASE
        book(requester_id=hit.requester_id, movements=[(kind, -more, more)], at=at, hit=hit if hit.pk else None)
    hit.held_cents = wanted
    hit.due_at = earliest(hit.due_at, own_due_time(hit, at))
    hit.save(update_fields=CHANGING)


def unit_cost(hit: HIT) -> int:
    return hit.hit_type.reward_cents + fee_of(hit)


def fee_of(hit: HIT) -> int:
    masters = asks_for_masters(hit.hit_type.requirements)
    return reward_fee(hit.hit_type.reward_cents, hit.max_assignments, masters)


def own_due_time(hit: HIT, at: datetime) -> datetime | None:
    """When the HIT itself will change, its assignments aside."""
    if hit.is_live:
        return hit.expires_at if hit.expires_at > at else None
    disposable = hit.status != HIT.Status.DISPOSED and not hit.n_submitted
    return max(hit.expires_at, hit.created_at) + DISPOSED_AFTER if disposable else None


def earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time), default=None)
