"""Assignments that a marketplace gives out: a lease for a browser, an outcome once the marketplace lists it.

A browser's request proves nothing. So its lease takes no slot, and its answer is provisional. Only an assignment that
the marketplace lists, with our receipt or a copy of the answer, fills a slot. Earlier answers in a worker's name take
nothing from them: many may wait for proof, and one is proven.

Locks: a lease locks the worker first, as everywhere; an outcome locks the submission first, as the aggregation does.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from catalog.reads import now, now_given
from workforce.actions import WORKER_TO_LOCK, fill_free_slot, identify_worker
from workforce.frame.admission import WRONG_HIT, WrongHIT, checked_standing

# Other rooms import these from here.
from workforce.frame.admission import AlreadyAnswered as AlreadyAnswered
from workforce.frame.admission import HITClosed as HITClosed
from workforce.frame.admission import NotYetPublished as NotYetPublished
from workforce.frame.answer_copy import AnswerCopy, BadCopy, decode
from workforce.frame.ids import FrameVisit
from workforce.frame.reads import ASSIGNMENT, answers_of, frame_offers, is_proven_by, named_assignment
from workforce.frame.statements import ACCEPT, Standing, renew_statement
from workforce.models import HIT, Assignment, Lease, Submission, Worker
from workforce.reads import is_recovered

log = logging.getLogger(__name__)

# Most open leases of a HIT for each answer it needs, and of a worker. Invented IDs and page after page displace older
# leases, which takes nothing from anybody: work under a displaced lease is accepted too.
OPEN_LEASES_PER_ANSWER = 2
OPEN_LEASES_PER_WORKER = 30
# After the deadline an answer may still be on its way, and a worker who opens the page may have accepted it again.
GRACE = timedelta(hours=1)
RENEWED_AFTER = GRACE / 2
# The marketplace lists an assignment within this time after its deadline, or never.
LISTED_WITHIN = timedelta(hours=24)

SURE = (Submission.State.CONFIRMED, Submission.State.SURPLUS)
# Outcomes of an assignment after which no other answer of its worker to the HIT can count.
SETTLED = (Assignment.Outcome.CONFIRMED, Assignment.Outcome.SURPLUS, Assignment.Outcome.RECOVERED)


# Requests of browsers


@transaction.atomic
def accept(*, hit: HIT, visit: FrameVisit) -> Assignment:
    """Return the assignment that a URL names, with its lease on the HIT. Idempotent.

    Raises WrongHIT, NotYetPublished, HITClosed and AlreadyAnswered, with messages for the worker.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=visit.worker_id)
    WORKER_TO_LOCK.get(pk=worker.pk)
    assignment = named_assignment(visit, worker)
    if assignment is not None:
        return _resume(assignment, hit)
    standing = checked_standing(hit, visit, worker)
    if standing.has_lease:
        return _accept_again(hit, visit, worker, standing)
    assignment = _accept_first(hit, visit, worker, standing)
    if standing.n_open_of_hit >= OPEN_LEASES_PER_ANSWER * standing.n_answers:
        _make_room(Lease.objects.filter(hit=hit), OPEN_LEASES_PER_ANSWER * standing.n_answers)
    if standing.n_open_of_worker >= OPEN_LEASES_PER_WORKER:
        _make_room(Lease.objects.filter(worker=worker), OPEN_LEASES_PER_WORKER)
    return assignment


def _resume(assignment: Assignment, hit: HIT) -> Assignment:
    lease = assignment.lease
    if lease.hit_id != hit.pk:
        raise WrongHIT(str(WRONG_HIT))
    if assignment.is_waited_for:
        _renew(assignment, hit)
    return _shown(assignment, lease, hit)


def _shown(assignment: Assignment, lease: Lease, hit: HIT) -> Assignment:
    assignment.lease, lease.assignment, lease.hit = lease, assignment, hit
    return assignment


