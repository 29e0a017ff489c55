"""Turns at HITs that a marketplace hands out: a lease when a browser asks, a verdict when the marketplace lists it.

What browsers say proves nothing. So a lease here takes no slot, an answer is provisional, and only an assignment that
the marketplace itself lists, with our receipt or the answer's copy in it, fills a slot. Whatever was sent in somebody's
name before takes nothing from them: there may be many answers that wait for proof, of which one is proven.

Locks: a lease is asked for person first, as everywhere; a verdict locks the submission first, as the aggregation does.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from catalog.errors import UserError
from catalog.reads import CachedQuery, Given, now, now_given
from workforce.actions import WORKER_TO_LOCK, fill_free_slot, identify_worker
from workforce.frame.answer_copy import AnswerCopy, BadCopy, decode
from workforce.frame.ids import FrameVisit
from workforce.frame.reads import answers_of, frame_offers, is_proven_by, share_is_confirmed
from workforce.frame.statements import ACCEPT, Standing, renew_statement, standing_statement
from workforce.models import HIT, Assignment, Lease, Submission, Worker
from workforce.reads import is_recovered

log = logging.getLogger(__name__)

# A HIT's open leases for each answer it wants, and a person's: whoever invents ids or opens page after page
# displaces older leases and takes nothing from anybody, since work under a displaced one is accepted all the same.
OPEN_LEASES_PER_ANSWER = 2
OPEN_LEASES_PER_WORKER = 30
# After the deadline an answer may still be on its way. Who opens the page again may have accepted it again.
GRACE = timedelta(hours=1)
RENEWED_AFTER = GRACE / 2
# So long after its deadline the marketplace lists an assignment or never will.
LISTED_WITHIN = timedelta(hours=24)

WRONG_HIT = "This address names a HIT of the marketplace that is not this one. Open the HIT again from the marketplace."
PLEASE_RETURN = "Please return the HIT on the marketplace; that has no effect on your account."
SURE = (Submission.State.CONFIRMED, Submission.State.SURPLUS)
# Outcomes of an assignment after which no other answer of its person to the HIT can count any more.
SETTLED = (Assignment.Outcome.CONFIRMED, Assignment.Outcome.SURPLUS, Assignment.Outcome.RECOVERED)

ASSIGNMENT = CachedQuery(
    lambda: Assignment.objects.filter(
        external_id=Given("external_id"), worker=Given("worker"), external_hit_id=Given("external_hit")
    ),
    related=["lease"],
)


class WrongHIT(UserError):
    """The address names a HIT of the marketplace that is not this one."""


class NotYetPublished(UserError):
    """The marketplace offers the HIT already, and has not told us yet under which id."""


class HITClosed(UserError):
    """The HIT wants no more answers."""


class AlreadyAnswered(UserError):
    """This person answered the HIT in another assignment, or has done their share."""


# What browsers say


@transaction.atomic
def accept(*, hit: HIT, visit: FrameVisit) -> Assignment:
    """The assignment of an address, with its lease on the HIT; the same address again finds the same.

    Raises WrongHIT, NotYetPublished, HITClosed and AlreadyAnswered, each with words for the person.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=visit.worker_id)
    WORKER_TO_LOCK.get(pk=worker.pk)
    assignment = ASSIGNMENT.first(external_id=visit.assignment_id, worker=worker.pk, external_hit=visit.hit_id)
    if assignment is not None:
        return _resume(assignment, hit)
    standing = _standing(hit, visit, worker)
    _check_may_accept(hit, visit, worker, standing)
    if standing.has_lease:
        return _accept_again(hit, visit, worker, standing)
    assignment = _accept_first(hit, visit, worker, standing)
    if standing.n_open_of_hit >= OPEN_LEASES_PER_ANSWER * standing.n_wanted:
        _make_room(Lease.objects.filter(hit=hit), OPEN_LEASES_PER_ANSWER * standing.n_wanted)
    if standing.n_open_of_worker >= OPEN_LEASES_PER_WORKER:
        _make_room(Lease.objects.filter(worker=worker), OPEN_LEASES_PER_WORKER)
    return assignment


def _resume(assignment: Assignment, hit: HIT) -> Assignment:
    lease = assignment.lease
    if lease.hit_id != hit.pk:
        raise WrongHIT(WRONG_HIT)
    if assignment.is_waited_for:
        _renew(lease, hit)
    return _shown(assignment, lease, hit)


def _shown(assignment: Assignment, lease: Lease, hit: HIT) -> Assignment:
    assignment.lease, lease.assignment, lease.hit = lease, assignment, hit
    return assignment


def _renew(lease: Lease, hit: HIT) -> None:
    """A marketplace gives the same id to who comes back after a return or a deadline: with all the time again."""
    seconds = {"grace": GRACE.total_seconds(), "slack": RENEWED_AFTER.total_seconds()}
    key = {"lease": lease.pk, "batch": hit.batch_id, "settings": hit.batch.settings_id}
    row = renew_statement(frame_offers()).row(key | seconds | now_given())
    lease.state, lease.expires_at = row or (lease.state, lease.expires_at)


