"""A HIT that asks nothing, for one person alone: offered once the marketplace knows that person."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

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

log = logging.getLogger(__name__)

TITLE = "For your work on a HIT that could not be handed in"
WORDS = "You worked on a HIT of ours and could not hand it in; accept this one to be paid."
LIVES = timedelta(days=30)


@transaction.atomic
def compensate(*, terms: Terms, worker: Worker, hit: HIT | None = None, returned: bool = False) -> MarketplaceHIT:
    """Offer this person alone a HIT that asks nothing and pays as much as the one they could not hand in.

    Of several, the latest that nothing can come of any more, unless it is said which. `returned`: somebody knows that
    they gave it back, or cannot hand it in any more; otherwise it is waited until nothing of it can be listed. Raises
    CannotPublish for who was given no HIT of the batch, all of whose HITs are paid or compensated, or who may still be
    paid as usual; OverCap.
    """
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    lease = _to_compensate(unpaid_turns(terms.batch, worker, hit), returned).lease
    if committed(terms) + cost_of([1], terms).total > terms.spending_cap:
        raise OverCap(f"The spending cap of batch {terms.batch_id} is ${terms.spending_cap}. Raise it first.")
    kind = Qualification.objects.create(name=f"Compensation {new_public_id()}", description=WORDS)
    marketplace_hit = MarketplaceHIT.objects.create(
        hit=lease.hit, terms=terms, n_assignments=1, expires_at=now() + LIVES, compensates=worker, qualification=kind
    )
    advance_compensations(kind=kind)
    return marketplace_hit


def _to_compensate(turns: list[UnpaidWork], returned: bool) -> UnpaidWork:
    if not turns:
        raise CannotPublish("Every HIT of the batch that this worker was given is paid or compensated.")
    possible = [turn for turn in turns if not (turn.is_handed_in if returned else turn.may_be_paid)]
    if not possible:
        raise _why_wait(turns[0])
    if returned and len(possible) > 1:
        raise CannotPublish(
            f"This worker opened {len(possible)} HITs of the batch that are not paid. Say which was returned, by the "
            "link beside their report or on the page of the batch."
        )
    return possible[0]


def _why_wait(turn: UnpaidWork) -> CannotPublish:
    held, listed = (f"{end:%Y-%m-%d %H:%M} UTC" for end in (turn.held_until, turn.listed_until))
    if turn.is_handed_in:
        return CannotPublish(
            f"This worker has sent an answer to this HIT that the marketplace may list until {listed}: then it is paid "
            "as usual, and a compensation would be paid beside it. If it is not listed by then, compensate them then."
        )
    return CannotPublish(
        f"This worker's time for the HIT ends at {held}, and until {listed} the marketplace may list what was handed "
        "in by then: then both would be paid. Compensate them after that; or now, if they returned the HIT or cannot "
        "hand it in any more.",
        shell="Say so: add --returned to the command.",
        page="Say so: tick it on the page of the compensation.",
    )


@transaction.atomic
def advance_compensations(*, kind: Qualification) -> None:
    """Decide the next call on the way: a qualification of its own, given to one person, and a HIT type for that."""
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
    # It may have been refused before, and sent again by a person.
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(finished_at=None)
    only_them = {
        "QualificationTypeId": kind.type_id,
        "Comparator": "Exists",
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }
    words = {"Title": TITLE, "Description": WORDS, "Keywords": "compensation"}
    payload = hit_type_of(marketplace_hit.terms, kind) | words | {"QualificationRequirements": [only_them]}
    decide(op="CreateHITType", purpose=f"compensation:{marketplace_hit.pk}", payload=payload, batch=batch)


@transaction.atomic
def note_stranger(*, kind: Qualification) -> None:
    """The marketplace does not give the qualification: it knows nobody of that id. So nothing is made or promised."""
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