def _renew(assignment: Assignment, hit: HIT) -> None:
    """Renew a lease: after a return or a deadline, a marketplace gives the same id again, with the full time."""
    lease = assignment.lease
    seconds = {"grace": GRACE.total_seconds(), "slack": RENEWED_AFTER.total_seconds()}
    key = {"lease": lease.pk, "assignment": assignment.pk, "batch": hit.batch_id, "settings": hit.batch.settings_id}
    opened_at, state, expires_at = renew_statement(frame_offers()).only_row(key | seconds | now_given())
    assignment.opened_at = opened_at or assignment.opened_at
    lease.state, lease.expires_at = state or lease.state, expires_at or lease.expires_at


def _accept_first(hit: HIT, visit: FrameVisit, worker: Worker, standing: Standing) -> Assignment:
    lease = Lease(hit=hit, batch_id=hit.batch_id, worker=worker, takes_slot=False)
    assignment = Assignment(external_id=visit.assignment_id, external_hit_id=visit.hit_id, worker=worker)
    values = {
        "hit": hit.pk,
        "batch": hit.batch_id,
        "worker": worker.pk,
        "public_id": lease.public_id,
        "seconds": _time_held(hit, standing).total_seconds(),
        "assignment": visit.assignment_id,
        "external_hit": visit.hit_id,
    }
    assignment.pk, lease.pk, assignment.created_at, lease.expires_at = ACCEPT.only_row(values | now_given())
    lease.created_at = lease.opened_at = assignment.opened_at = assignment.created_at
    lease._state.adding = assignment._state.adding = False
    return _shown(assignment, lease, hit)


def _accept_again(hit: HIT, visit: FrameVisit, worker: Worker, standing: Standing) -> Assignment:
    """Create an assignment under the lease of an earlier one of the same HIT."""
    lease = Lease.objects.get(hit=hit, worker=worker)
    lease.opened_at = now()
    lease.expires_at = lease.opened_at + _time_held(hit, standing)
    if lease.state != Lease.State.SUBMITTED:
        lease.state = Lease.State.ACTIVE
    lease.save(update_fields=["state", "opened_at", "expires_at"])
    _make_room(Lease.objects.filter(hit=hit), OPEN_LEASES_PER_ANSWER * standing.n_answers)
    _make_room(Lease.objects.filter(worker=worker), OPEN_LEASES_PER_WORKER)
    assignment = Assignment.objects.create(
        external_id=visit.assignment_id,
        external_hit_id=visit.hit_id,
        worker=worker,
        lease=lease,
        created_at=lease.opened_at,
        opened_at=lease.opened_at,
    )
    return _shown(assignment, lease, hit)


def _time_held(hit: HIT, standing: Standing) -> timedelta:
    seconds = hit.batch.settings.lease_seconds if standing.seconds is None else standing.seconds
    return timedelta(seconds=seconds) + GRACE


def _make_room(leases: QuerySet[Lease], most: int) -> None:
    """Expire the oldest open leases beyond this number; skip locked ones."""
    open_leases = leases.filter(takes_slot=False, state=Lease.State.ACTIVE)
    excess = list(open_leases.order_by("-id").values_list("id", flat=True)[most:])
    if excess:
        locked = Lease.objects.filter(pk__in=excess).order_by("id").select_for_update(skip_locked=True)
        Lease.objects.filter(pk__in=list(locked.values_list("id", flat=True))).update(state=Lease.State.EXPIRED)


# Assignments that the marketplace lists


@dataclass(frozen=True)
class Listed:
    """An assignment as the marketplace lists it; `fields` are the submitted ones, by name."""

    hit: HIT
    worker: Worker
    assignment_id: str
    external_hit_id: str
    fields: Mapping[str, str]


