"""Statements that run when a worker opens a HIT in the marketplace's frame.

Workers wait for them: one query replaces ten, and one statement writes all rows.
"""

from functools import lru_cache
from typing import NamedTuple

from catalog.reads import NOW, PreparedStatement
from workforce.frame.reads import FrameOffers

# Confirmed by the marketplace: an unconfirmed answer may be somebody else's.
ANSWERED = """
    SELECT FROM workforce_lease lease
    JOIN workforce_submission submission ON submission.lease_id = lease.id AND submission.assignment_id IS NOT NULL
    WHERE lease.worker_id = %(worker)s AND (
        submission.state IN ('confirmed', 'surplus')
        OR submission.state = 'provisional' AND NOT submission.answer ? 'selected'
    )
"""
STANDING = f"""
    SELECT
        {{is_offered}},
        EXISTS ({ANSWERED} AND lease.hit_id = %(hit)s),
        EXISTS (SELECT FROM workforce_lease WHERE hit_id = %(hit)s AND worker_id = %(worker)s),
        EXISTS ({ANSWERED} AND lease.hit_id IN (
            SELECT to_hit_id FROM workforce_hit_asked_before WHERE from_hit_id = %(hit)s
        )),
        {{seconds}},
        (SELECT count(*) FROM workforce_slot WHERE hit_id = %(hit)s AND state <> 'withdrawn'),
        (SELECT count(*) FROM workforce_lease WHERE hit_id = %(hit)s AND state = 'active' AND NOT takes_slot),
        (SELECT count(*) FROM workforce_lease WHERE worker_id = %(worker)s AND state = 'active' AND NOT takes_slot),
        EXISTS (
            SELECT FROM workforce_bar bar JOIN workforce_batch batch ON batch.dataset_id = bar.dataset_id
            WHERE bar.worker_id = %(worker)s AND bar.lifted_at IS NULL AND batch.id = %(batch)s
        )
"""
ACCEPT = PreparedStatement(f"""
    WITH lease AS (
        INSERT INTO workforce_lease
            (hit_id, batch_id, worker_id, takes_slot, public_id, state, created_at, opened_at, expires_at)
        SELECT %(hit)s, %(batch)s, %(worker)s, false, %(public_id)s, 'active', clock.now, clock.now,
               clock.now + make_interval(secs => %(seconds)s)
        FROM (SELECT {NOW} AS now) clock
        RETURNING id, created_at, opened_at, expires_at
    )
    INSERT INTO workforce_assignment
        (external_id, external_hit_id, worker_id, lease_id, outcome, created_at, opened_at)
    SELECT %(assignment)s, %(external_hit)s, %(worker)s, id, '', created_at, opened_at FROM lease
    RETURNING id, lease_id, created_at, (SELECT expires_at FROM lease)
""")
RENEW = f"""
    WITH clock AS (
        SELECT {NOW} AS now, coalesce(
            {{seconds}},
            (SELECT lease_seconds FROM catalog_settingsversion WHERE id = %(settings)s)
        ) AS seconds
    ), reopened AS (
        -- After the time allowed, a worker who opens the page has accepted the HIT again, however short that time was.
        UPDATE workforce_assignment assignment SET opened_at = clock.now FROM clock
        WHERE assignment.id = %(assignment)s
          AND assignment.opened_at <= clock.now - make_interval(secs => clock.seconds)
          -- A stored answer keeps its time on record: it was not done in the second that follows.
          AND NOT EXISTS (SELECT FROM workforce_submission WHERE assignment_id = %(assignment)s)
        RETURNING opened_at
    ), renewed AS (
        UPDATE workforce_lease lease
        SET state = CASE lease.state WHEN 'expired' THEN 'active' ELSE lease.state END,
            opened_at = coalesce((SELECT opened_at FROM reopened), lease.opened_at),
            expires_at = clock.now + make_interval(secs => clock.seconds + %(grace)s)
        FROM clock
        WHERE lease.id = %(lease)s AND lease.expires_at < clock.now + make_interval(
            secs => greatest(%(grace)s, clock.seconds + %(slack)s)
        )
        RETURNING lease.state, lease.expires_at
    )
    SELECT (SELECT opened_at FROM reopened), (SELECT state FROM renewed), (SELECT expires_at FROM renewed)
"""


@lru_cache
def standing_statement(offers: FrameOffers) -> PreparedStatement:
    """Return the query for the `Standing` of a worker at a HIT."""
    return PreparedStatement(STANDING.format(is_offered=offers.is_offered, seconds=offers.seconds))


@lru_cache
def renew_statement(offers: FrameOffers) -> PreparedStatement:
    """Return the statement that renews a lease, unless it has all its time."""
    return PreparedStatement(RENEW.format(seconds=offers.seconds))


class Standing(NamedTuple):
    """A worker's standing at a HIT. `seconds` is the time allowed by the batch's terms, if any."""

    is_known_hit: bool
    has_answered: bool
    has_lease: bool
    answered_former: bool
    seconds: int | None
    n_answers: int
    n_open_of_hit: int
    n_open_of_worker: int
    is_barred: bool
