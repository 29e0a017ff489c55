"""What workers do: accept, return, hand in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from marketplace.clock import now
from marketplace.errors import WorkRefused
from marketplace.faults.reads import fault_settings
from marketplace.hits.actions import earliest, fee_of, lockable_hits, settle
from marketplace.models import HIT, Assignment, HITType, Worker, WorkerBlock
from marketplace.overdue.actions import catch_up_hit, caught_up, free_assignment
from marketplace.qualifications.reads import unmet_requirements
from marketplace.reads import HANDED_IN, open_places
from marketplace.work.answers import answers_xml

Status = Assignment.Status
# How many HITs one may have in the queue at a time.
MOST_HELD = 25


class NotAvailable(WorkRefused):
    """All places of the HIT are taken, or it is over."""


class NotQualified(WorkRefused):
    """A requirement of the HIT is not met, or the requester does not want this worker."""


class AlreadyDone(WorkRefused):
    """This worker has handed in this HIT, or has it in the queue: nobody does a HIT twice."""


class NotInWork(WorkRefused):
    """The assignment is not in this worker's hands: returned, timed out, handed in before, or never theirs."""


@transaction.atomic
def accept_hit(*, worker: Worker, hit: HIT) -> Assignment:
    """Give a worker the HIT. Who has it in the queue already gets the same assignment again."""
    at = now()
    return _accept_locked(worker, catch_up_hit(hit_id=hit.pk, at=at), at)


def _accept_locked(worker: Worker, hit: HIT, at: datetime) -> Assignment:
    had = hit.assignments.filter(worker=worker).first()
    if had and had.status == Status.PENDING:
        return had
    if had:
        raise AlreadyDone("You have already handed in this HIT. Choose another one.")
    refuse_unavailable(hit, at)
    refuse_unwanted(worker, hit)
    return _hand_out(worker, hit, at)


@transaction.atomic
def accept_next(*, worker: Worker, hit_type: HITType) -> Assignment:
    """Give a worker any HIT of the group that they have not done; NotAvailable only if there is none.

    HITs that somebody else is being given this moment are passed over first and waited for in the second try.
    """
    at = now()
    wanted = open_places(hit_type.pk, at).filter(visible_at__lte=at).exclude(assignments__worker=worker).order_by("pk")
    for options in ({"skip_locked": True}, {}):
        found = lockable_hits(wanted, **options).first()
        if found:
            return _accept_locked(worker, caught_up(hit=found, at=at), at)
    raise NotAvailable("There are no more HITs in this group for you. Choose another group.")


@transaction.atomic
def return_assignment(*, worker: Worker, assignment: Assignment) -> None:
    """Give a HIT back undone. Its assignment id goes to the next person who accepts."""
    at = now()
    hit = catch_up_hit(hit_id=assignment.hit_id, at=at)
    free_assignment(hit=hit, assignment=_in_work(assignment.public_id, worker))
    settle(hit=hit, at=at)


@transaction.atomic
def submit_assignment(
    *, assignment_id: str, fields: Iterable[tuple[str, str]], worker: Worker | None = None
) -> Assignment:
    """Hand in the fields of a form, but for `assignmentId` itself, as the answer.

    `worker`, if known, must be who has it in work; the form comes out of a frame of another site, without a sign-in.
    """
    fields = [(name, value) for name, value in fields if name != "assignmentId"]
    if not any(value.strip() for _, value in fields):
        raise WorkRefused("The HIT was not submitted: its form sent no answer. Tell the requester.")
    known = Assignment.objects.filter(public_id=assignment_id).only("hit_id").first()
    if known is None:
        raise NotInWork("This assignment is unknown. A preview cannot be handed in: accept the HIT first.")
    at = now()
    hit = catch_up_hit(hit_id=known.hit_id, at=at)
    assignment = _in_work(assignment_id, worker)
    assignment.status, assignment.submitted_at, assignment.answer = Status.SUBMITTED, at, answers_xml(fields)
    assignment.visible_at = at + timedelta(seconds=fault_settings().assignment_lag_seconds)
    assignment.auto_approval_at = at + timedelta(seconds=assignment.auto_approval_seconds)
    assignment.save()
    hit.n_pending -= 1
    hit.n_submitted += 1
    hit.due_at = earliest(hit.due_at, assignment.auto_approval_at)
    settle(hit=hit, at=at)
    return assignment


def refuse_unavailable(hit: HIT, at: datetime) -> None:
    open_now = hit.status == HIT.Status.ASSIGNABLE and hit.visible_at <= at < hit.expires_at
    if not open_now or hit.n_available < 1:
        raise NotAvailable("There are no more assignments of this HIT. Choose another one.")


def refuse_unwanted(worker: Worker, hit: HIT) -> None:
    if WorkerBlock.objects.filter(requester=hit.requester_id, worker=worker).exists():
        raise NotQualified("This requester does not take work from you. Choose a HIT of another requester.")
    if unmet_requirements(worker, hit.hit_type.requirements, "accept"):
        raise NotQualified("Your qualifications do not meet the requirements of this HIT.")
    if worker.assignments.filter(status=Status.PENDING).count() >= MOST_HELD:
        raise WorkRefused(f"You have {MOST_HELD} HITs in your queue. Hand in or return one first.")


def _hand_out(worker: Worker, hit: HIT, at: datetime) -> Assignment:
    kind = hit.hit_type
    assignment = hit.assignments.select_for_update().filter(status=Status.FREE).order_by("pk").first()
    assignment = assignment or Assignment(hit=hit)
    assignment.worker, assignment.status = worker, Status.PENDING
    assignment.reward_cents, assignment.fee_cents = kind.reward_cents, fee_of(hit)
    assignment.auto_approval_seconds = kind.auto_approval_seconds
    assignment.accepted_at, assignment.deadline = at, at + timedelta(seconds=kind.assignment_seconds)
    assignment.save()
    hit.n_pending += 1
    hit.promised_cents += assignment.reward_cents + assignment.fee_cents
    hit.due_at = earliest(hit.due_at, assignment.deadline)
    settle(hit=hit, at=at)
    return assignment


def _in_work(assignment_id: str, worker: Worker | None) -> Assignment:
    found = Assignment.objects.select_for_update(of=("self",)).get(public_id=assignment_id)
    if found.status in HANDED_IN:
        raise NotInWork("This assignment was handed in already. It is on record and needs nothing more.")
    if found.status != Status.PENDING:
        raise NotInWork("Time is up for this assignment, or it was returned. It can no longer be handed in.")
    if worker and found.worker_id != worker.pk:
        raise NotInWork("This assignment is not in your queue. Accept the HIT first.")
    return found