def _standing(hit: HIT, visit: FrameVisit, worker: Worker) -> Standing:
    key = {"hit": hit.pk, "batch": hit.batch_id, "worker": worker.pk, "external_hit": visit.hit_id}
    return Standing(*standing_statement(frame_offers()).only_row(key))


def _check_may_accept(hit: HIT, visit: FrameVisit, worker: Worker, standing: Standing) -> None:
    if not standing.is_known_hit:
        if frame_offers().is_being_published(hit):
            raise NotYetPublished("This HIT was put up only just now. The page tries again by itself.")
        raise WrongHIT(WRONG_HIT)
    if hit.closed_at is not None or hit.batch.closed_at is not None:
        raise HITClosed(f"This HIT takes no more answers. {PLEASE_RETURN}")
    # In another HIT of the marketplace that asks the same. What the marketplace has not listed keeps nobody away: it
    # may be somebody else's, who knows their id.
    if standing.has_answered:
        raise AlreadyAnswered(f"You have answered this HIT before; thank you. {PLEASE_RETURN}")
    if standing.answered_former:
        raise AlreadyAnswered(f"You were asked about these photographs before. {PLEASE_RETURN}")
    if share_is_confirmed(hit.batch, worker):
        raise AlreadyAnswered(f"You have done as many of these HITs as one person may; thank you. {PLEASE_RETURN}")


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
    lease.created_at = assignment.created_at
    lease._state.adding = assignment._state.adding = False
    return _shown(assignment, lease, hit)


def _accept_again(hit: HIT, visit: FrameVisit, worker: Worker, standing: Standing) -> Assignment:
    """Under the lease of an earlier assignment of the same HIT."""
    lease = Lease.objects.get(hit=hit, worker=worker)
    lease.expires_at = now() + _time_held(hit, standing)
    if lease.state != Lease.State.SUBMITTED:
        lease.state = Lease.State.ACTIVE
    lease.save(update_fields=["state", "expires_at"])
    _make_room(Lease.objects.filter(hit=hit), OPEN_LEASES_PER_ANSWER * standing.n_wanted)
    _make_room(Lease.objects.filter(worker=worker), OPEN_LEASES_PER_WORKER)
    assignment = Assignment.objects.create(
        external_id=visit.assignment_id, external_hit_id=visit.hit_id, worker=worker, lease=lease, created_at=now()
    )
    return _shown(assignment, lease, hit)


def _time_held(hit: HIT, standing: Standing) -> timedelta:
    seconds = hit.batch.settings.lease_seconds if standing.seconds is None else standing.seconds
    return timedelta(seconds=seconds) + GRACE


def _make_room(leases: QuerySet[Lease], most: int) -> None:
    """Let the oldest of these open leases go that are more than so many; one that is locked just now stays."""
    open_leases = leases.filter(takes_slot=False, state=Lease.State.ACTIVE)
    beyond = list(open_leases.order_by("-id").values_list("id", flat=True)[most:])
    if beyond:
        locked = Lease.objects.filter(pk__in=beyond).order_by("id").select_for_update(skip_locked=True)
        Lease.objects.filter(pk__in=list(locked.values_list("id", flat=True))).update(state=Lease.State.EXPIRED)


# What the marketplace says


@dataclass(frozen=True)
class Listed:
    """An assignment as the marketplace lists it; `fields` is what came with it, by the names the page sent it under."""

    hit: HIT
    worker: Worker
    assignment_id: str
    external_hit_id: str
    fields: Mapping[str, str]


