"""Offering a batch on the marketplace: its terms, its HITs there, further ones when answers are lost, their end."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from catalog.models import new_public_id
from catalog.reads import now
from workforce.marketplaces.costs import divided
from workforce.marketplaces.documents import external_question
from workforce.models import Batch, Call, Lease, MarketplaceHIT, Qualification, Terms, Worker
from workforce.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from workforce.offers.reads import (
    committed,
    compensation_address,
    cost_of,
    missing_answers,
    question_address,
    settled_hits,
)
from workforce.outbox.actions import decide

log = logging.getLogger(__name__)

SOFT_BLOCK = "Not for these studies"
SOFT_BLOCK_WORDS = "Workers who have this are not offered certain studies. It has no effect on anything else."
# An end that differs by less is not worth a call.
CLOSE_ENOUGH = timedelta(minutes=5)
COMPENSATION_TITLE = "For your work on a HIT that could not be handed in"
COMPENSATION_WORDS = "You worked on a HIT of ours and could not hand it in; accept this one to be paid."
COMPENSATION_LIVES = timedelta(days=30)
# The marketplace takes ten; the exclusion of soft-blocked workers is one of them.
MOST_REQUIREMENTS = 9


class CannotPublish(ValueError):
    """The batch cannot be offered like this; the message says why and what can be done."""


class OverCap(CannotPublish):
    """It would cost more than may be spent."""


@transaction.atomic
def publish(*, batch: Batch, lifetime_seconds: int, **terms: Any) -> Terms:
    """Offer all that a batch still wants to know on the marketplace. The calls are decided here and sent by a task.

    Raises CannotPublish for a batch that is closed, published or begun elsewhere, and OverCap.
    """
    check_terms(lifetime_seconds=lifetime_seconds, **terms)
    batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    check_can_publish(batch)
    Batch.objects.filter(pk=batch.pk).update(marketplace=Batch.Marketplace.MTURK)
    made = Terms.objects.create(
        batch=batch, lifetime_seconds=lifetime_seconds, expires_at=now() + timedelta(seconds=lifetime_seconds), **terms
    )
    offer_missing(terms=made)
    advance(terms=made)
    return made


def check_terms(
    *,
    title: str,
    description: str,
    assignment_seconds: int,
    lifetime_seconds: int,
    auto_approval_seconds: int,
    keywords: str = "",
    review_seconds: int = 0,
    requirements: Sequence[dict] = (),
    **money: Decimal,
) -> None:
    """Raise CannotPublish, naming it, for the first of these that the marketplace would refuse, or W3 does."""
    for name, text, least in (("title", title, 1), ("description", description, 1), ("keywords", keywords, 0)):
        most = Terms._meta.get_field(name).max_length
        if not least <= len(text.strip()) <= most or not text.replace("\n", "").isprintable():
            raise CannotPublish(f"The {name} has {len(text)} characters; {least} to {most:,} printable ones are taken.")
    for name, seconds in (("a HIT", assignment_seconds), ("the batch", lifetime_seconds)):
        if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            raise CannotPublish(f"The time for {name} is {seconds:,} seconds; half a minute to a year is taken.")
    if not 0 <= review_seconds < auto_approval_seconds <= LONGEST_AUTO_APPROVAL_SECONDS:
        raise CannotPublish("Answers are approved after three days at the latest, and looked at before that.")
    if len(requirements) > MOST_REQUIREMENTS:
        raise CannotPublish(f"A HIT takes {MOST_REQUIREMENTS} requirements beside our own, not {len(requirements)}.")


def check_can_publish(batch: Batch) -> None:
    """Raise CannotPublish for a batch that is closed, published, or begun elsewhere."""
    if batch.closed_at is not None:
        raise CannotPublish(f"Batch {batch.pk} is closed. Open a new one for further HITs.")
    if Terms.objects.filter(batch=batch).exists():
        raise CannotPublish(f"Batch {batch.pk} is published already. Its end can be moved: extend it.")
    if batch.marketplace not in (Batch.Marketplace.LINK, Batch.Marketplace.MTURK):
        raise CannotPublish(f"Batch {batch.pk} holds answers given elsewhere: there is nothing to ask.")
    if Lease.objects.filter(batch=batch).exists():
        raise CannotPublish(
            f"Batch {batch.pk} was given to people at its own address already. Close it and open a new one to publish."
        )


@transaction.atomic
def offer_missing(*, terms: Terms) -> list[MarketplaceHIT]:
    """Make marketplace HITs for answers that are wanted and that no open one of them can bring. Raises OverCap."""
    Terms.objects.select_for_update().get(pk=terms.pk)
    missing = missing_answers(terms)
    cost = cost_of(missing.values(), terms).total
    spent = committed(terms)
    if spent + cost > terms.spending_cap:
        raise OverCap(
            f"Batch {terms.batch_id}: {sum(missing.values()):,} answers cost ${cost} with fees. ${spent} are spent or "
            f"promised, and the spending cap is ${terms.spending_cap}. Raise the cap, or ask for less."
        )
    made = [
        MarketplaceHIT(hit_id=hit, terms=terms, n_assignments=n, expires_at=terms.expires_at)
        for hit, n_wanted in missing.items()
        for n in divided(n_wanted)
    ]
    return MarketplaceHIT.objects.bulk_create(made, batch_size=5000)


@transaction.atomic
def top_up(*, terms: Terms) -> int:
    """Offer what was lost once more: answers that could not be read, came twice, or were refused; and HITs that the
    batch got since. Returns how many HITs were made. Nothing happens over the cap, but for a line in the log."""
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    if terms.expires_at <= now() or terms.batch.closed_at is not None:
        return 0
    try:
        made = offer_missing(terms=terms)
    except OverCap as error:
        log.warning("Nothing more is offered. %s", error)
        return 0
    if made:
        log.info("Offered %d further HITs of batch %s.", len(made), terms.batch_id)
        advance(terms=terms)
    return len(made)


@transaction.atomic
def advance(*, terms: Terms) -> None:
    """Decide the next calls on a batch's way to the marketplace: qualification, HIT type, HITs. Twice adds nothing."""
    terms = Terms.objects.select_related("batch").get(pk=terms.pk)
    if terms.expires_at <= now():
        return
    block = soft_block()
    if not block.type_id:
        return
    if not terms.hit_type_id:
        decide(op="CreateHITType", purpose=f"hit-type:{terms.pk}", payload=_hit_type(terms, block), batch=terms.batch)
        return
    waiting = MarketplaceHIT.objects.filter(terms=terms, external_id=None, finished_at=None, compensates=None)
    decided = Call.objects.filter(batch=terms.batch_id, op="CreateHITWithHITType").values_list("purpose", flat=True)
    known = set(decided)
    calls = [
        Call(op="CreateHITWithHITType", purpose=f"hit:{made.pk}", batch=terms.batch, payload=_hit(made, terms))
        for made in waiting.select_related("hit__batch").order_by("pk")
        if f"hit:{made.pk}" not in known
    ]
    Call.objects.bulk_create(calls, batch_size=1000, ignore_conflicts=True)


