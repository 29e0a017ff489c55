"""Publishing a batch on the marketplace: its terms, its HITs there, replacements of unusable answers, the end."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
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

# A smaller difference between two ends is not worth a call.
CLOSE_ENOUGH = timedelta(minutes=5)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, MOST_COUNTED = 10, 600, 10


def publish(*, batch: Batch, offer: OfferTerms) -> Terms:
    """Offer all free slots of a batch on the marketplace, if the balance covers it.

    Repeated questions are noted, so that nobody answers them twice. A task sends the calls that are decided here.
    Raises CannotPublish for terms that the marketplace would refuse, a batch that is closed, published or begun
    elsewhere, and a balance that is too low or unavailable; OverCap; NoKeys.
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
    record(area=Area.MONEY, action="offer.publish", subject=f"batch {batch.pk}", after=asdict(offer))
    return terms


@transaction.atomic
def offer_missing(*, terms: Terms) -> list[MarketplaceHIT]:
    """Create marketplace HITs for needed answers that no open one can bring. Raises OverCap."""
    Terms.objects.select_for_update().get(pk=terms.pk)
    missing = missing_answers(terms)
    cost = cost_of(missing.values(), terms).total
    spent = committed(terms)
    if spent + cost > terms.spending_cap:
        n = sum(missing.values())
        words = ngettext(
            "Batch %(batch)s needs %(n)s answer for $%(cost)s with fees. $%(spent)s of its cap of $%(cap)s is already "
            "spent or committed. Raise the cap first.",
            "Batch %(batch)s needs %(n)s answers for $%(cost)s with fees. $%(spent)s of its cap of $%(cap)s is already "
            "spent or committed. Raise the cap first.",
            n,
        )
        named = {"batch": terms.batch_id, "n": f"{n:,}", "cost": cost, "spent": spent, "cap": terms.spending_cap}
        raise OverCap(words % named)
    marketplace_hits = [
        MarketplaceHIT(hit_id=hit, terms=terms, n_assignments=n, expires_at=terms.expires_at)
        for hit, n_answers in missing.items()
        for n in divided(n_answers)
    ]
    return MarketplaceHIT.objects.bulk_create(marketplace_hits, batch_size=5000)


@transaction.atomic
def offer_again(*, terms: Terms) -> int:
    """Offer replacements for unreadable, repeated and rejected answers, and HITs that the batch got since.

    Returns the number of created HITs. Over the cap, it only logs a warning.
    """
    terms = Terms.objects.select_for_update().select_related("batch").get(pk=terms.pk)
    if terms.expires_at <= now() or terms.batch.closed_at is not None:
        return 0
    try:
        marketplace_hits = offer_missing(terms=terms)
    except OverCap as error:
        log.warning("No further HITs are offered. %s", error)
        return 0
    if marketplace_hits:
        log.info("Offered %d further HITs of batch %s.", len(marketplace_hits), terms.batch_id)
        advance(terms=terms)
    return len(marketplace_hits)


@transaction.atomic
def advance(*, terms: Terms) -> None:
    """Decide the next calls to publish a batch: qualification, HIT type, HITs. Idempotent."""
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
    """Return the HITs without a call yet: those with new questions, and those that repeat other batches."""
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
    """Move the end of all HITs of a batch; in the past: they expire at once. Work in progress can still be submitted.

    Closed HITs stay expired. Returns the number of calls. Raises CannotPublish for more than a year.
    """
    if expires_at > now() + timedelta(seconds=LONGEST_SECONDS):
        words = gettext("%(end)s is more than a year away. The marketplace keeps no HIT that long.")
        raise CannotPublish(words % {"end": f"{expires_at:%Y-%m-%d}"})
    terms = Terms.objects.select_for_update(of=("self",)).select_related("batch").get(pk=terms.pk)
    Terms.objects.filter(pk=terms.pk).update(expires_at=expires_at)
    _record(terms, "end", before={"expires_at": terms.expires_at}, after={"expires_at": expires_at})
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
    """Set the spending cap. Raises CannotPublish if more is already spent or committed."""
    terms = Terms.objects.select_for_update().get(pk=terms.pk)
    check_money(terms.reward, spending_cap)
    if spending_cap < (promised := committed(terms)):
        words = gettext("The cap cannot be $%(cap)s: $%(amount)s is already spent or committed.")
        raise CannotPublish(words % {"cap": spending_cap, "amount": promised})
    Terms.objects.filter(pk=terms.pk).update(spending_cap=spending_cap)
    _record(terms, "cap", before={"spending_cap": terms.spending_cap}, after={"spending_cap": spending_cap})


@transaction.atomic
def allow_losses(*, terms: Terms, per_hit: int) -> None:
    """Set how many unusable assignments a HIT may have. The next run offers HITs below that again."""
    check_losses(per_hit)
    Terms.objects.filter(pk=terms.pk).update(losses_per_hit=per_hit)
    _record(terms, "losses", before={"losses_per_hit": terms.losses_per_hit}, after={"losses_per_hit": per_hit})


def _record(terms: Terms, change: str, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Record that an offer was changed."""
    subject = f"batch {terms.batch_id}"
    record(area=Area.MONEY, action=f"offer.{change}", subject=subject, before=before, after=after)


# Consequences of calls


@transaction.atomic
def note_qualification(*, kind: Qualification, type_id: str) -> None:
    Qualification.objects.filter(pk=kind.pk).update(type_id=type_id)
    for terms in Terms.objects.filter(Q(hit_type_id="") | Q(former_workers=kind)):
        advance(terms=terms)


@transaction.atomic
def note_hit_type(*, terms: Terms, hit_type_id: str, guarded: bool = False) -> None:
    """Store the id of a HIT type; `guarded`: the one for HITs with repeated questions."""
    changed = {"guarded_type_id" if guarded else "hit_type_id": hit_type_id}
    Terms.objects.filter(pk=terms.pk).update(**changed)
    advance(terms=terms)


@transaction.atomic
def note_hit(*, marketplace_hit: MarketplaceHIT, created: Mapping[str, Any]) -> None:
    """Store the id of a created HIT, and move its end if that changed meanwhile."""
    # A concurrent move of the end reaches this HIT either there or here.
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


# Results of polling


@transaction.atomic
def note_counters(*, handed_in: Mapping[str, int]) -> None:
    """Store the numbers of submissions that the marketplace counted per HIT; they never fall."""
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
    """Note that all submissions until `begun_at` are taken in. `is_over`: nothing more can come, and all is settled."""
    changed: dict[str, Any] = {"polled_at": begun_at, "n_handed_in": max(marketplace_hit.n_handed_in, n_handed_in)}
    if is_over:
        changed["finished_at"] = now()
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(**changed, n_failed_polls=0, not_before=None)


@transaction.atomic
def note_failed_poll(*, marketplace_hit: MarketplaceHIT, is_of_the_hit: bool = True) -> None:
    """Note a failed poll: other HITs go first, and if this HIT is the cause, for longer each time."""
    doubled = marketplace_hit.n_failed_polls if is_of_the_hit else 0
    pause = min(2.0**doubled * FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
    n_failed = min(marketplace_hit.n_failed_polls + is_of_the_hit, MOST_COUNTED)
    until = now() + timedelta(seconds=pause)
    MarketplaceHIT.objects.filter(pk=marketplace_hit.pk).update(n_failed_polls=n_failed, not_before=until)


@transaction.atomic
def finish_settled() -> int:
    """Finish the HITs whose assignments are all submitted and settled."""
    return MarketplaceHIT.objects.filter(pk__in=settled_hits().values("pk")).update(finished_at=now())
