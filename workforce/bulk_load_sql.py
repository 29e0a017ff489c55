"""SQL that stores replayed answers.

The staging table holds one row per answer; read here: position (the order of submission), person (unique among all
who answered in the dataset), hit_number (rows that share one are answers to the same HIT), idempotency_key, answer,
state, excluded and submitted_at (null: unknown); filled in here: worker_id, hit_id, submission_id.
"""

FIND_STORED = """
    UPDATE {staged} staged SET submission_id = submission.id FROM workforce_submission submission
    WHERE submission.idempotency_key = staged.idempotency_key
"""
DROP_STORED = "DELETE FROM {staged} WHERE submission_id IS NOT NULL"

ADD_WORKERS = """
    WITH unknown AS (
        SELECT DISTINCT person FROM {staged} EXCEPT
        SELECT external_id FROM workforce_workeridentity WHERE marketplace = %(marketplace)s
    ), fresh AS (
        SELECT person, nextval(pg_get_serial_sequence('workforce_worker', 'id')) AS id
        FROM (SELECT person FROM unknown ORDER BY person) ordered
    ), worker AS (
        INSERT INTO workforce_worker (id, created_at) SELECT id, now() FROM fresh
    )
    INSERT INTO workforce_workeridentity (worker_id, marketplace, external_id)
    SELECT id, %(marketplace)s, person FROM fresh
"""
FIND_WORKERS = """
    UPDATE {staged} staged SET worker_id = identity.worker_id FROM workforce_workeridentity identity
    WHERE identity.marketplace = %(marketplace)s AND identity.external_id = staged.person
"""
ADD_HITS = """
    WITH fresh AS (
        SELECT hit_number, nextval(pg_get_serial_sequence('workforce_hit', 'id')) AS id
        FROM (SELECT hit_number FROM {staged} GROUP BY hit_number ORDER BY min(position)) ordered
    ), hit AS (
        INSERT INTO workforce_hit (id, batch_id, public_id, closed_at)
        SELECT id, %(batch)s, replace(gen_random_uuid()::text, '-', ''), %(closed_at)s FROM fresh
    )
    UPDATE {staged} staged SET hit_id = fresh.id FROM fresh WHERE fresh.hit_number = staged.hit_number
"""
# As many slots as confirmed answers, all filled. The ids of submissions follow the order of submission, for ties in
# the aggregation go by them: nextval is called on rows that are sorted already.
ADD_ANSWERS = """
    WITH numbered AS (
        SELECT *, row_number() OVER (PARTITION BY hit_id, state = 'confirmed' ORDER BY position) - 1 AS number
        FROM {staged} ORDER BY position
    ), fresh AS (
        SELECT *, nextval(pg_get_serial_sequence('workforce_submission', 'id')) AS new_id,
               CASE WHEN state = 'confirmed' THEN nextval(pg_get_serial_sequence('workforce_slot', 'id')) END AS slot_id
        FROM numbered
    ), slot AS (
        INSERT INTO workforce_slot (id, hit_id, batch_id, number, state)
        SELECT slot_id, hit_id, %(batch)s, number, 'filled' FROM fresh WHERE slot_id IS NOT NULL
    ), submission AS (
        INSERT INTO workforce_submission (
            id, hit_id, worker_id, slot_id, settings_id, state, answer, idempotency_key, submitted_at
        )
        SELECT new_id, hit_id, worker_id, slot_id, %(settings)s, state, answer, idempotency_key,
               coalesce(submitted_at, %(now)s)
        FROM fresh
    ), exclusion AS (
        INSERT INTO workforce_exclusion (submission_id, reason, created_at)
        SELECT new_id, %(reason)s, %(now)s FROM fresh WHERE excluded
    )
    UPDATE {staged} staged SET submission_id = fresh.new_id FROM fresh WHERE fresh.position = staged.position
"""
