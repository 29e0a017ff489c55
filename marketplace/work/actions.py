"""Accepting, returning and submitting HITs."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from marketplace.clock import now
from marketplace.errors import WorkRefused
from marketplace.faults.reads import fault_settings
from marketplace.hits.actions import earliest, fee_of, lockable_hits, settle
from marketplace.models import HIT, Assignment, HITType, Worker, WorkerBlock
from marketplace.overdue.actions import catch_up_hit, catch_up_locked, free_assignment
from marketplace.qualifications.reads import unmet_requirements
from marketplace.reads import SUBMITTED_STATUSES, open_places
from marketplace.work.answers import answers_xml

Status = Assignment.Status
# HITs in a worker's queue at a time.
MOST_IN_QUEUE = 25


class NotAvailable(WorkRefused):
    """The HIT has no free place, or has ended."""


class NotQualified(WorkRefused):
    """The worker does not meet a requirement of the HIT, or the requester has blocked them."""


class AlreadyDone(WorkRefused):
    """The worker has submitted this HIT, or has it in the queue: nobody does a HIT twice."""


class NotInProgress(WorkRefused):
    """The assignment is not in progress for this worker: returned, expired, submitted, or never theirs."""


@transaction.atomic
def accept_hit(*, worker: Worker, hit: HIT) -> Assignment:
    """Assign the HIT to a worker. If it is already in their queue, return the same assignment."""
    moment = now()
    return _accept_locked(worker, catch_up_hit(hit_id=hit.pk, moment=moment), moment)


def _accept_locked(worker: Worker, hit: HIT, moment: datetime) -> Assignment:
    earlier = hit.assignments.filter(worker=worker).first()
    if earlier and earlier.status == Status.PENDING:
        return earlier
    if earlier:
        raise AlreadyDone(gettext("You have already submitted this HIT. Choose another HIT."))
    refuse_unavailable(hit, moment)
    refuse_unqualified(worker, hit)
    return _assign(worker, hit, moment)


@transaction.atomic
def accept_next(*, worker: Worker, hit_type: HITType) -> Assignment:
    """Assign any HIT of the group that the worker has not done; NotAvailable only if there is none.

    HITs that are being assigned to somebody else are skipped first, and waited for in the second try.
    """
    moment = now()
    hits = (
        open_places(hit_type.pk, moment)
        .filter(visible_at__lte=moment)
        .exclude(assignments__worker=worker)
        .order_by("pk")
    )
    for options in ({"skip_locked": True}, {}):
        hit = lockable_hits(hits, **options).first()
        if hit:
            return _accept_locked(worker, catch_up_locked(hit=hit, moment=moment), moment)
    raise NotAvailable(gettext("There are no more HITs in this group for you. Choose another group."))


@transaction.atomic
def return_assignment(*, worker: Worker, assignment: Assignment) -> None:
    """Return a HIT undone. Its assignment id goes to the next worker who accepts."""
    moment = now()
    hit = catch_up_hit(hit_id=assignment.hit_id, moment=moment)
    free_assignment(hit=hit, assignment=_in_progress(assignment.public_id, worker))
    settle(hit=hit, moment=moment)


@transaction.atomic
def submit_assignment(
    *, assignment_id: str, fields: Iterable[tuple[str, str]], worker: Worker | None = None
) -> Assignment:
    """Store the fields of a form, except `assignmentId`, as the answer.

    `worker`, if known, must have the assignment in progress; a form from another site's frame has no sign-in.
    """
    fields = [(name, value) for name, value in fields if name != "assignmentId"]
    if not any(value.strip() for _, value in fields):
        raise WorkRefused(gettext("The HIT was not submitted because its form has no answer. Tell the requester."))
    row = Assignment.objects.filter(public_id=assignment_id).only("hit_id").first()
    if row is None:
        raise NotInProgress(
            gettext("This assignment does not exist. A preview cannot be submitted: accept the HIT first.")
        )
    moment = now()
    hit = catch_up_hit(hit_id=row.hit_id, moment=moment)
    assignment = _in_progress(assignment_id, worker)
    assignment.status, assignment.submitted_at, assignment.answer = Status.SUBMITTED, moment, answers_xml(fields)
    assignment.visible_at = moment + timedelta(seconds=fault_settings().assignment_lag_seconds)
    assignment.auto_approval_at = moment + timedelta(seconds=assignment.auto_approval_seconds)
    assignment.save()
    hit.n_pending -= 1
    hit.n_submitted += 1
    hit.due_at = earliest(hit.due_at, assignment.auto_approval_at)
    settle(hit=hit, moment=moment)
    return assignment


def refuse_unavailable(hit: HIT, moment: datetime) -> None:
    open_now = hit.status == HIT.Status.ASSIGNABLE and hit.visible_at <= moment < hit.expires_at
    if not open_now or hit.n_available < 1:
        raise NotAvailable(gettext("This HIT is no longer available. Choose another HIT."))


def refuse_unqualified(worker: Worker, hit: HIT) -> None:
    if WorkerBlock.objects.filter(requester=hit.requester_id, worker=worker).exists():
        raise NotQualified(gettext("This requester has blocked you. Choose a HIT of another requester."))
    if unmet_requirements(worker, hit.hit_type.requirements, "accept"):
        raise NotQualified(gettext("Your qualifications do not meet the requirements of this HIT."))
    if worker.assignments.filter(status=Status.PENDING).count() >= MOST_IN_QUEUE:
        text = gettext("You have %(n)s HITs in your queue. Submit or return a HIT first.")
        raise WorkRefused(text % {"n": MOST_IN_QUEUE})


def _assign(worker: Worker, hit: HIT, moment: datetime) -> Assignment:
    kind = hit.hit_type
    assignment = hit.assignments.select_for_update().filter(status=Status.FREE).order_by("pk").first()
    assignment = assignment or Assignment(hit=hit)
    assignment.worker, assignment.status = worker, Status.PENDING
    assignment.reward_cents, assignment.fee_cents = kind.reward_cents, fee_of(hit)
    assignment.auto_approval_seconds = kind.auto_approval_seconds
    assignment.accepted_at, assignment.deadline = moment, moment + timedelta(seconds=kind.assignment_seconds)
    assignment.save()
    hit.n_pending += 1
    hit.promised_cents += assignment.reward_cents + assignment.fee_cents
    hit.due_at = earliest(hit.due_at, assignment.deadline)
    settle(hit=hit, moment=moment)
    return assignment


def _in_progress(assignment_id: str, worker: Worker | None) -> Assignment:
    assignment = Assignment.objects.select_for_update(of=("self",)).get(public_id=assignment_id)
    if assignment.status in SUBMITTED_STATUSES:
        raise NotInProgress(gettext("You have already submitted this HIT. You do not need to do anything else."))
    if assignment.status != Status.PENDING:
        raise NotInProgress(gettext("This HIT has expired or was returned. It can no longer be submitted."))
    if worker and assignment.worker_id != worker.pk:
        raise NotInProgress(gettext("This HIT is not in your queue. Accept it first."))
    return assignment