@transaction.atomic(savepoint=False)
def confirm(
    *, hit: HIT, external_hit_id: str, assignment_id: str, worker_id: str, fields: Mapping[str, str]
) -> tuple[Assignment.Outcome, Submission | None]:
    """Process an assignment that the marketplace lists as submitted. Idempotent.

    An answer under this assignment is confirmed if `fields` (see Listed) hold its receipt or a copy of it: it fills a
    slot of the HIT, or is surplus if none is free. Without such an answer the copy is stored as recovered, for the task
    room to read (`workforce.actions.settle_recovered`). Answers under other ids in the worker's name, and other holders
    of the assignment, are orphaned. Returns the outcome, and the submission if it came from this assignment.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=worker_id)
    listed = Listed(hit, worker, assignment_id, external_hit_id, fields)
    claims = _claims(listed)
    if claims.proven is None and claims.decided is None:
        # Wait for a submission in progress.
        WORKER_TO_LOCK.get(pk=worker.pk)
        claims = _claims(listed)
    if claims.decided is not None:
        return Assignment.Outcome(claims.decided.outcome), claims.settled_by(claims.decided)
    _orphan_rivals(assignment_id, worker)
    outcome, submission = _decide(listed, claims)
    assignment = submission.assignment if submission is not None else claims.assignment
    if assignment is not None:
        Assignment.objects.filter(pk=assignment.pk).update(outcome=outcome)
        _orphan_other_answers(claims.answers, assignment, submission, outcome)
    return outcome, submission


@dataclass(frozen=True)
class Claims:
    """Answers in the listed worker's name, under any id; `assignment` is the listed one, if a browser named it."""

    assignment: Assignment | None
    answers: list[Submission]
    proven: Submission | None

    @property
    def decided(self) -> Assignment | None:
        """Return the assignment if it has an outcome."""
        return None if self.assignment is None or self.assignment.is_waited_for else self.assignment

    def settled_by(self, assignment: Assignment) -> Submission | None:
        if assignment.outcome not in SETTLED:
            return None
        answers = [answer for answer in self.answers if answer.assignment_id == assignment.pk]
        # A recovered copy may have turned out to be no answer.
        return next((answer for answer in answers if _is_settled(answer)), None) or next(
            (answer for answer in answers if "copy" in answer.answer), None
        )


def _claims(listed: Listed) -> Claims:
    # By id, as the aggregation locks them.
    rows = answers_of(listed.hit, listed.worker).select_related("lease", "assignment__lease").order_by("id")
    answers = list(rows.select_for_update(of=("self",), no_key=True))
    key = {"external_id": listed.assignment_id, "worker": listed.worker.pk, "external_hit": listed.external_hit_id}
    assignment = ASSIGNMENT.first(**key)
    own_answers = [answer for answer in answers if assignment is not None and answer.assignment_id == assignment.pk]
    proven = next(
        (answer for answer in own_answers if is_proven_by(answer, listed.fields, _copy_in(listed.fields))), None
    )
    return Claims(assignment, answers, proven)


def _is_settled(answer: Submission) -> bool:
    return answer.state in SURE or is_recovered(answer)


def _orphan_rivals(assignment_id: str, worker: Worker) -> None:
    """Orphan earlier holders of an assignment: after a return the marketplace lists another worker for it."""
    rivals = Assignment.objects.filter(external_id=assignment_id, outcome="").exclude(worker=worker)
    orphaned = dict(rivals.values_list("id", "lease_id"))
    if orphaned:
        Assignment.objects.filter(pk__in=orphaned).update(outcome=Assignment.Outcome.ORPHANED)
        answers = Submission.objects.filter(lease__in=orphaned.values(), assignment__in=orphaned)
        answers.filter(state=Submission.State.PROVISIONAL).update(state=Submission.State.ORPHANED)


def _decide(listed: Listed, claims: Claims) -> tuple[Assignment.Outcome, Submission | None]:
    if any(map(_is_settled, claims.answers)):
        return Assignment.Outcome.REPEATED, None
    if claims.proven is not None:
        fill_free_slot(claims.proven)
        return Assignment.Outcome(claims.proven.state), claims.proven
    if claims.assignment is not None and claims.assignment.lease.hit_id != listed.hit.pk:
        log.warning("An assignment of HIT %s was listed for another HIT than its page was opened for.", listed.hit.pk)
        return Assignment.Outcome.UNREADABLE, None
    return _recover(listed, claims.assignment)