def _hit_type(terms: Terms, block: Qualification) -> dict[str, Any]:
    guard = {
        "QualificationTypeId": block.type_id,
        "Comparator": "DoesNotExist",
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }
    return {
        "Title": terms.title,
        "Description": terms.description,
        "Keywords": terms.keywords,
        "Reward": str(terms.reward),
        "AssignmentDurationInSeconds": terms.assignment_seconds,
        "AutoApprovalDelayInSeconds": terms.auto_approval_seconds,
        "QualificationRequirements": [*terms.requirements, guard],
    }


def _hit(made: MarketplaceHIT, terms: Terms) -> dict[str, Any]:
    left = (terms.expires_at - now()).total_seconds()
    return {
        "HITTypeId": terms.hit_type_id,
        "MaxAssignments": made.n_assignments,
        "LifetimeInSeconds": max(30, int(left)),
        "Question": external_question(question_address(made.hit)),
        "RequesterAnnotation": made.public_id,
    }


@transaction.atomic
def soft_block() -> Qualification:
    """The qualification that keeps its holders from our HITs; blocking their accounts would hurt them elsewhere."""
    kind, _ = Qualification.objects.get_or_create(name=SOFT_BLOCK, defaults={"description": SOFT_BLOCK_WORDS})
    if not kind.type_id:
        payload = {"Name": kind.name, "Description": kind.description, "QualificationTypeStatus": "Active"}
        decide(op="CreateQualificationType", purpose=f"qualification:{kind.pk}", payload=payload)
    return kind


