"""Finding the next free slot, and locking it for one person alone while many look."""

import time

from django.db import connection, transaction

from catalog.reads import Given, Prepared
from workforce.models import Slot

# How long a hand-out may wait for others' hand-outs before it says that there is no work.
LONGEST_WAIT_SECONDS = 5

FREE_FOR_WORKER = """
    SELECT slot.id FROM workforce_slot slot
    WHERE slot.batch_id = %(batch)s AND slot.state = 'free' AND NOT EXISTS (
        SELECT FROM workforce_lease lease WHERE lease.worker_id = %(worker)s AND lease.hit_id = slot.hit_id
    )
    ORDER BY slot.hit_id, slot.number LIMIT 1
"""
FREE_OF_HELD_HITS = """
    SELECT slot.id FROM workforce_slot slot
    JOIN workforce_lease lease ON lease.hit_id = slot.hit_id
    WHERE lease.worker_id = %(worker)s AND lease.batch_id = %(batch)s AND lease.state = 'expired'
      AND slot.state = 'free'
    ORDER BY slot.hit_id, slot.number LIMIT 1
"""
FREE_OF_HIT = "SELECT id FROM workforce_slot slot WHERE hit_id = %(hit)s AND state = 'free' ORDER BY number LIMIT 1"
# Of an adaptive batch, whose later HITs ask again what earlier ones asked: somebody else is to say it, not who had
# this HIT, nor one of those that asked the same before.
FREE_FOR_STRANGER = """
    SELECT slot.id FROM workforce_slot slot
    WHERE slot.batch_id = %(batch)s AND slot.state = 'free' AND NOT EXISTS (
        SELECT FROM workforce_lease lease WHERE lease.worker_id = %(worker)s AND lease.hit_id = slot.hit_id
    ) AND NOT EXISTS (
        SELECT FROM workforce_hit_asked_before before JOIN workforce_lease lease ON lease.hit_id = before.to_hit_id
        WHERE before.from_hit_id = slot.hit_id AND lease.worker_id = %(worker)s
    )
    ORDER BY slot.hit_id, slot.number LIMIT 1
"""
SLOT = Prepared(lambda: Slot.objects.select_related("hit").filter(pk=Given("pk")))


def claim(query: str, key: dict[str, int]) -> Slot | None:
    """Lock a free slot. SKIP LOCKED alone would say "none" while others merely look at the last ones, so a second,
    blocking try follows, until a plain read finds nothing."""
    slot_id = _attempt(query + " FOR UPDATE OF slot SKIP LOCKED", key)
    give_up = time.monotonic() + LONGEST_WAIT_SECONDS
    while slot_id is None and _first(query, key) is not None and time.monotonic() < give_up:
        slot_id = _attempt(query + " FOR UPDATE OF slot", key)
    return None if slot_id is None else SLOT.get(pk=slot_id)


def _attempt(query: str, key: dict[str, int]) -> int | None:
    """A try that finds nothing lets go of the slots it locked on the way, which others had taken meanwhile."""
    savepoint = transaction.savepoint()
    slot_id = _first(query, key)
    if slot_id is None:
        transaction.savepoint_rollback(savepoint)
    return slot_id


def _first(query: str, key: dict[str, int]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(query, key)
        row = cursor.fetchone()
    return None if row is None else row[0]
