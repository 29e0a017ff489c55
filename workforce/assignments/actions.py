"""Turns at HITs that a marketplace hands out: a lease when a browser asks, a verdict when the marketplace lists it.

What browsers say proves nothing. So a lease here takes no slot, an answer is provisional, and only an assignment that
the marketplace itself lists, with our receipt or the answer's copy in it, fills a slot.

Locks: a lease is asked for person first, as everywhere; a verdict locks the submission first, as the aggregation does.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction

from catalog.reads import now
from workforce.actions import fill_free_slot, identify_worker
from workforce.assignments.ids import Turn
from workforce.assignments.reads import is_known_hit, is_still_published
from workforce.assignments.receipts import copy_of, is_receipt_of
from workforce.marketplaces.answer_copy import RECEIPT, AnswerCopy, BadCopy, decode
from workforce.models import HIT, Assignment, Lease, Submission, Worker
from workforce.reads import is_recovered, share_is_done

log = logging.getLogger(__name__)

# A HIT's open leases for each answer it wants, and a person's: whoever invents ids or opens page after page
# displaces older leases and takes nothing from anybody, since work under a displaced one is accepted all the same.
OPEN_LEASES_PER_ANSWER = 2
OPEN_LEASES_PER_WORKER = 30
# After the deadline an answer may still be on its way.
GRACE = timedelta(hours=1)
# So long after its deadline the marketplace lists an assignment or never will.
LISTED_WITHIN = timedelta(hours=24)

WRONG_HIT = "This address names a HIT of the marketplace that is not this one. Open the HIT again from the marketplace."
PLEASE_RETURN = "Please return the HIT on the marketplace; that has no effect on your account."
# Outcomes of an assignment whose answer is the submission on record.
CAME_OF_IT = (Assignment.Outcome.CONFIRMED, Assignment.Outcome.SURPLUS, Assignment.Outcome.RECOVERED)


class WrongHIT(PermissionError):
    """The address names a HIT of the marketplace that is not this one."""


class NotYetPublished(Exception):
    """The marketplace offers the HIT already, and has not told us yet under which id."""


class HITClosed(Exception):
    """The HIT wants no more answers."""


class AlreadyAnswered(Exception):
    """This person answered the HIT in another assignment, or has done their share."""


# What browsers say


@transaction.atomic
def accept(*, hit: HIT, turn: Turn) -> Assignment:
    """The assignment of an address, with its lease on the HIT; the same address again finds the same.

    Raises WrongHIT, NotYetPublished, HITClosed and AlreadyAnswered, each with words for the person.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=turn.worker_id)
    Worker.objects.select_for_update().get(pk=worker.pk)
    known = Assignment.objects.filter(external_id=turn.assignment_id, worker=worker).select_related("lease__submission")
    assignment = known.first()
    if assignment is not None:
        return _resume(assignment, hit, turn)
    _check_may_accept(hit, turn, worker)
    lease = _slotless_lease(hit, worker)
    _make_room(Lease.objects.filter(hit=hit), OPEN_LEASES_PER_ANSWER * hit.slots.exclude(state="withdrawn").count())
    _make_room(Lease.objects.filter(worker=worker), OPEN_LEASES_PER_WORKER)
    return Assignment.objects.create(
        external_id=turn.assignment_id, external_hit_id=turn.hit_id, worker=worker, lease=lease, created_at=now()
    )


def _resume(assignment: Assignment, hit: HIT, turn: Turn) -> Assignment:
    if (assignment.lease.hit_id, assignment.external_hit_id) != (hit.pk, turn.hit_id):
        raise WrongHIT(WRONG_HIT)
    return assignment


