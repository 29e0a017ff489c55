"""Approving, rejecting, paying extra."""

from datetime import datetime, timedelta

from django.db import transaction

from marketplace.clock import now
from marketplace.errors import BadParameter, WrongStatus
from marketplace.hits.actions import lock_hit, settle
from marketplace.ledger.actions import Kind, book
from marketplace.models import HIT, Assignment, BonusPayment
from marketplace.prices import bonus_fee
from marketplace.reads import HANDED_IN
from marketplace.tokens.actions import spend_token

Status = Assignment.Status
# So long after it was handed in, a rejection can be taken back.
OVERRIDE_WITHIN = timedelta(days=30)
# Of what the requester does not see.
NO_STATUS = "null"


@transaction.atomic
def approve_assignment(*, assignment: Assignment, feedback: str | None = None, override: bool = False) -> Assignment:
    """Pay the worker and the fee out of what is held; with `override` also what was rejected, out of what is left."""
    at = now()
    hit, assignment = lock_assignment(assignment)
    if assignment.status == Status.SUBMITTED:
        pay_submitted(hit=hit, assignment=assignment, at=at, feedback=feedback)
    elif assignment.status == Status.REJECTED and override:
        pay_rejected(hit=hit, assignment=assignment, at=at, feedback=feedback)
    else:
        wanted = "Submitted,Rejected" if override else "Submitted"
        raise wrong_status(assignment, wanted, at)
    settle(hit=hit, at=at)
    return assignment


@transaction.atomic
def reject_assignment(*, assignment: Assignment, feedback: str) -> Assignment:
    """Refuse to pay for work, with a reason. The place stays taken: the HIT asks nobody else in its stead."""
    at = now()
    hit, assignment = lock_assignment(assignment)
    if assignment.status != Status.SUBMITTED:
        raise wrong_status(assignment, "Submitted", at)
    assignment.status, assignment.rejected_at, assignment.feedback = Status.REJECTED, at, feedback
    assignment.save()
    hit.n_submitted -= 1
    hit.n_rejected += 1
    hit.promised_cents -= assignment.reward_cents + assignment.fee_cents
    settle(hit=hit, at=at)
    return assignment


@transaction.atomic
def send_bonus(
    *, assignment: Assignment, worker_id: str, cents: int, reason: str, token: str | None = None, request_id: str = ""
) -> BonusPayment:
    """Pay a worker something on top, for an assignment they handed in."""
    at = now()
    hit = assignment.hit
    if token:
        spend_token(requester_id=hit.requester_id, purpose="bonus", token=token, request_id=request_id, at=at)
    if assignment.status not in HANDED_IN:
        raise wrong_status(assignment, "Submitted,Approved,Rejected", at)
    if assignment.holder.public_id != worker_id:
        raise BadParameter(f"Worker {worker_id} did not hand in assignment {assignment.public_id}.")
    bonus = BonusPayment.objects.create(
        assignment=assignment, worker=assignment.holder, cents=cents, reason=reason, granted_at=at
    )
    movements = [(Kind.BONUS, -cents, 0), (Kind.BONUS_FEE, -bonus_fee(cents), 0)]
    book(requester_id=hit.requester_id, movements=movements, at=at, assignment=assignment, bonus=bonus)
    return bonus


def lock_assignment(assignment: Assignment) -> tuple[HIT, Assignment]:
    hit = lock_hit(assignment.hit_id)
    locked = Assignment.objects.select_for_update(of=("self",), no_key=True).select_related("worker")
    return hit, locked.get(pk=assignment.pk)


def status_shown(assignment: Assignment, at: datetime) -> str:
    """As the requester sees it: nothing before it is handed in, and for a while after."""
    visible_at = assignment.visible_at if assignment.status in HANDED_IN else None
    shown = visible_at is not None and visible_at <= at
    return assignment.status if shown else NO_STATUS


def wrong_status(assignment: Assignment, wanted: str, at: datetime) -> WrongStatus:
    found = status_shown(assignment, at)
    return no_status() if found == NO_STATUS else WrongStatus("Assignment", wanted, found)


def no_status() -> WrongStatus:
    """MTurk's words for an assignment that it does not hold yet: clients wait when they read them."""
    return WrongStatus("Assignment", NO_STATUS)


@transaction.atomic(savepoint=False)
def pay_submitted(*, hit: HIT, assignment: Assignment, at: datetime, feedback: str | None = None) -> None:
    """Both rows are locked; the HIT's counts are changed and left for `settle` to store."""
    reward, fee = assignment.reward_cents, assignment.fee_cents
    _mark_approved(assignment, at, feedback)
    movements = [(Kind.REWARD, 0, -reward), (Kind.REWARD_FEE, 0, -fee)]
    book(requester_id=hit.requester_id, movements=movements, at=at, hit=hit, assignment=assignment)
    hit.n_submitted -= 1
    hit.n_approved += 1
    hit.promised_cents -= reward + fee
    hit.held_cents -= reward + fee


@transaction.atomic(savepoint=False)
def pay_rejected(*, hit: HIT, assignment: Assignment, at: datetime, feedback: str | None) -> None:
    if hit.status == HIT.Status.DISPOSED:
        raise WrongStatus("HIT", "Reviewable,Reviewing", hit.status)
    assert assignment.submitted_at is not None, "what was rejected had been submitted"
    if assignment.submitted_at <= at - OVERRIDE_WITHIN:
        raise WrongStatus("Assignment", f"Rejected, within {OVERRIDE_WITHIN.days} days of its submission", "Rejected")
    _mark_approved(assignment, at, feedback)
    movements = [(Kind.REWARD, -assignment.reward_cents, 0), (Kind.REWARD_FEE, -assignment.fee_cents, 0)]
    book(requester_id=hit.requester_id, movements=movements, at=at, hit=hit, assignment=assignment)
    hit.n_rejected -= 1
    hit.n_approved += 1


def _mark_approved(assignment: Assignment, at: datetime, feedback: str | None) -> None:
    assignment.status, assignment.approved_at, assignment.rejected_at = Status.APPROVED, at, None
    assignment.feedback = assignment.feedback if feedback is None else feedback
    assignment.save()