@transaction.atomic(savepoint=False)
def confirm(
    *, hit: HIT, external_hit_id: str, assignment_id: str, worker_id: str, fields: Mapping[str, str]
) -> tuple[Assignment.Outcome, Submission | None]:
    """Take in an assignment that the marketplace lists as handed in. Doing it twice changes nothing.

    An answer of ours that was sent under this assignment is confirmed if the receipt in `fields` (see Listed) is its
    own, or if they are a copy of it: it fills a slot of the HIT, or is surplus when none is free. Without such a one
    the copy is stored as recovered, for the task room to read (`workforce.actions.settle_recovered`). What was sent
    under other ids in the same person's name, and whoever else held the same assignment, is not waited for any longer.
    Returns the outcome, and the submission if it came from this assignment.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=worker_id)
    listed = Listed(hit, worker, assignment_id, external_hit_id, fields)
    known = _known(listed)
    if known.proven is None and known.decided is None:
        # Whoever is just handing in is waited for.
        WORKER_TO_LOCK.get(pk=worker.pk)
        known = _known(listed)
    if known.decided is not None:
        return Assignment.Outcome(known.decided.outcome), known.settled_by(known.decided)
    _orphan_rivals(assignment_id, worker)
    outcome, submission = _verdict(listed, known)
    assignment = submission.assignment if submission is not None else known.assignment
    if assignment is not None:
        Assignment.objects.filter(pk=assignment.pk).update(outcome=outcome)
        _orphan_others(known.answers, assignment, submission, outcome)
    return outcome, submission


@dataclass(frozen=True)
class Known:
    """What browsers have told in the name of who is listed, under whichever ids; `assignment` is the one listed."""

    assignment: Assignment | None
    answers: list[Submission]
    proven: Submission | None

    @property
    def decided(self) -> Assignment | None:
        """Return the assignment if its outcome stands already."""
        return None if self.assignment is None or self.assignment.is_waited_for else self.assignment

    def settled_by(self, assignment: Assignment) -> Submission | None:
        if assignment.outcome not in SETTLED:
            return None
        mine = [answer for answer in self.answers if answer.assignment_id == assignment.pk]
        # A recovered one may have turned out to be none.
        return next((answer for answer in mine if _is_settled(answer)), None) or next(
            (answer for answer in mine if "copy" in answer.answer), None
        )


def _known(listed: Listed) -> Known:
    # By id, as the aggregation takes them.
    found = answers_of(listed.hit, listed.worker).select_related("lease", "assignment__lease").order_by("id")
    answers = list(found.select_for_update(of=("self",), no_key=True))
    key = {"external_id": listed.assignment_id, "worker": listed.worker.pk, "external_hit": listed.external_hit_id}
    assignment = ASSIGNMENT.first(**key)
    mine = [answer for answer in answers if assignment is not None and answer.assignment_id == assignment.pk]
    proven = next((answer for answer in mine if is_proven_by(answer, listed.fields, _copy_in(listed.fields))), None)
    return Known(assignment, answers, proven)


def _is_settled(answer: Submission) -> bool:
    return answer.state in SURE or is_recovered(answer)


def _orphan_rivals(assignment_id: str, worker: Worker) -> None:
    """Return and abandonment give an assignment to somebody else: the marketplace lists who it was in the end."""
    rivals = Assignment.objects.filter(external_id=assignment_id, outcome="").exclude(worker=worker)
    orphaned = dict(rivals.values_list("id", "lease_id"))
    if orphaned:
        Assignment.objects.filter(pk__in=orphaned).update(outcome=Assignment.Outcome.ORPHANED)
        answers = Submission.objects.filter(lease__in=orphaned.values(), assignment__in=orphaned)
        answers.filter(state=Submission.State.PROVISIONAL).update(state=Submission.State.ORPHANED)


def _verdict(listed: Listed, known: Known) -> tuple[Assignment.Outcome, Submission | None]:
    if any(map(_is_settled, known.answers)):
        return Assignment.Outcome.REPEATED, None
    if known.proven is not None:
        fill_free_slot(known.proven)
        return Assignment.Outcome(known.proven.state), known.proven
    if known.assignment is not None and known.assignment.lease.hit_id != listed.hit.pk:
        log.warning("An assignment of HIT %s was listed for another HIT than its page was opened for.", listed.hit.pk)
        return Assignment.Outcome.UNREADABLE, None
    return _recover(listed, known.assignment)


def _orphan_others(
    answers: list[Submission], assignment: Assignment, proven: Submission | None, outcome: Assignment.Outcome
) -> None:
    """Wait no longer for what cannot be listed any more. If it is listed after all, it is looked at all the same."""
    over = [
        answer.pk
        for answer in answers
        if answer != proven
        and answer.state == Submission.State.PROVISIONAL
        and not is_recovered(answer)
        and (outcome in SETTLED or answer.assignment_id == assignment.pk)
    ]
    if over:
        Submission.objects.filter(pk__in=over).update(state=Submission.State.ORPHANED)


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
    """Whether the copy is of the page of another HIT or person."""
    lease = Lease.objects.filter(public_id=copy.lease).first()
    return lease is not None and (lease.hit_id, lease.worker_id) != (listed.hit.pk, listed.worker.pk)


def _lost_lease(copy: AnswerCopy, listed: Listed) -> Lease:
    """The lease as it must have been: a database that was restored may be older than it."""
    return Lease.objects.create(
        hit=listed.hit,
        batch_id=listed.hit.batch_id,
        worker=listed.worker,
        takes_slot=False,
        public_id=copy.lease,
        state=Lease.State.SUBMITTED,
        created_at=now(),
        expires_at=now(),
    )


def _unseen(listed: Listed, lease: Lease) -> Assignment:
    return Assignment.objects.create(
        external_id=listed.assignment_id,
        external_hit_id=listed.external_hit_id,
        worker=listed.worker,
        lease=lease,
        created_at=now(),
    )


@transaction.atomic
def orphan_unlisted() -> int:
    """Stop waiting for assignments that the marketplace should have listed long ago. Listed after all, they count."""
    begin = now() - LISTED_WITHIN
    found = Submission.objects.filter(
        state=Submission.State.PROVISIONAL, lease__expires_at__lt=begin, submitted_at__lt=begin
    ).filter(answer__has_key="selected")
    locked = found.order_by("id").select_for_update(of=("self",), no_key=True, skip_locked=True)
    given_up = dict(locked.values_list("id", "assignment_id"))
    Submission.objects.filter(pk__in=given_up).update(state=Submission.State.ORPHANED)
    Assignment.objects.filter(pk__in=given_up.values(), outcome="").update(outcome=Assignment.Outcome.ORPHANED)
    if given_up:
        log.info("%d answers were never listed by the marketplace.", len(given_up))
    return len(given_up)
