"""Statement that stores an answer from a marketplace's frame: a single one, since workers wait for it."""

from catalog.reads import NOW, PreparedStatement

# Stores nothing if the key is used, the assignment is decided, or too many answers are pending.
HAND_IN_UNVERIFIED = PreparedStatement(f"""
    WITH stored AS (
        INSERT INTO workforce_submission
            (hit_id, worker_id, lease_id, assignment_id, settings_id, state, answer, idempotency_key, submitted_at)
        SELECT %(hit)s, %(worker)s, %(lease)s, id, %(settings)s, 'provisional', %(answer)s, %(key)s, {NOW}
        FROM workforce_assignment
        WHERE id = %(assignment)s AND outcome IN ('', 'orphaned') AND (
            SELECT count(*) FROM workforce_submission
            WHERE lease_id = %(lease)s AND assignment_id IS NOT NULL AND state = 'provisional'
        ) < %(most)s
        ON CONFLICT (idempotency_key) DO NOTHING
        RETURNING id, submitted_at
    ), over AS (
        UPDATE workforce_lease SET state = 'submitted' FROM stored WHERE workforce_lease.id = %(lease)s
    ), drafted AS (
        DELETE FROM workforce_draft USING stored WHERE assignment_id = %(assignment)s
    )
    SELECT id, submitted_at FROM stored
""")
