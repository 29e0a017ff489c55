"""Publishing and changing HITs, apart from their assignments.

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

# Time from the expiration of a HIT until it is disposed of, if nobody has reviewed it.
DISPOSED_AFTER = timedelta(days=120)
# The fields of a HIT that change.
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
    """Return the type with these values, created if there is none: the same values are always the same type."""
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
    """Publish a HIT and set its costs aside. A token used within a day is refused."""
    moment = now()
    token_row = token and spend_token(
        requester_id=hit_type.requester_id, purpose="hit", token=token, request_id=request_id, moment=moment
    )
    hit = HIT.objects.create(
        requester_id=hit_type.requester_id,
        hit_type=hit_type,
        question=question,
        annotation=annotation,
        max_assignments=max_assignments,
        created_at=moment,
        visible_at=moment + timedelta(seconds=fault_settings().hit_lag_seconds),
        expires_at=moment + timedelta(seconds=lifetime_seconds),
    )
    settle(hit=hit, moment=moment)
    if token_row:
        token_row.hit = hit
        token_row.save(update_fields=["hit"])
    return hit


@transaction.atomic
def add_assignments(*, hit: HIT, n_assignments: int, token: str | None = None, request_id: str = "") -> HIT:
    """Add assignments to a HIT. A HIT cannot grow past the number where the fee rises."""
    moment = now()
    hit = lock_hit(hit.pk)
    if token:
        spend_token(
            requester_id=hit.requester_id, purpose="extension", token=token, request_id=request_id, moment=moment
        )
    refuse_disposed(hit)
    if hit.max_assignments < MANY_ASSIGNMENTS <= hit.max_assignments + n_assignments:
        raise Refusal(
            "InvalidMaximumAssignmentsIncrease",
            f"HITs created with fewer than {MANY_ASSIGNMENTS} assignments cannot be extended to have "
            f"{MANY_ASSIGNMENTS} or more assignments.",
        )
    hit.max_assignments += n_assignments
    settle(hit=hit, moment=moment)
    return hit


@transaction.atomic
def set_expiration(*, hit: HIT, expires_at: datetime) -> HIT:
    """End a HIT at that time, at once if it has passed; assignments in progress may still be submitted."""
    moment = now()
    hit = lock_hit(hit.pk)
    refuse_disposed(hit)
    hit.expires_at = max(expires_at, hit.created_at)
    settle(hit=hit, moment=moment)
    return hit


@transaction.atomic
def set_hit_type(*, hit: HIT, hit_type: HITType) -> HIT:
    """Move a HIT to another type. Assignments already accepted keep the old conditions."""
    moment = now()
    hit = lock_hit(hit.pk)
    refuse_disposed(hit)
    hit.hit_type = hit_type
    settle(hit=hit, moment=moment)
    return hit


@transaction.atomic
def set_reviewing(*, hit: HIT, revert: bool) -> HIT:
    """Move a HIT from Reviewable to Reviewing, or back."""
    hit = lock_hit(hit.pk)
    expected, result = (HIT.Status.REVIEWING, HIT.Status.REVIEWABLE)[:: 1 if revert else -1]
    if hit.status != expected:
        raise WrongStatus("HIT", expected, hit.status)
    hit.status = result
    hit.save(update_fields=["status"])
    return hit


@transaction.atomic
def delete_hit(*, hit: HIT) -> HIT:
    hit = lock_hit(hit.pk)
    if hit.status != HIT.Status.REVIEWABLE or hit.n_submitted:
        raise WrongStatus("HIT", "Reviewable", hit.status)
    hit.status = HIT.Status.DISPOSED
    settle(hit=hit, moment=now())
    return hit


def lock_hit(pk: int) -> HIT:
    return lockable_hits(HIT.objects.all()).get(pk=pk)


def lockable_hits(hits: QuerySet[HIT], **options: bool) -> QuerySet[HIT]:
    """Return these HITs with their types, locked as they are read."""
    # The question may be long, and nothing reads it under a lock.
    hits = hits.select_related("hit_type").defer("question")
    return hits.select_for_update(of=("self",), no_key=True, **options)


def refuse_disposed(hit: HIT) -> None:
    if hit.status == HIT.Status.DISPOSED:
        raise WrongStatus("HIT", "Assignable,Unassignable,Reviewable,Reviewing", hit.status)


@transaction.atomic(savepoint=False)
def settle(*, hit: HIT, moment: datetime) -> None:
    """Store a locked HIT after a change of its counts or times: its status, and the money held for it."""
    hit.status = next_status(
        hit.status, n_available=hit.n_available, n_pending=hit.n_pending, expired=hit.expires_at <= moment
    )
    is_open = hit.is_live and hit.expires_at > moment
    held_cents = hit.promised_cents + (hit.n_available * unit_cost(hit) if is_open else 0)
    if change := held_cents - hit.held_cents:
        kind = Kind.HOLD if change > 0 else Kind.RELEASE
        book(
            requester_id=hit.requester_id,
            movements=[(kind, -change, change)],
            moment=moment,
            hit=hit if hit.pk else None,
        )
    hit.held_cents = held_cents
    hit.due_at = earliest(hit.due_at, hit_due_time(hit, moment))
    hit.save(update_fields=CHANGING)


def unit_cost(hit: HIT) -> int:
    return hit.hit_type.reward_cents + fee_of(hit)


def fee_of(hit: HIT) -> int:
    masters = asks_for_masters(hit.hit_type.requirements)
    return reward_fee(hit.hit_type.reward_cents, hit.max_assignments, masters)


def hit_due_time(hit: HIT, moment: datetime) -> datetime | None:
    """Return the time of the HIT's own next change, apart from its assignments."""
    if hit.is_live:
        return hit.expires_at if hit.expires_at > moment else None
    disposable = hit.status != HIT.Status.DISPOSED and not hit.n_submitted
    return max(hit.expires_at, hit.created_at) + DISPOSED_AFTER if disposable else None


def earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time), default=None)
