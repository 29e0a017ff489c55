"""Offering a batch on the marketplace: its terms, its HITs there, further ones when answers are lost, their end."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from catalog.reads import now
from mturk.costs.reads import check_balance, preview_of
from mturk.expiry.actions import decide_end, withdraw_creations
from mturk.models import Call, MarketplaceHIT, Qualification, Terms
from mturk.models.publishing import LONGEST_SECONDS, SHORTEST_SECONDS
from mturk.outbox.actions import decide
from mturk.pricing.reads import divided
from mturk.publishing.reads import committed, cost_of, missing_answers, question_address, settled_hits
from mturk.qualifications.actions import guard_of, note_repeats, soft_block
from mturk.qualifications.reads import repeating_hits
from mturk.repeats.reads import repeats_of
from mturk.terms.reads import CannotPublish, OfferTerms, OverCap, check_can_publish, check_losses, check_money
from mturk.xml_documents import external_question
from workforce.models import Batch

log = logging.getLogger(__name__)

# An end that differs by less is not worth a call.
CLOSE_ENOUGH = timedelta(minutes=5)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MOST_COUNTED = 10, 600, 10


def publish(*, batch: Batch, offer: OfferTerms) -> Terms:
    """Offer all that a batch still wants to know on the marketplace, if the balance covers it.

    What its HITs ask again is noted: nobody is to answer that twice. The calls are decided here and sent by a task.
    Raises CannotPublish for terms that the marketplace would refuse, a batch that is closed, published or begun
    elsewhere, and a balance that is too low or cannot be asked for; OverCap; NoKeys.
    """
    offer.check()
    check_balance(preview_of(batch, offer.reward, offer.requirements).total)
    return _publish(batch, offer)


@transaction.atomic
def _publish(batch: Batch, offer: OfferTerms) -> Terms:
    batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    check_can_publish(batch)
    note_repeats(repeats=repeats_of(batch))
    Batch.objects.filter(pk=batch.pk).update(marketplace=Batch.Marketplace.MTURK)
    expires_at = now() + timedelta(seconds=offer.lifetime_seconds)
    terms = Terms.objects.create(batch=batch, expires_at=expires_at, **asdict(offer))
    offer_missing(terms=terms)
    advance(terms=terms)
    return terms


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
    marketplace_hits = [
        MarketplaceHIT(hit_id=hit, terms=terms, n_assignments=n, expires_at=terms.expires_at)
        for hit, n_answers in missing.items()
        for n in divided(n_answers)
    ]
    return MarketplaceHIT.objects.bulk_create(marketplace_hits, batch_size=5000)


@transaction.atomic
def offer_again(*, terms: Terms) -> int:
    """Offer what was lost once more: answers that could not be read, came twice, or were refused; and HITs that the
    batch got since. Returns how many HITs were made. Nothing happens over the cap, but for a line in the log."""
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    if terms.expires_at <= now() or terms.batch.closed_at is not None:
        return 0
    try:
        marketplace_hits = offer_missing(terms=terms)
    except OverCap as error:
        log.warning("Nothing more is offered. %s", error)
        return 0
    if marketplace_hits:
        log.info("Offered %d further HITs of batch %s.", len(marketplace_hits), terms.batch_id)
        advance(terms=terms)
    return len(marketplace_hits)


@transaction.atomic
def advance(*, terms: Terms) -> None:
    """Decide the next calls on a batch's way to the marketplace: qualification, HIT type, HITs. Twice adds nothing."""
    terms = Terms.objects.select_for_update(of=("self",)).select_related("batch").get(pk=terms.pk)
    if terms.expires_at <= now():
        return
    block = soft_block()
    if not block.type_id:
        return
    plain, guarded = _waiting(terms)
    if plain and not terms.hit_type_id:
        _decide_type(terms, f"hit-type:{terms.pk}", block)
    elif plain:
        _decide_hits(terms, plain, terms.hit_type_id)
    if not guarded:
        return
    guard = guard_of(terms=terms)
    if guard.type_id and not terms.guarded_type_id:
        _decide_type(terms, f"hit-type:{terms.pk}:guarded", block, guard)
    elif guard.type_id:
        _decide_hits(terms, guarded, terms.guarded_type_id)


