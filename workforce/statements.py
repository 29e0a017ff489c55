"""Statements that assign a slot and store an answer, each a single one.

Workers wait for these two again and again. One statement instead of three or four, with the time in it, keeps the locks
of an assignment of work as short as possible.
"""

import json

from catalog.reads import NOW, PreparedStatement
from workforce.models import Lease, Submission

LEASE_SLOT = PreparedStatement(f"""
    WITH leased AS (UPDATE workforce_slot SET state = 'leased' WHERE id = %(slot)s)
    INSERT INTO workforce_lease
        (hit_id, batch_id, worker_id, takes_slot, slot_id, public_id, network_mark, state, created_at,
         opened_at, expires_at)
    SELECT %(hit)s, %(batch)s, %(worker)s, true, %(slot)s, %(public_id)s, %(mark)s, 'active', clock.now,
           clock.now, clock.now + make_interval(secs => %(seconds)s)
    FROM (SELECT {NOW} AS now) clock
    RETURNING id, created_at, expires_at
""")
# Stores nothing if the key is another answer's.
HAND_IN = PreparedStatement(f"""
    WITH stored AS (
        INSERT INTO workforce_submission
            (hit_id, worker_id, lease_id, slot_id, settings_id, state, answer, idempotency_key, submitted_at)
        VALUES (%(hit)s, %(worker)s, %(lease)s, %(slot)s, %(settings)s, %(state)s, %(answer)s, %(key)s, {NOW})
        ON CONFLICT (idempotency_key) DO NOTHING
        RETURNING id, submitted_at
    ), over AS (
        UPDATE workforce_lease SET state = 'submitted', slot_id = NULL FROM stored WHERE workforce_lease.id = %(lease)s
    ), filled AS (
        UPDATE workforce_slot SET state = 'filled' FROM stored WHERE workforce_slot.id = %(slot)s
    ), drafted AS (
        DELETE FROM workforce_draft USING stored WHERE lease_id = %(lease)s AND assignment_id IS NULL
    )
    SELECT id, submitted_at FROM stored
""")


def lease_values(lease: Lease, *, seconds: int) -> dict[str, object]:
    return {
        "hit": lease.hit_id,
        "batch": lease.batch_id,
        "worker": lease.worker_id,
        "slot": lease.slot_id,
        "public_id": lease.public_id,
        "mark": lease.network_mark,
        "seconds": seconds,
    }


def submission_values(submission: Submission) -> dict[str, object]:
    return {
        "hit": submission.hit_id,
        "worker": submission.worker_id,
        "lease": submission.lease_id,
        "slot": submission.slot_id,
        "settings": submission.settings_id,
        "state": submission.state,
        "answer": json.dumps(submission.answer),
        "key": submission.idempotency_key,
    }
