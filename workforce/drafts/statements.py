"""Statements of drafts, each a single one: a page saves its draft every few seconds."""

from catalog.reads import NOW, PreparedStatement

# A draft is stored anew, or replaces the version that the page knows; otherwise nothing is stored. A late draft of a
# submitted lease waits for the submission, and then finds the lease submitted.
SAVE = """
    WITH place AS ({place})
    INSERT INTO workforce_draft AS draft (lease_id, assignment_id, version, answer, updated_at)
    SELECT lease_id, assignment_id, %(base)s::integer + 1, %(answer)s::text, {now} FROM place
    ON CONFLICT ({unique}) DO UPDATE
    SET version = draft.version + 1, answer = excluded.answer, updated_at = excluded.updated_at
    WHERE draft.version = %(base)s::integer
    RETURNING version
"""
OF_LEASE = """
    SELECT id AS lease_id, NULL::bigint AS assignment_id FROM workforce_lease
    WHERE id = %(lease)s AND state <> 'submitted' FOR SHARE
"""
# Answers in a worker's name may be anybody's, so that they end no draft.
OF_ASSIGNMENT = """
    SELECT lease_id, id AS assignment_id FROM workforce_assignment
    WHERE id = %(assignment)s AND lease_id = %(lease)s AND outcome IN ('', 'orphaned')
"""
SAVE_OF_LEASE = PreparedStatement(SAVE.format(place=OF_LEASE, now=NOW, unique="lease_id) WHERE (assignment_id IS NULL"))
SAVE_OF_ASSIGNMENT = PreparedStatement(
    SAVE.format(place=OF_ASSIGNMENT, now=NOW, unique="assignment_id) WHERE (assignment_id IS NOT NULL")
)
READ_OF_LEASE = PreparedStatement(
    "SELECT version, answer FROM workforce_draft WHERE lease_id = %(lease)s AND assignment_id IS NULL"
)
READ_OF_ASSIGNMENT = PreparedStatement(
    "SELECT version, answer FROM workforce_draft WHERE assignment_id = %(assignment)s"
)
