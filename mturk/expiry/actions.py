"""Moving the end of HITs on the marketplace. What is decided about one batch is decided with its terms locked."""

import logging
from datetime import UTC, datetime

from django.db import transaction

from catalog.reads import now
from mturk.expiry.reads import MOVE, closed_and_offered, moves_of
from mturk.models import Call, MarketplaceHIT, Terms
from mturk.outbox.actions import decide
from workforce.models import Batch

log = logging.getLogger(__name__)


@transaction.atomic
def decide_end(*, marketplace_hit: MarketplaceHIT, batch: Batch, expires_at: datetime) -> None:
    """Have a HIT end then; with its batch's terms locked. What was decided about its end before is not sent any more.

    The end may be moved there and back: each move is a decision of its own.
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
    """Whether it was carried out in an earlier try does not matter: the later move makes up for it."""
    standing = Call.objects.filter(pk=call.pk, state=Call.State.UNSURE)
    standing.update(state=Call.State.WITHDRAWN, last_error="The end was moved again before this was sent.")


@transaction.atomic
def withdraw_creations(*, terms: Terms, hits: list[int]) -> int:
    """What was not created yet need not be; of these HITs (marketplace HITs, ids), with the terms locked.

    One whose creation is on its way is left: it is ended as soon as it is known. Returns how many are never created.
    """
    creations = {f"hit:{pk}": pk for pk in hits}
    calls = Call.objects.filter(batch=terms.batch_id, op="CreateHITWithHITType")
    begun = set(calls.values_list("purpose", flat=True))
    unsent = calls.filter(state__in=[Call.State.WAITING, Call.State.FAILED], doubtful_at=None)
    locked = unsent.order_by("pk").select_for_update(skip_locked=True).values_list("purpose", "pk")
    withdrawn = {purpose: pk for purpose, pk in locked if purpose in creations}
    calls.filter(pk__in=withdrawn.values()).update(
        state=Call.State.WITHDRAWN, last_error="The HIT was ended before it was created."
    )
    never_created = [creations[purpose] for purpose in creations if purpose not in begun or purpose in withdrawn]
    return MarketplaceHIT.objects.filter(pk__in=never_created, external_id=None).update(finished_at=now())


def end_closed() -> int:
    """Take what was closed here off the marketplace: nobody is to accept what takes no more answers.

    Returns how many HITs that are. What is on its way is not decided again.
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
        log.info("%d closed HITs of batch %s are taken off the marketplace.", n, terms.batch_id)
    return n


def _is_ending(marketplace_hit: MarketplaceHIT) -> bool:
    last = moves_of(marketplace_hit.pk).exclude(state__in=[Call.State.DONE, Call.State.WITHDRAWN]).last()
    return last is not None and last.payload["ExpireAt"] <= now().timestamp()


@transaction.atomic
def note_end(*, external_id: str, second: int) -> None:
    expires_at = datetime.fromtimestamp(second, UTC)
    MarketplaceHIT.objects.filter(external_id=external_id).update(expires_at=expires_at)