def _check_may_accept(hit: HIT, turn: Turn, worker: Worker) -> None:
    if not is_known_hit(hit, turn.hit_id):
        if is_still_published(hit):
            raise NotYetPublished("This HIT was put up only just now. The page tries again by itself.")
        raise WrongHIT(WRONG_HIT)
    if hit.closed_at is not None or hit.batch.closed_at is not None:
        raise HITClosed(f"This HIT takes no more answers. {PLEASE_RETURN}")
    # Accepted in another HIT of the marketplace that asks the same; or twice in one, having returned it meanwhile.
    answered = Submission.objects.filter(hit=hit, worker=worker).select_related("lease").first()
    if answered is not None and not _may_send_again(answered, turn):
        raise AlreadyAnswered(f"You have answered this HIT before; thank you. {PLEASE_RETURN}")
    if Lease.objects.filter(worker=worker, hit__in=hit.asked_before.all()).exists():
        raise AlreadyAnswered(f"You were asked about these photographs before. {PLEASE_RETURN}")
    if answered is None and share_is_done(hit.batch, worker):
        raise AlreadyAnswered(f"You have done as many of these HITs as one person may; thank you. {PLEASE_RETURN}")


def _may_send_again(answered: Submission, turn: Turn) -> bool:
    """Handed in to us, then returned on the marketplace, which has the same HIT accepted once at a time only."""
    waits = answered.state in (Submission.State.PROVISIONAL, Submission.State.ORPHANED)
    return waits and answered.lease.assignments.filter(external_hit_id=turn.hit_id).exists()


def _slotless_lease(hit: HIT, worker: Worker) -> Lease:
    lease = Lease.objects.filter(hit=hit, worker=worker).first()
    expires_at = now() + _time_allowed(hit) + GRACE
    if lease is None:
        return Lease.objects.create(
            hit=hit, batch_id=hit.batch_id, worker=worker, takes_slot=False, created_at=now(), expires_at=expires_at
        )
    if lease.state != Lease.State.SUBMITTED:
        lease.state, lease.expires_at = Lease.State.ACTIVE, expires_at
        lease.save(update_fields=["state", "expires_at"])
    return lease


def _time_allowed(hit: HIT) -> timedelta:
    terms = getattr(hit.batch, "terms", None)
    return timedelta(seconds=terms.assignment_seconds if terms else hit.batch.settings.lease_seconds)


def _make_room(leases, most: int) -> None:
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


@transaction.atomic
def confirm(
    *, hit: HIT, external_hit_id: str, assignment_id: str, worker_id: str, fields: Mapping[str, str]
) -> tuple[Assignment.Outcome, Submission | None]:
    """Take in an assignment that the marketplace lists as handed in. Doing it twice changes nothing.

    An answer of ours is confirmed if the receipt in `fields` (see Listed) is right, or if they are a copy of it: it
    fills a slot of the HIT, or is surplus when none is free. Without an answer of ours the copy is stored as recovered,
    for the task room to read (`workforce.actions.settle_recovered`). Whoever else held the same assignment before is
    not waited for any longer. Returns the outcome, and the submission if it came from this assignment.
    """
    worker = identify_worker(marketplace=hit.batch.marketplace, external_id=worker_id)
    listed = Listed(hit, worker, assignment_id, external_hit_id, fields)
    stored = _locked_submission(hit, worker)
    if stored is None:
        # Whoever is just handing in is waited for.
        Worker.objects.select_for_update().get(pk=worker.pk)
        stored = _locked_submission(hit, worker)
    assignment = Assignment.objects.filter(external_id=assignment_id, worker=worker).select_related("lease").first()
    if assignment is not None and assignment.outcome not in ("", Assignment.Outcome.ORPHANED):
        found = Assignment.Outcome(assignment.outcome)
        return found, stored if found in CAME_OF_IT else None
    _orphan_rivals(assignment_id, worker)
    outcome, submission = _verdict(listed, assignment, stored)
    if submission is not None and assignment is None:
        assignment = _unseen(listed, submission)
    if assignment is not None:
        Assignment.objects.filter(pk=assignment.pk).update(outcome=outcome)
    return outcome, submission


def _locked_submission(hit: HIT, worker: Worker) -> Submission | None:
    found = Submission.objects.filter(hit=hit, worker=worker).select_related("lease")
    return found.select_for_update(of=("self",), no_key=True).first()