@transaction.atomic
def move_end(*, terms: Terms, expires_at: datetime) -> int:
    """Have all HITs of a batch end then; in the past: at once. What people hold may still be handed in.

    Returns how many calls that takes.
    """
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    Terms.objects.filter(pk=terms.pk).update(expires_at=expires_at)
    made = MarketplaceHIT.objects.filter(terms=terms, finished_at=None, compensates=None)
    for hit in made.exclude(external_id=None):
        _move_end(hit, terms.batch, expires_at)
    if expires_at <= now():
        # What was not created yet need not be. One whose creation is on its way is ended as soon as it is known.
        calls = Call.objects.filter(batch=terms.batch, op="CreateHITWithHITType", state=Call.State.WAITING)
        purposes = list(calls.select_for_update(skip_locked=True).values_list("pk", "purpose"))
        unmade = [int(purpose.partition(":")[2]) for _, purpose in purposes]
        Call.objects.filter(pk__in=[pk for pk, _ in purposes]).update(
            state=Call.State.WITHDRAWN, last_error="The batch was ended before this HIT was created."
        )
        MarketplaceHIT.objects.filter(pk__in=unmade).update(finished_at=now())
    advance(terms=terms)
    return made.exclude(external_id=None).count()


def _move_end(made: MarketplaceHIT, batch: Batch, expires_at: datetime) -> None:
    second = int(expires_at.timestamp())
    payload = {"HITId": made.external_id, "ExpireAt": second}
    # The end may be moved there and back: each move is a decision of its own.
    moves = Call.objects.filter(purpose__startswith=f"end:{made.pk}:").count()
    decide(op="UpdateExpirationForHIT", purpose=f"end:{made.pk}:{moves}", payload=payload, batch=batch)


@transaction.atomic
def raise_cap(*, terms: Terms, spending_cap: Decimal) -> None:
    Terms.objects.filter(pk=terms.pk).update(spending_cap=spending_cap)


# Who may and may not work


@transaction.atomic
def block_softly(*, workers: Iterable[Worker]) -> int:
    """Offer these people no more HITs of ours; their accounts are not touched. Returns how many that is new for."""
    kind = soft_block()
    return sum(qualify(worker=worker, kind=kind) for worker in workers)


@transaction.atomic
def qualify(*, worker: Worker, kind: Qualification, value: int = 1) -> bool:
    """Give a qualification without a message to the person. Returns whether that was not decided before."""
    purpose = f"qualify:{kind.pk}:{worker.pk}:{value}"
    payload = {"qualification": kind.pk, "IntegerValue": value, "SendNotification": False}
    return decide(op="AssociateQualificationWithWorker", purpose=purpose, payload=payload, worker=worker)[1]


# For who worked and could not hand in


@transaction.atomic
def compensate(*, terms: Terms, worker: Worker) -> MarketplaceHIT:
    """Offer this person alone a HIT that asks nothing and pays as much as the one they could not hand in.

    The marketplace gives bonuses only to who handed something in. Raises CannotPublish for who was given no HIT of the
    batch, or all of whose HITs are paid or compensated; OverCap.
    """
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    given = Lease.objects.filter(batch=terms.batch, worker=worker).exclude(hit__submissions__listed__worker=worker)
    lease = given.exclude(hit__marketplace_hits__compensates=worker).order_by("-id").first()
    if lease is None:
        raise CannotPublish("Every HIT of the batch that this worker was given is paid or compensated.")
    if committed(terms) + cost_of([1], terms).total > terms.spending_cap:
        raise OverCap(f"The spending cap of batch {terms.batch_id} is ${terms.spending_cap}. Raise it first.")
    kind = Qualification.objects.create(name=f"Compensation {new_public_id()}", description=COMPENSATION_WORDS)
    made = MarketplaceHIT.objects.create(
        hit=lease.hit, terms=terms, n_assignments=1, expires_at=now() + COMPENSATION_LIVES, compensates=worker,
        qualification=kind,
    )  # fmt: skip
    advance_compensation(made=made)
    return made


