"""What happens by itself as time passes. No process waits for it: whoever looks at HITs brings them up to date."""

import time
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Q

from marketplace.hits.actions import earliest, lock_hit, own_due_time, settle
from marketplace.models import HIT, Assignment, Requester
from marketplace.reads import due_hits
from marketplace.review.actions import pay_submitted

Status = Assignment.Status
BRIEFLY = 1.0
MOST_AT_ONCE = 5_000


def catch_up(at: datetime, requester: Requester | None = None, seconds: float = BRIEFLY) -> int:
    """Bring overdue HITs up to date, each in a transaction of its own, for about so long. Returns how many it did.

    A request spends a little time on what is due; `python -m marketplace sweep` does the rest.
    """
    begun = time.monotonic()
    done = 0
    for pk in due_hits(at, requester).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        catch_up_hit(hit_id=pk, at=at)
        done += 1
        if time.monotonic() - begun > seconds:
            break
    return done


@transaction.atomic(savepoint=False)
def catch_up_hit(*, hit_id: int, at: datetime) -> HIT:
    """Lock a HIT and do what is due: abandoned work, automatic approval, expiration, disposal. Returns it locked."""
    return caught_up(hit=lock_hit(hit_id), at=at)


@transaction.atomic(savepoint=False)
def caught_up(*, hit: HIT, at: datetime) -> HIT:
    """A locked HIT, after what was due."""
    if hit.due_at is None or hit.due_at > at:
        return hit
    give_up_abandoned(hit=hit, at=at)
    approve_automatically(hit=hit, at=at)
    due = own_due_time(hit, at)
    if not hit.is_live and due and due <= at:
        hit.status = HIT.Status.DISPOSED
    settle(hit=hit, at=at)
    hit.due_at = earliest(own_due_time(hit, at), *due_times_of_assignments(hit))
    hit.save(update_fields=["due_at"])
    return hit


@transaction.atomic(savepoint=False)
def give_up_abandoned(*, hit: HIT, at: datetime) -> None:
    for assignment in hit.assignments.filter(status=Status.PENDING, deadline__lte=at).select_for_update():
        free_assignment(hit=hit, assignment=assignment)


@transaction.atomic(savepoint=False)
def free_assignment(*, hit: HIT, assignment: Assignment) -> None:
    """Take a locked assignment from its worker; its id waits for the next one. The HIT is left for `settle`."""
    assignment.status, assignment.worker = Status.FREE, None
    assignment.accepted_at = assignment.deadline = None
    assignment.save()
    hit.n_pending -= 1
    hit.promised_cents -= assignment.reward_cents + assignment.fee_cents


@transaction.atomic(savepoint=False)
def approve_automatically(*, hit: HIT, at: datetime) -> None:
    due = hit.assignments.filter(status=Status.SUBMITTED, auto_approval_at__lte=at).order_by("auto_approval_at", "pk")
    for assignment in due.select_for_update():
        assert assignment.auto_approval_at is not None, "the filter asks for the time"
        pay_submitted(hit=hit, assignment=assignment, at=assignment.auto_approval_at)


def due_times_of_assignments(hit: HIT) -> list[datetime]:
    times = hit.assignments.aggregate(
        deadline=Min("deadline", filter=Q(status=Status.PENDING)),
        approval=Min("auto_approval_at", filter=Q(status=Status.SUBMITTED)),
    )
    return [time for time in times.values() if time]
