"""Changes of HITs as time passes. No process waits for them: every request brings the HITs it needs up to date."""

import time
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Q

from marketplace.hits.actions import earliest, hit_due_time, lock_hit, settle
from marketplace.models import HIT, Assignment, Requester
from marketplace.reads import due_hits
from marketplace.review.actions import pay_submitted

Status = Assignment.Status
BRIEFLY = 1.0
MOST_AT_ONCE = 5_000


def catch_up(moment: datetime, requester: Requester | None = None, seconds: float = BRIEFLY) -> int:
    """Bring overdue HITs up to date, each in its own transaction, for about `seconds`. Return their number.

    A request spends a little time on overdue HITs; `python -m marketplace sweep` does all of them.
    """
    start = time.monotonic()
    n_hits = 0
    for pk in due_hits(moment, requester).values_list("pk", flat=True)[:MOST_AT_ONCE]:
        catch_up_hit(hit_id=pk, moment=moment)
        n_hits += 1
        if time.monotonic() - start > seconds:
            break
    return n_hits


@transaction.atomic(savepoint=False)
def catch_up_hit(*, hit_id: int, moment: datetime) -> HIT:
    """Lock a HIT and bring it up to date: abandoned work, automatic approval, expiration, disposal."""
    return catch_up_locked(hit=lock_hit(hit_id), moment=moment)


@transaction.atomic(savepoint=False)
def catch_up_locked(*, hit: HIT, moment: datetime) -> HIT:
    """Bring a locked HIT up to date and return it."""
    if hit.due_at is None or hit.due_at > moment:
        return hit
    free_abandoned(hit=hit, moment=moment)
    approve_automatically(hit=hit, moment=moment)
    due_time = hit_due_time(hit, moment)
    if not hit.is_live and due_time and due_time <= moment:
        hit.status = HIT.Status.DISPOSED
    settle(hit=hit, moment=moment)
    hit.due_at = earliest(hit_due_time(hit, moment), *due_times_of_assignments(hit))
    hit.save(update_fields=["due_at"])
    return hit


@transaction.atomic(savepoint=False)
def free_abandoned(*, hit: HIT, moment: datetime) -> None:
    for assignment in hit.assignments.filter(status=Status.PENDING, deadline__lte=moment).select_for_update():
        free_assignment(hit=hit, assignment=assignment)


@transaction.atomic(savepoint=False)
def free_assignment(*, hit: HIT, assignment: Assignment) -> None:
    """Take a locked assignment from its worker; its id goes to the next one. The caller settles the HIT."""
    assignment.status, assignment.worker = Status.FREE, None
    assignment.accepted_at = assignment.deadline = None
    assignment.save()
    hit.n_pending -= 1
    hit.promised_cents -= assignment.reward_cents + assignment.fee_cents


@transaction.atomic(savepoint=False)
def approve_automatically(*, hit: HIT, moment: datetime) -> None:
    assignments = hit.assignments.filter(status=Status.SUBMITTED, auto_approval_at__lte=moment).order_by(
        "auto_approval_at", "pk"
    )
    for assignment in assignments.select_for_update():
        assert assignment.auto_approval_at is not None, "the filter asks for the time"
        pay_submitted(hit=hit, assignment=assignment, moment=assignment.auto_approval_at)


def due_times_of_assignments(hit: HIT) -> list[datetime]:
    times = hit.assignments.aggregate(
        deadline=Min("deadline", filter=Q(status=Status.PENDING)),
        approval=Min("auto_approval_at", filter=Q(status=Status.SUBMITTED)),
    )
    return [time for time in times.values() if time]
