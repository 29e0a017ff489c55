"""Compensation by a HIT that asks nothing, for one worker alone: offered once the marketplace knows the worker."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from audit.actions import Area, record
from catalog.models import new_public_id
from catalog.reads import now
from mturk.compensation.reads import UnpaidWork, unpaid_turns
from mturk.models import Call, MarketplaceHIT, Qualification, Terms
from mturk.models.publishing import SHORTEST_SECONDS
from mturk.outbox.actions import decide
from mturk.publishing.actions import hit_type_of
from mturk.publishing.reads import committed, compensation_address, cost_of
from mturk.qualifications.actions import create_qualification, qualify
from mturk.qualifications.reads import decided_for
from mturk.terms.reads import CannotPublish, OverCap
from mturk.xml_documents import external_question
from workforce.models import HIT, Worker
from workforce.reads import pseudonym

log = logging.getLogger(__name__)

TITLE = gettext_lazy("Payment for your work on a HIT that could not be submitted")
WORDS = gettext_lazy("You worked on one of our HITs and could not submit it. Accept this HIT to get paid.")
LIVES = timedelta(days=30)


@transaction.atomic
def compensate(*, terms: Terms, worker: Worker, hit: HIT | None = None, returned: bool = False) -> MarketplaceHIT:
    """Offer one worker alone a HIT that asks nothing and pays as much as the one they could not submit.

    Without `hit`, it is for the latest HIT of which no submission can be listed any more. `returned`: the researcher
    knows that the worker returned it, or can no longer submit it. Raises CannotPublish for a worker without a HIT of
    the batch, whose HITs are all paid or compensated, or who may still be paid as usual; OverCap.
    """
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    lease = _to_compensate(unpaid_turns(terms.batch, worker, hit), returned).lease
    if committed(terms) + cost_of([1], terms).total > terms.spending_cap:
        words = gettext("The spending cap of batch %(batch)s ($%(cap)s) is too low. Raise it first.")
        raise OverCap(words % {"batch": terms.batch_id, "cap": terms.spending_cap})
    kind = Qualification.objects.create(name=f"Compensation {new_public_id()}", description=str(WORDS))
    marketplace_hit = MarketplaceHIT.objects.create(
        hit=lease.hit, terms=terms, n_assignments=1, expires_at=now() + LIVES, compensates=worker, qualification=kind
    )
    advance_compensations(kind=kind)
    named = f"batch {terms.batch_id}, worker {pseudonym(terms.batch.dataset, worker.pk)}"
    record(area=Area.MONEY, action="worker.compensate", subject=named, after={"reward": terms.reward})
    return marketplace_hit


def _to_compensate(turns: list[UnpaidWork], returned: bool) -> UnpaidWork:
    if not turns:
        raise CannotPublish(gettext("All HITs of the batch that this worker opened are paid or compensated."))
    possible = [turn for turn in turns if not (turn.is_handed_in if returned else turn.may_be_paid)]
    if not possible:
        raise _why_wait(turns[0])
    if returned and len(possible) > 1:
        words = gettext(
            "This worker opened %(n)s HITs of the batch that are not paid. Choose the returned one by the link next to "
            "its problem report, or on the page of the batch."
        )
        raise CannotPublish(words % {"n": len(possible)})
    return possible[0]


def _why_wait(turn: UnpaidWork) -> CannotPublish:
    held, listed = (f"{end:%Y-%m-%d %H:%M} UTC" for end in (turn.held_until, turn.listed_until))
    if turn.is_handed_in:
        words = gettext(
            "This worker submitted an answer to this HIT. If the marketplace lists it by %(listed)s, it is paid as "
            "usual. Otherwise, compensate the worker after that."
        )
        return CannotPublish(words % {"listed": listed})
    words = gettext(
        "The worker’s time for this HIT ends at %(held)s. The marketplace may list a submission until %(listed)s, and "
        "then both would be paid. Compensate the worker after that, or now if the HIT was returned or can no longer "
        "be submitted."
    )
    return CannotPublish(
        words % {"held": held, "listed": listed},
        shell=gettext("To confirm this, add --returned to the command."),
        page=gettext("To confirm this, select the box on the compensation page."),
    )


@transaction.atomic
def advance_compensations(*, kind: Qualification) -> None:
    """Decide the next call of a compensation: its own qualification, its one holder, and a HIT type for that holder."""
    kind = Qualification.objects.get(pk=kind.pk)
    for marketplace_hit in _waiting(kind).select_related("terms__batch", "compensates"):
        if kind.type_id:
            _advance(marketplace_hit, kind)
        else:
            create_qualification(kind=kind, batch=marketplace_hit.terms.batch)


def _waiting(kind: Qualification) -> QuerySet[MarketplaceHIT]:
    return MarketplaceHIT.objects.filter(qualification=kind, external_id=None)


def _advance(marketplace_hit: MarketplaceHIT, kind: Qualification) -> None:
    batch = marketplace_hit.terms.batch
    worker = marketplace_hit.compensates
    assert worker is not None, "its qualification is for one person: a constraint says so"
    qualify(worker=worker, kind=kind, batch=batch)
    if decided_for(kind, [worker.pk])[worker.pk].state != Call.State.DONE:
        return
    # The call may have failed before, and been retried by a researcher.
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(finished_at=None)
    only_them = {
        "QualificationTypeId": kind.type_id,
        "Comparator": "Exists",
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }
    words = {"Title": str(TITLE), "Description": str(WORDS), "Keywords": "compensation"}
    payload = hit_type_of(marketplace_hit.terms, kind) | words | {"QualificationRequirements": [only_them]}
    decide(op="CreateHITType", purpose=f"compensation:{marketplace_hit.pk}", payload=payload, batch=batch)


@transaction.atomic
def note_stranger(*, kind: Qualification) -> None:
    """Finish a compensation whose worker the marketplace does not know: nothing is created or committed."""
    if _waiting(kind).update(finished_at=now()):
        log.warning("A compensation is not offered: the marketplace does not know its worker.")


@transaction.atomic
def note_compensation_type(*, marketplace_hit: MarketplaceHIT, hit_type_id: str) -> None:
    payload = {
        "HITTypeId": hit_type_id,
        "MaxAssignments": 1,
        "LifetimeInSeconds": max(SHORTEST_SECONDS, int((marketplace_hit.expires_at - now()).total_seconds())),
        "Question": external_question(compensation_address(marketplace_hit)),
        "RequesterAnnotation": marketplace_hit.public_id,
    }
    decide(
        op="CreateHITWithHITType",
        purpose=f"hit:{marketplace_hit.pk}",
        payload=payload,
        batch=marketplace_hit.terms.batch,
    )