def _waiting(terms: Terms) -> tuple[list[MarketplaceHIT], list[MarketplaceHIT]]:
    """HITs that nothing was decided about yet; those apart that ask again what was asked in other batches."""
    waiting = MarketplaceHIT.objects.filter(terms=terms, external_id=None, finished_at=None, compensates=None)
    waiting = waiting.filter(hit__closed_at=None)
    decided = Call.objects.filter(batch=terms.batch_id, op="CreateHITWithHITType").values_list("purpose", flat=True)
    purposes = set(decided)
    undecided = [
        marketplace_hit
        for marketplace_hit in waiting.select_related("hit__batch").order_by("pk")
        if f"hit:{marketplace_hit.pk}" not in purposes
    ]
    repeating = repeating_hits(terms.batch) if undecided and terms.keeps_out_former else set()
    plain = [marketplace_hit for marketplace_hit in undecided if marketplace_hit.hit_id not in repeating]
    return plain, [marketplace_hit for marketplace_hit in undecided if marketplace_hit.hit_id in repeating]


def _decide_type(terms: Terms, purpose: str, *not_for: Qualification) -> None:
    decide(op="CreateHITType", purpose=purpose, payload=hit_type_of(terms, *not_for), batch=terms.batch)


def _decide_hits(terms: Terms, hits: Iterable[MarketplaceHIT], hit_type_id: str) -> None:
    calls = [
        Call(
            op="CreateHITWithHITType",
            purpose=f"hit:{marketplace_hit.pk}",
            batch=terms.batch,
            payload=_hit(marketplace_hit, terms, hit_type_id),
        )
        for marketplace_hit in hits
    ]
    Call.objects.bulk_create(calls, batch_size=1000, ignore_conflicts=True)


def hit_type_of(terms: Terms, *not_for: Qualification) -> dict[str, Any]:
    guards = [
        {
            "QualificationTypeId": kind.type_id,
            "Comparator": "DoesNotExist",
            "ActionsGuarded": "DiscoverPreviewAndAccept",
        }
        for kind in not_for
    ]
    return {
        "Title": terms.title,
        "Description": terms.description,
        "Keywords": terms.keywords,
        "Reward": str(terms.reward),
        "AssignmentDurationInSeconds": terms.assignment_seconds,
        "AutoApprovalDelayInSeconds": terms.auto_approval_seconds,
        "QualificationRequirements": [*terms.requirements, *guards],
    }


def _hit(marketplace_hit: MarketplaceHIT, terms: Terms, hit_type_id: str) -> dict[str, Any]:
    left = (terms.expires_at - now()).total_seconds()
    return {
        "HITTypeId": hit_type_id,
        "MaxAssignments": marketplace_hit.n_assignments,
        "LifetimeInSeconds": min(max(SHORTEST_SECONDS, int(left)), LONGEST_SECONDS),
        "Question": external_question(question_address(marketplace_hit.hit)),
        "RequesterAnnotation": marketplace_hit.public_id,
    }


@transaction.atomic
def move_end(*, terms: Terms, expires_at: datetime) -> int:
    """Have all HITs of a batch end then; in the past: at once. What people hold may still be handed in.

    Those that are closed stay off. Returns how many calls that takes. Raises CannotPublish for more than a year.
    """
    if expires_at > now() + timedelta(seconds=LONGEST_SECONDS):
        raise CannotPublish(f"{expires_at:%Y-%m-%d} is more than a year away; the marketplace keeps no HIT so long.")
    terms = Terms.objects.select_for_update(of=("self",)).select_related("batch").get(pk=terms.pk)
    Terms.objects.filter(pk=terms.pk).update(expires_at=expires_at)
    marketplace_hits = MarketplaceHIT.objects.filter(terms=terms, finished_at=None, compensates=None).order_by("pk")
    if expires_at <= now():
        withdraw_creations(
            terms=terms, hits=list(marketplace_hits.filter(external_id=None).values_list("pk", flat=True))
        )
    else:
        marketplace_hits = marketplace_hits.filter(hit__closed_at=None)
    moved = list(marketplace_hits.exclude(external_id=None))
    for hit in moved:
        decide_end(marketplace_hit=hit, batch=terms.batch, expires_at=expires_at)
    advance(terms=terms)
    return len(moved)


