"""Moving the end of HITs on the marketplace. Decisions about a batch lock its terms."""

import logging
from datetime import UTC, datetime

from django.db import transaction
from django.utils.translation import gettext

from catalog.reads import now
from mturk.expiry.reads import MOVE, closed_and_offered, moves_of
from mturk.models import Call, MarketplaceHIT, Terms
from mturk.outbox.actions import decide
from workforce.models import Batch

log = logging.getLogger(__name__)


@transaction.atomic
def decide_end(*, marketplace_hit: MarketplaceHIT, batch: Batch, expires_at: datetime) -> None:
    """Move the end of a HIT, with its batch's terms locked. Earlier moves are no longer sent.

    The end may be moved back and forth: each move is a decision of its own.
    """
    payload = {"HITId": marketplace_hit.external_id, "ExpireAt": int(expires_at.timestamp())}
    decide(
        op=MOVE,
        purpose=f"end:{marketplace_hit.pk}:{moves_of(marketplace_hit.pk).count()}",
        payload=payload,
        batch=batch,
    )


@transaction.atomic
def drop_overtaken(*, call: Call) -> None:
    """Withdraw an overtaken move, even if an earlier try carried it out: the later move corrects that."""
    standing = Call.objects.filter(pk=call.pk, state=Call.State.UNSURE)
    standing.update(
        state=Call.State.WITHDRAWN, last_error=gettext("The end was moved again before this call was sent.")
    )


@transaction.atomic
def withdraw_creations(*, terms: Terms, hits: list[int]) -> int:
    """Withdraw the creation of these marketplace HITs (ids) where it was not sent yet, with the terms locked.

    A HIT whose creation is being sent is left: it expires as soon as its id is known. Returns how many are never
    created.
    """
    creations = {f"hit:{pk}": pk for pk in hits}
    calls = Call.objects.filter(batch=terms.batch_id, op="CreateHITWithHITType")
    begun = set(calls.values_list("purpose", flat=True))
    unsent = calls.filter(state__in=[Call.State.WAITING, Call.State.FAILED], doubtful_at=None)
    locked = unsent.order_by("pk").select_for_update(skip_locked=True).values_list("purpose", "pk")
    withdrawn = {purpose: pk for purpose, pk in locked if purpose in creations}
    calls.filter(pk__in=withdrawn.values()).update(
        state=Call.State.WITHDRAWN, last_error=gettext("The HIT expired before it was created.")
    )
    never_created = [creations[purpose] for purpose in creations if purpose not in begun or purpose in withdrawn]
    return MarketplaceHIT.objects.filter(pk__in=never_created, external_id=None).update(finished_at=now())


def end_closed() -> int:
    """Expire the HITs that were closed here: they take no more answers, so nobody should accept them.

    Returns the number of HITs. Pending moves are not decided again.
    """
    concerned = Terms.objects.filter(pk__in=closed_and_offered().order_by().values("terms"))
    return sum(_end_closed(terms=terms) for terms in concerned.order_by("pk"))


@transaction.atomic
def _end_closed(*, terms: Terms) -> int:
    terms = Terms.objects.select_for_update(no_key=True, of=("self",)).select_related("batch").get(pk=terms.pk)
    marketplace_hits = list(closed_and_offered().filter(terms=terms))
    n = withdraw_creations(
        terms=terms,
        hits=[marketplace_hit.pk for marketplace_hit in marketplace_hits if marketplace_hit.external_id is None],
    )
    for marketplace_hit in marketplace_hits:
        if marketplace_hit.external_id is not None and not _is_ending(marketplace_hit):
            decide_end(marketplace_hit=marketplace_hit, batch=terms.batch, expires_at=now())
            n += 1
    if n:
        log.info("Taking %d closed HITs of batch %s off the marketplace.", n, terms.batch_id)
    return n


def _is_ending(marketplace_hit: MarketplaceHIT) -> bool:
    last = moves_of(marketplace_hit.pk).exclude(state__in=[Call.State.DONE, Call.State.WITHDRAWN]).last()
    return last is not None and last.payload["ExpireAt"] <= now().timestamp()


@transaction.atomic
def note_end(*, external_id: str, second: int) -> None:
    expires_at = datetime.fromtimestamp(second, UTC)
    MarketplaceHIT.objects.filter(external_id=external_id).update(expires_at=expires_at)
