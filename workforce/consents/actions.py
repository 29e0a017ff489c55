"""Start and Decline: the decisions of people before the work, and the work that follows."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.reads import now
from workforce.actions import (
    CLOSED,
    WORKER_TO_LOCK,
    BatchClosed,
    identify_worker,
    take_lease,
)
from workforce.consents.reads import NOBODY, ConsentStanding, standing_at_start
from workforce.links.reads import FULL, LinkVisit, NetworkFull, standing_of
from workforce.models import HIT, Assignment, Batch, Consent, Draft, Lease, Worker
from workforce.places.actions import return_places
from workforce.platforms.actions import note_session
from workforce.reads import has_work, known_worker
from workforce.recruitment_links import PlatformSession
from workforce.simulated_ids import check_is_of_a_person


class OtherText(UserError):
    """A Start on a page that did not show the consent text that holds now."""


@dataclass(frozen=True)
class Agreement:
    """The content of a Start: the `version` of the text on the page, empty without a text; and the trace."""

    version: str = ""
    trace: bool = False


def begin(
    *,
    batch: Batch,
    participant: str,
    visit: LinkVisit,
    agreement: Agreement | None = None,
    session: PlatformSession | None = None,
) -> Lease | None:
    """Record the consent of a participant of a study link and lease their next HIT; None if there is none.

    Raises BatchClosed, NetworkFull, and OtherText. Without work, or beyond its network's cap, no unknown ID is stored.
    """
    agreement = agreement or Agreement()
    worker = known_worker(batch.marketplace, participant)
    standing = standing_at_start(batch, worker.pk if worker else NOBODY)
    if not standing.has_started:
        _check_text(standing, agreement)
    if worker is None:
        check_is_of_a_person(participant)
        if batch.closed_at is not None:
            raise BatchClosed(str(CLOSED))
        if standing_of(batch, NOBODY, visit.mark).n_open >= visit.most_open:
            raise NetworkFull(str(FULL))
        if not has_work(batch):
            return None
        worker = identify_worker(marketplace=batch.marketplace, external_id=participant)
    if not standing.has_started:
        _agree(standing, agreement, batch=batch, worker_id=worker.pk)
    if session is not None:
        note_session(batch=batch, worker=worker, session=session)
    return take_lease(batch=batch, worker=worker, visit=visit)


@transaction.atomic
def begin_in_frame(*, hit: HIT, accept: Callable[[], Assignment], agreement: Agreement) -> Consent | None:
    """Have the frame `accept` its assignment, and record the consent under it; None if it is decided already.

    Raises OtherText, and the errors of `accept`.
    """
    standing = standing_at_start(hit.batch)
    _check_text(standing, agreement)
    assignment = accept()
    if not assignment.is_waited_for:
        return None
    return _agree(standing, agreement, batch=hit.batch, worker_id=assignment.worker_id, assignment=assignment)


def _check_text(standing: ConsentStanding, agreement: Agreement) -> None:
    if agreement.version != ("" if standing.version is None else str(standing.version)):
        raise OtherText(gettext("The consent statement changed. Please read it again."))


def _agree(
    standing: ConsentStanding,
    agreement: Agreement,
    *,
    batch: Batch,
    worker_id: int,
    assignment: Assignment | None = None,
) -> Consent:
    trace = agreement.trace and standing.asks_trace
    decision = Consent(batch=batch, assignment=assignment, text_id=standing.text, agreed=True, trace=trace)
    return _decide(decision, worker_id)


@transaction.atomic
def _decide(decision: Consent, worker_id: int) -> Consent:
    """Append a decision, unless it repeats the last one. Returns the stored one."""
    WORKER_TO_LOCK.get(pk=worker_id)
    earlier = list(Consent.objects.filter(worker=worker_id, batch=decision.batch).order_by("number"))
    last = next((each for each in reversed(earlier) if each.assignment_id == decision.assignment_id), None)
    if last is not None and _content(last) == _content(decision):
        return last
    decision.worker_id = worker_id
    decision.number = earlier[-1].number + 1 if earlier else 1
    decision.created_at = now()
    decision.save(force_insert=True)
    return decision


def _content(decision: Consent) -> tuple[int | None, bool, bool]:
    return decision.text_id, decision.agreed, decision.trace


@transaction.atomic
def decline(
    *, batch: Batch, worker: Worker, assignment: Assignment | None = None, consent_id: int | None = None
) -> None:
    """Return what a person holds in a batch, in a frame under this assignment, and delete the drafts of it.

    They may start again later. In a frame only the browser that pressed Start proves a draft to be its own.

    Only the end of an earlier consent is recorded: nothing is kept of people who decline at once.
    """
    WORKER_TO_LOCK.get(pk=worker.pk)
    standing = standing_at_start(batch, worker.pk, assignment, consent_id)
    if standing.agreed and (assignment is None or consent_id is not None):
        _decide(Consent(batch=batch, assignment=assignment, text_id=standing.last_text, agreed=False), worker.pk)
    if batch.marketplace == Batch.Marketplace.LINK:
        return_places(batch=batch, worker=worker)
    elif assignment is not None:
        if consent_id is not None and Consent.objects.filter(pk=consent_id, assignment=assignment).exists():
            Draft.objects.filter(assignment=assignment).delete()
        Lease.objects.filter(pk=assignment.lease_id, state=Lease.State.ACTIVE).update(state=Lease.State.EXPIRED)
