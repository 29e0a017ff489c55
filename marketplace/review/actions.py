"""Approving and rejecting work, and paying bonuses."""

from datetime import datetime, timedelta

from django.db import transaction

from marketplace.clock import now
from marketplace.errors import BadParameter, WrongStatus
from marketplace.hits.actions import lock_hit, settle
from marketplace.ledger.actions import Kind, book
from marketplace.models import HIT, Assignment, BonusPayment
from marketplace.prices import bonus_fee
from marketplace.reads import SUBMITTED_STATUSES
from marketplace.tokens.actions import spend_token

Status = Assignment.Status
# Time from the submission during which a rejection can be reversed.
OVERRIDE_WITHIN = timedelta(days=30)
# The status of an assignment that the requester does not see.
NO_STATUS = "null"


@transaction.atomic
def approve_assignment(*, assignment: Assignment, feedback: str | None = None, override: bool = False) -> Assignment:
    """Pay the reward and the fee from held money; with `override`, pay rejected work from available money."""
    moment = now()
    hit, assignment = lock_assignment(assignment)
    if assignment.status == Status.SUBMITTED:
        pay_submitted(hit=hit, assignment=assignment, moment=moment, feedback=feedback)
    elif assignment.status == Status.REJECTED and override:
        pay_rejected(hit=hit, assignment=assignment, moment=moment, feedback=feedback)
    else:
        expected = "Submitted,Rejected" if override else "Submitted"
        raise wrong_status(assignment, expected, moment)
    settle(hit=hit, moment=moment)
    return assignment


@transaction.atomic
def reject_assignment(*, assignment: Assignment, feedback: str) -> Assignment:
    """Reject work with a reason. Its place stays taken: no other worker can do it instead."""
    moment = now()
    hit, assignment = lock_assignment(assignment)
    if assignment.status != Status.SUBMITTED:
        raise wrong_status(assignment, "Submitted", moment)
    assignment.status, assignment.rejected_at, assignment.feedback = Status.REJECTED, moment, feedback
    assignment.save()
    hit.n_submitted -= 1
    hit.n_rejected += 1
    hit.promised_cents -= assignment.reward_cents + assignment.fee_cents
    settle(hit=hit, moment=moment)
    return assignment


@transaction.atomic
def send_bonus(
    *, assignment: Assignment, worker_id: str, cents: int, reason: str, token: str | None = None, request_id: str = ""
) -> BonusPayment:
    """Pay a worker a bonus for a submitted assignment."""
    moment = now()
    hit = assignment.hit
    if token:
        spend_token(requester_id=hit.requester_id, purpose="bonus", token=token, request_id=request_id, moment=moment)
    if assignment.status not in SUBMITTED_STATUSES:
        raise wrong_status(assignment, "Submitted,Approved,Rejected", moment)
    if assignment.holder.public_id != worker_id:
        raise BadParameter(f"Worker {worker_id} did not hand in assignment {assignment.public_id}.")
    bonus = BonusPayment.objects.create(
        assignment=assignment, worker=assignment.holder, cents=cents, reason=reason, granted_at=moment
    )
    movements = [(Kind.BONUS, -cents, 0), (Kind.BONUS_FEE, -bonus_fee(cents), 0)]
    book(requester_id=hit.requester_id, movements=movements, moment=moment, assignment=assignment, bonus=bonus)
    return bonus


def lock_assignment(assignment: Assignment) -> tuple[HIT, Assignment]:
    hit = lock_hit(assignment.hit_id)
    locked = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("worker")
    return hit, locked.get(pk=assignment.pk)


def visible_status(assignment: Assignment, moment: datetime) -> str:
    """Return the status that the requester sees: none before the submission, and for a while after it."""
    visible_at = assignment.visible_at if assignment.status in SUBMITTED_STATUSES else None
    is_visible = visible_at is not None and visible_at <= moment
    return assignment.status if is_visible else NO_STATUS


def wrong_status(assignment: Assignment, expected: str, moment: datetime) -> WrongStatus:
    status = visible_status(assignment, moment)
    return no_status() if status == NO_STATUS else WrongStatus("Assignment", expected, status)


def no_status() -> WrongStatus:
    """Return MTurk's error for an assignment without a status yet: clients wait when they read it."""
    return WrongStatus("Assignment", NO_STATUS)


@transaction.atomic(savepoint=False)
def pay_submitted(*, hit: HIT, assignment: Assignment, moment: datetime, feedback: str | None = None) -> None:
    """Approve and pay a locked assignment of a locked HIT; `settle` stores the HIT's counts."""
    reward, fee = assignment.reward_cents, assignment.fee_cents
    _mark_approved(assignment, moment, feedback)
    movements = [(Kind.REWARD, 0, -reward), (Kind.REWARD_FEE, 0, -fee)]
    book(requester_id=hit.requester_id, movements=movements, moment=moment, hit=hit, assignment=assignment)
    hit.n_submitted -= 1
    hit.n_approved += 1
    hit.promised_cents -= reward + fee
    hit.held_cents -= reward + fee


@transaction.atomic(savepoint=False)
def pay_rejected(*, hit: HIT, assignment: Assignment, moment: datetime, feedback: str | None) -> None:
    if hit.status == HIT.Status.DISPOSED:
        raise WrongStatus("HIT", "Reviewable,Reviewing", hit.status)
    assert assignment.submitted_at is not None, "rejected work was submitted"
    if assignment.submitted_at <= moment - OVERRIDE_WITHIN:
        raise WrongStatus("Assignment", f"Rejected, within {OVERRIDE_WITHIN.days} days of its submission", "Rejected")
    _mark_approved(assignment, moment, feedback)
    movements = [(Kind.REWARD, -assignment.reward_cents, 0), (Kind.REWARD_FEE, -assignment.fee_cents, 0)]
    book(requester_id=hit.requester_id, movements=movements, moment=moment, hit=hit, assignment=assignment)
    hit.n_rejected -= 1
    hit.n_approved += 1


def _mark_approved(assignment: Assignment, moment: datetime, feedback: str | None) -> None:
    assignment.status, assignment.approved_at, assignment.rejected_at = Status.APPROVED, moment, None
    assignment.feedback = assignment.feedback if feedback is None else feedback
    assignment.save()
