"""Search for the next free slot, which is locked for one worker while many search."""

import time
from datetime import datetime
from typing import Any

from django.db import connection

from workforce.models import HIT, Slot

# An assignment of work waits for others this long before it reports that there is no work.
LONGEST_WAIT_SECONDS = 5

FREE_OF_HELD_HITS = """
    SELECT slot.id FROM workforce_slot slot
    JOIN workforce_lease lease ON lease.hit_id = slot.hit_id
    WHERE lease.worker_id = %(worker)s AND lease.batch_id = %(batch)s AND lease.state = 'expired'
      AND slot.state = 'free'
    ORDER BY slot.hit_id, slot.number LIMIT 1
"""
FREE_OF_HIT = "SELECT id FROM workforce_slot slot WHERE hit_id = %(hit)s AND state = 'free' ORDER BY number LIMIT 1"
# Later HITs of a batch may ask again what earlier ones asked: somebody else is to say it, not who had this HIT, nor one
# of those that asked the same before.
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
# A single statement, since all workers wait for it. After an attempt that finds nothing, the savepoint releases the
# slots it locked on the way, which others had taken meanwhile.
LOCKED = """
    SAVEPOINT before_a_slot;
    WITH free AS ({query} FOR UPDATE OF slot {waiting})
    SELECT slot.id, slot.number, hit.id, hit.public_id, hit.batch_id, hit.closed_at, hit.initial
    FROM free JOIN workforce_slot slot USING (id) JOIN workforce_hit hit ON hit.id = slot.hit_id
"""


def claim(query: str, key: dict[str, int]) -> Slot | None:
    """Lock and return a free slot, within a transaction; None if there is none.

    SKIP LOCKED alone would miss slots that others have locked for a moment. So blocking attempts follow until a plain
    read finds nothing.
    """
    row = _attempt(query, "SKIP LOCKED", key)
    give_up = time.monotonic() + LONGEST_WAIT_SECONDS
    while row is None and _first(query, key) is not None and time.monotonic() < give_up:
        row = _attempt(query, "", key)
    return None if row is None else _slot(*row)


def _attempt(query: str, waiting: str, key: dict[str, int]) -> tuple[Any, ...] | None:
    row = _first(LOCKED.format(query=query, waiting=waiting), key)
    if row is None:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK TO SAVEPOINT before_a_slot")
    return row


def _first(query: str, key: dict[str, int]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, key)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _slot(pk: int, number: int, hit_id: int, public_id: str, batch_id: int, closed_at: datetime, initial: bool) -> Slot:
    hit = HIT(pk=hit_id, public_id=public_id, batch_id=batch_id, closed_at=closed_at, initial=initial)
    return Slot(pk=pk, number=number, hit=hit, batch_id=batch_id, state=Slot.State.FREE)