@transaction.atomic
def raise_cap(*, terms: Terms, spending_cap: Decimal) -> None:
    """Set the most that may be spent. Raises CannotPublish below what is spent or promised already."""
    terms = Terms.objects.select_for_update().get(pk=terms.pk)
    check_money(terms.reward, spending_cap)
    if spending_cap < (promised := committed(terms)):
        raise CannotPublish(f"${promised} are spent or promised already: the cap cannot be ${spending_cap}.")
    Terms.objects.filter(pk=terms.pk).update(spending_cap=spending_cap)


@transaction.atomic
def allow_losses(*, terms: Terms, per_hit: int) -> None:
    """Offer HITs again that lost too many assignments, until they lost so many. The next run does it."""
    check_losses(per_hit)
    Terms.objects.filter(pk=terms.pk).update(losses_per_hit=per_hit)


# What follows from a call that was carried out


@transaction.atomic
def note_qualification(*, kind: Qualification, type_id: str) -> None:
    Qualification.objects.filter(pk=kind.pk).update(type_id=type_id)
    for terms in Terms.objects.filter(Q(hit_type_id="") | Q(former_workers=kind)):
        advance(terms=terms)


@transaction.atomic
def note_hit_type(*, terms: Terms, hit_type_id: str, guarded: bool = False) -> None:
    """`guarded`: of the HITs that ask again what was asked before."""
    changed = {"guarded_type_id" if guarded else "hit_type_id": hit_type_id}
    Terms.objects.filter(pk=terms.pk).update(**changed)
    advance(terms=terms)


@transaction.atomic
def note_hit(*, marketplace_hit: MarketplaceHIT, created: Mapping[str, Any]) -> None:
    """A HIT is on the marketplace: keep its id there, and move its end if that was moved meanwhile."""
    # An end that is just being moved reaches this HIT either there or here.
    terms = (
        Terms.objects.select_for_update(no_key=True, of=("self",))
        .select_related("batch")
        .get(pk=marketplace_hit.terms_id)
    )
    expires_at = created.get("Expiration", terms.expires_at)
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(external_id=created["HITId"], expires_at=expires_at)
    marketplace_hit.external_id = created["HITId"]
    if marketplace_hit.compensates_id is not None:
        return
    if terms.expires_at <= now() or abs(expires_at - terms.expires_at) > CLOSE_ENOUGH:
        decide_end(marketplace_hit=marketplace_hit, batch=terms.batch, expires_at=terms.expires_at)


# What is heard from the marketplace


@transaction.atomic
def note_counters(*, handed_in: Mapping[str, int]) -> None:
    """How many assignments of which HIT the marketplace says were handed in; that never falls."""
    unfinished = MarketplaceHIT.objects.filter(external_id__in=handed_in, finished_at=None)
    changed = [
        marketplace_hit
        for marketplace_hit in unfinished.order_by("pk").select_for_update()
        if marketplace_hit.n_handed_in < min(handed_in[marketplace_hit.confirmed_id], marketplace_hit.n_assignments)
    ]
    for marketplace_hit in changed:
        marketplace_hit.n_handed_in = min(handed_in[marketplace_hit.confirmed_id], marketplace_hit.n_assignments)
    MarketplaceHIT.objects.bulk_update(changed, ["n_handed_in"], batch_size=1000)


@transaction.atomic
def note_poll(*, marketplace_hit: MarketplaceHIT, begun_at: datetime, n_handed_in: int, is_over: bool) -> None:
    """All that was handed in until `begun_at` is taken in. `is_over`: nothing more will come, and all is settled."""
    changed: dict[str, Any] = {"polled_at": begun_at, "n_handed_in": max(marketplace_hit.n_handed_in, n_handed_in)}
    if is_over:
        changed["finished_at"] = now()
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(**changed, n_failed_polls=0, not_before=None)


@transaction.atomic
def note_failed_poll(*, marketplace_hit: MarketplaceHIT, is_of_the_hit: bool = True) -> None:
    """It could not be asked about, or not all of it taken in: others go first, and if that is because of this HIT, for
    longer each time."""
    doubled = marketplace_hit.n_failed_polls if is_of_the_hit else 0
    pause = min(2.0**doubled * FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
    n_failed = min(marketplace_hit.n_failed_polls + is_of_the_hit, MOST_COUNTED)
    until = now() + timedelta(seconds=pause)
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(n_failed_polls=n_failed, not_before=until)


@transaction.atomic
def finish_settled() -> int:
    """Ask no more about HITs of which everything is in and settled."""
    return MarketplaceHIT.objects.filter(pk__in=settled_hits().values("pk")).update(finished_at=now())
