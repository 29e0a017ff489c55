"""Addition and withdrawal of slots that replace excluded answers.

Locks, in this order: the batch, which stays open meanwhile, then slots of a HIT by number, then the HIT. Whoever works
locks a slot after their own rows alone, and waits for nobody while they hold it.
"""

from collections.abc import Mapping

from django.db import connection, transaction
from django.db.models import F

from workforce.frame.reads import frame_offers
from workforce.models import HIT, Batch, Slot
from workforce.replacements.reads import Balance, balance_of

# Whoever answered a later HIT that asked the same does not get this one, now that it asks again.
KEEP_FROM_LATER_WORKERS = """
    INSERT INTO workforce_hit_asked_before (from_hit_id, to_hit_id)
    SELECT to_hit_id, from_hit_id FROM workforce_hit_asked_before WHERE to_hit_id = ANY(%(hits)s)
    ON CONFLICT (from_hit_id, to_hit_id) DO NOTHING
"""


@transaction.atomic
def add_slots(*, hit: HIT, n_slots: int, in_place_of_lost: bool = False, in_place_of_excluded: bool = False) -> None:
    """Request further answers to a HIT, from nobody who answered the same before or after it."""
    further, replacing = n_slots * in_place_of_lost, n_slots * in_place_of_excluded
    HIT.objects.filter(pk=hit.pk).update(
        n_further=F("n_further") + further, n_replacements=F("n_replacements") + replacing
    )
    first = hit.slots.count()
    Slot.objects.bulk_create([Slot(hit=hit, batch_id=hit.batch_id, number=first + n) for n in range(n_slots)])
    with connection.cursor() as cursor:
        cursor.execute(KEEP_FROM_LATER_WORKERS, {"hits": [hit.pk]})


@transaction.atomic
def replace_excluded(*, hit: HIT) -> int:
    """Ask for one more answer in place of each excluded one, whatever the settings say. Idempotent.

    Returns the number of answers that are asked for now. A closed batch asks nobody.
    """
    if open_batch_locked(hit.batch_id) is None:
        return 0
    balance = balance_of(hit)
    if balance is None or balance.n_missing <= 0:
        return 0
    add_slots(hit=hit, n_slots=balance.n_missing, in_place_of_excluded=True)
    return balance.n_missing


@transaction.atomic
def withdraw_needless(*, hit: HIT) -> int:
    """Withdraw the replacements of a HIT that are needed no more (see `withdraw_replacements`). Idempotent."""
    batch = open_batch_locked(hit.batch_id)
    balance = balance_of(hit) if batch is not None else None
    return withdraw_replacements(batch=batch, balances=[balance]) if batch and balance else 0


@transaction.atomic
def withdraw_replacements(*, batch: Batch, balances: list[Balance]) -> int:
    """Withdraw replacements that are needed no more, where nobody works on them or may be offered them elsewhere.

    Returns their number. What somebody works on is taken, and paid; one answer is surplus then.
    """
    return sum(_withdraw(balance, most) for balance, most in zip(balances, _free(batch, balances), strict=True))


def _free(batch: Batch, balances: list[Balance]) -> list[int]:
    """Return how many slots of each HIT may be withdrawn."""
    needless = [-balance.n_missing for balance in balances]
    if batch.marketplace != Batch.Marketplace.MTURK:
        return needless
    not_offered: Mapping[int, int] = frame_offers().not_offered(batch)
    return [min(n, not_offered.get(balance.hit_id, 0)) for n, balance in zip(needless, balances, strict=True)]


def _withdraw(balance: Balance, most: int) -> int:
    free = Slot.objects.filter(hit=balance.hit_id, state=Slot.State.FREE).order_by("number").select_for_update()
    slots = list(free.values_list("pk", flat=True))[-most:] if most > 0 else []
    if slots:
        Slot.objects.filter(pk__in=slots).update(state=Slot.State.WITHDRAWN)
        HIT.objects.filter(pk=balance.hit_id).update(n_replacements=F("n_replacements") - len(slots))
    return len(slots)


def open_batch_locked(batch_id: int) -> Batch | None:
    """Lock and return the batch, or return None if it is closed, or has just been closed."""
    open_batches = Batch.objects.filter(pk=batch_id, closed_at=None).select_related("settings")
    return open_batches.select_for_update(of=("self",), no_key=True).first()