def _orphan_other_answers(
    answers: list[Submission], assignment: Assignment, proven: Submission | None, outcome: Assignment.Outcome
) -> None:
    """Orphan answers that the marketplace can no longer list. If it still lists one, that one is processed."""
    orphans = [
        answer.pk
        for answer in answers
        if answer != proven
        and answer.state == Submission.State.PROVISIONAL
        and not is_recovered(answer)
        and (outcome in SETTLED or answer.assignment_id == assignment.pk)
    ]
    if orphans:
        Submission.objects.filter(pk__in=orphans).update(state=Submission.State.ORPHANED)


def _copy_in(fields: Mapping[str, str]) -> AnswerCopy | None:
    try:
        return decode(fields)
    except BadCopy as error:
        log.info("An assignment was listed without a readable copy of its answer: %s", error)
        return None


def _recover(listed: Listed, assignment: Assignment | None) -> tuple[Assignment.Outcome, Submission | None]:
    copy = _copy_in(listed.fields)
    if copy is None or _is_foreign(copy, listed):
        return Assignment.Outcome.UNREADABLE, None
    lease = Lease.objects.filter(hit=listed.hit, worker=listed.worker).first() or _lost_lease(copy, listed)
    Lease.objects.filter(pk=lease.pk).update(state=Lease.State.SUBMITTED)
    assignment = assignment or _unseen(listed, lease)
    submission = Submission.objects.create(
        hit=listed.hit,
        worker=listed.worker,
        lease=lease,
        assignment=assignment,
        settings_id=listed.hit.batch.settings_id,
        state=Submission.State.PROVISIONAL,
        answer={"copy": asdict(copy)},
        idempotency_key=f"recovered.{assignment.pk}",
        submitted_at=now(),
    )
    return Assignment.Outcome.RECOVERED, submission


def _is_foreign(copy: AnswerCopy, listed: Listed) -> bool:
    """Return whether the copy comes from the page of another HIT or worker."""
    lease = Lease.objects.filter(public_id=copy.lease).first()
    return lease is not None and (lease.hit_id, lease.worker_id) != (listed.hit.pk, listed.worker.pk)


def _lost_lease(copy: AnswerCopy, listed: Listed) -> Lease:
    """Create the lease again: a restored database may be older than it."""
    return Lease.objects.create(
        hit=listed.hit,
        batch_id=listed.hit.batch_id,
        worker=listed.worker,
        takes_slot=False,
        public_id=copy.lease,
        state=Lease.State.SUBMITTED,
        created_at=now(),
        opened_at=now(),
        expires_at=now(),
    )


def _unseen(listed: Listed, lease: Lease) -> Assignment:
    return Assignment.objects.create(
        external_id=listed.assignment_id,
        external_hit_id=listed.external_hit_id,
        worker=listed.worker,
        lease=lease,
        created_at=now(),
        opened_at=now(),
    )


@transaction.atomic
def orphan_unlisted() -> int:
    """Orphan assignments that the marketplace should have listed long ago. If it still lists one, that one counts."""
    begin = now() - LISTED_WITHIN
    overdue = Submission.objects.filter(
        state=Submission.State.PROVISIONAL, lease__expires_at__lt=begin, submitted_at__lt=begin
    ).filter(answer__has_key="selected")
    locked = overdue.order_by("id").select_for_update(of=("self",), no_key=True, skip_locked=True)
    assignment_by_answer = dict(locked.values_list("id", "assignment_id"))
    Submission.objects.filter(pk__in=assignment_by_answer).update(state=Submission.State.ORPHANED)
    Assignment.objects.filter(pk__in=assignment_by_answer.values(), outcome="").update(
        outcome=Assignment.Outcome.ORPHANED
    )
    if assignment_by_answer:
        log.info("%d answers were never listed by the marketplace.", len(assignment_by_answer))
    return len(assignment_by_answer)