def _orphan_rivals(assignment_id: str, worker: Worker) -> None:
    """Return and abandonment give an assignment to somebody else: the marketplace lists who it was in the end."""
    rivals = Assignment.objects.filter(external_id=assignment_id, outcome="").exclude(worker=worker)
    orphaned = list(rivals.values_list("id", "lease_id"))
    if orphaned:
        Assignment.objects.filter(pk__in=[pk for pk, _ in orphaned]).update(outcome=Assignment.Outcome.ORPHANED)
        # A person may have another assignment of the HIT, under which the answer is still good.
        waiting = Assignment.objects.filter(outcome__in=["", Assignment.Outcome.RECOVERED]).values("lease")
        answers = Submission.objects.filter(lease__in=[lease for _, lease in orphaned]).exclude(lease__in=waiting)
        answers.filter(state=Submission.State.PROVISIONAL).update(state=Submission.State.ORPHANED)


def _verdict(
    listed: Listed, assignment: Assignment | None, stored: Submission | None
) -> tuple[Assignment.Outcome, Submission | None]:
    if assignment is not None and not _is_of(assignment, listed):
        log.warning("An assignment of HIT %s was listed for another HIT than its page was opened for.", listed.hit.pk)
        return Assignment.Outcome.UNREADABLE, None
    if stored is None:
        return _recover(listed)
    if stored.state in (Submission.State.CONFIRMED, Submission.State.SURPLUS) or is_recovered(stored):
        return Assignment.Outcome.REPEATED, None
    if _is_proven(listed, assignment, stored):
        fill_free_slot(stored)
        return Assignment.Outcome(stored.state), stored
    # What the marketplace has of this person is not what was sent to us under their name: nobody's word counts.
    Submission.objects.filter(pk=stored.pk).update(state=Submission.State.ORPHANED)
    return Assignment.Outcome.UNREADABLE, None


def _is_of(assignment: Assignment, listed: Listed) -> bool:
    return (assignment.lease.hit_id, assignment.external_hit_id) == (listed.hit.pk, listed.external_hit_id)


def _is_proven(listed: Listed, assignment: Assignment | None, stored: Submission) -> bool:
    """By our receipt, or by the same answer, of a person who never saw the receipt."""
    claimed = listed.fields.get(RECEIPT, "")
    if assignment is not None and is_receipt_of(assignment, stored.answer, claimed):
        return True
    copy = _copy_in(listed.fields)
    return copy is not None and copy.says_the_same_as(copy_of(stored.lease, stored.answer))


def _copy_in(fields: Mapping[str, str]) -> AnswerCopy | None:
    try:
        return decode(fields)
    except BadCopy as error:
        log.info("An assignment was listed without a readable copy of its answer: %s", error)
        return None


def _recover(listed: Listed) -> tuple[Assignment.Outcome, Submission | None]:
    copy = _copy_in(listed.fields)
    if copy is None or _is_foreign(copy, listed):
        return Assignment.Outcome.UNREADABLE, None
    lease = Lease.objects.filter(hit=listed.hit, worker=listed.worker).first() or _lost_lease(copy, listed)
    Lease.objects.filter(pk=lease.pk).update(state=Lease.State.SUBMITTED)
    submission = Submission.objects.create(
        hit=listed.hit,
        worker=listed.worker,
        lease=lease,
        settings_id=listed.hit.batch.settings_id,
        state=Submission.State.PROVISIONAL,
        answer={"copy": asdict(copy)},
        idempotency_key=f"recovered.{listed.assignment_id}",
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


def _unseen(listed: Listed, submission: Submission) -> Assignment:
    return Assignment.objects.create(
        external_id=listed.assignment_id,
        external_hit_id=listed.external_hit_id,
        worker=listed.worker,
        lease=submission.lease,
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
    leases = dict(locked.values_list("id", "lease_id"))
    Submission.objects.filter(pk__in=leases).update(state=Submission.State.ORPHANED)
    Assignment.objects.filter(lease__in=leases.values(), outcome="").update(outcome=Assignment.Outcome.ORPHANED)
    if leases:
        log.info("%d answers were never listed by the marketplace.", len(leases))
    return len(leases)
