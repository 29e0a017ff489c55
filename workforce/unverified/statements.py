"""What is written when an answer comes from a marketplace's frame, as one statement: everybody there waits for it."""

from catalog.reads import NOW, PreparedStatement

# Nothing at all if the key is another answer's, the assignment is decided, or too many wait already.
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
    )
    SELECT id, submitted_at FROM stored
""")