@transaction.atomic
def advance_compensation(*, made: MarketplaceHIT) -> None:
    """Decide the next calls on its way: a qualification of its own, given to one person, and a HIT type for that."""
    kind = made.qualification
    if not kind.type_id:
        payload = {"Name": kind.name, "Description": kind.description, "QualificationTypeStatus": "Active"}
        decide(op="CreateQualificationType", purpose=f"qualification:{kind.pk}", payload=payload)
        return
    qualify(worker=made.compensates, kind=kind)
    only_them = {
        "QualificationTypeId": kind.type_id,
        "Comparator": "Exists",
        "ActionsGuarded": "DiscoverPreviewAndAccept",
    }
    words = {"Title": COMPENSATION_TITLE, "Description": COMPENSATION_WORDS, "Keywords": "compensation"}
    payload = _hit_type(made.terms, kind) | words | {"QualificationRequirements": [only_them]}
    decide(op="CreateHITType", purpose=f"compensation:{made.pk}", payload=payload, batch=made.terms.batch)


@transaction.atomic
def note_compensation_type(*, made: MarketplaceHIT, hit_type_id: str) -> None:
    payload = {
        "HITTypeId": hit_type_id,
        "MaxAssignments": 1,
        "LifetimeInSeconds": max(SHORTEST_SECONDS, int((made.expires_at - now()).total_seconds())),
        "Question": external_question(compensation_address(made)),
        "RequesterAnnotation": made.public_id,
    }
    decide(op="CreateHITWithHITType", purpose=f"hit:{made.pk}", payload=payload, batch=made.terms.batch)


# What follows from a call that was carried out


@transaction.atomic
def note_qualification(*, kind: Qualification, type_id: str) -> None:
    Qualification.objects.filter(pk=kind.pk).update(type_id=type_id)
    for terms in Terms.objects.filter(hit_type_id=""):
        advance(terms=terms)
    for made in MarketplaceHIT.objects.filter(qualification=kind, external_id=None):
        advance_compensation(made=made)


@transaction.atomic
def note_hit_type(*, terms: Terms, hit_type_id: str) -> None:
    Terms.objects.filter(pk=terms.pk).update(hit_type_id=hit_type_id)
    advance(terms=terms)


@transaction.atomic
def note_hit(*, made: MarketplaceHIT, created: Mapping[str, Any]) -> None:
    """A HIT is on the marketplace: keep its id there, and move its end if that was moved meanwhile."""
    made = MarketplaceHIT.objects.select_related("terms__batch").get(pk=made.pk)
    expires_at = created.get("Expiration", made.terms.expires_at)
    MarketplaceHIT.objects.filter(pk=made.pk).update(external_id=created["HITId"], expires_at=expires_at)
    made.external_id = created["HITId"]
    if made.compensates_id is not None:
        return
    if made.terms.expires_at <= now() or abs(expires_at - made.terms.expires_at) > CLOSE_ENOUGH:
        _move_end(made, made.terms.batch, made.terms.expires_at)


@transaction.atomic
def note_end(*, external_id: str, second: int) -> None:
    expires_at = datetime.fromtimestamp(second, UTC)
    MarketplaceHIT.objects.filter(external_id=external_id).update(expires_at=expires_at)


# What is heard from the marketplace


@transaction.atomic
def note_counters(*, handed_in: Mapping[str, int]) -> None:
    """How many assignments of which HIT the marketplace says were handed in; that never falls."""
    known = MarketplaceHIT.objects.filter(external_id__in=handed_in, finished_at=None)
    changed = [
        made
        for made in known.order_by("pk").select_for_update()
        if made.n_handed_in < min(handed_in[made.external_id], made.n_assignments)
    ]
    for made in changed:
        made.n_handed_in = min(handed_in[made.external_id], made.n_assignments)
    MarketplaceHIT.objects.bulk_update(changed, ["n_handed_in"], batch_size=1000)


@transaction.atomic
def note_poll(*, made: MarketplaceHIT, begun_at: datetime, n_handed_in: int, is_over: bool) -> None:
    """All that was handed in until `begun_at` is taken in. `is_over`: nothing more will come, and all is settled."""
    changed: dict[str, Any] = {"polled_at": begun_at, "n_handed_in": max(made.n_handed_in, n_handed_in)}
    if is_over:
        changed["finished_at"] = now()
    MarketplaceHIT.objects.filter(pk=made.pk).update(**changed)


@transaction.atomic
def finish_settled() -> int:
    """Ask no more about HITs of which everything is in and settled."""
    return MarketplaceHIT.objects.filter(pk__in=settled_hits().values("pk")).update(finished_at=now())
