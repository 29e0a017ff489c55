"""What is done with the votes of every kind: settling, taking in recovered answers, loading answers given elsewhere."""

import logging
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from catalog.actions import StagedConflict
from workforce.actions import settle_recovered
from workforce.kinds import Recovery, StagedVotes, TaskKind, Votes, task_kinds
from workforce.models import Submission, Worker
from workforce.reads import unread_recovered

log = logging.getLogger(__name__)

# Votes that may count, but for others of the same person on the same question: confirmed, a question, not excluded.
# A vote of these submissions that stands the other way unsettles all that its person said on its question.
UNSETTLED = """
    WITH vote AS NOT MATERIALIZED (
        SELECT vote.*, vote.role = 'question' AND submission.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM workforce_exclusion exclusion
            WHERE exclusion.submission_id = vote.submission_id AND exclusion.lifted_at IS NULL
        ) AS may_count
        FROM {votes} vote JOIN workforce_submission submission ON submission.id = vote.submission_id
    ), unsettled AS (
        SELECT DISTINCT {question}, worker_id FROM vote
        WHERE submission_id = ANY(%(submissions)s) AND counted <> may_count
    )
"""
UNSETTLED_WORKERS = UNSETTLED + "SELECT DISTINCT worker_id FROM unsettled"
# Of several that may count, the first does: whatever was excluded and readmitted in between, and in which order.
WRONG = (
    UNSETTLED
    + """, verdict AS (
        SELECT id, counted, may_count AND id = min(id) FILTER (WHERE may_count) OVER person AS counts
        FROM vote JOIN unsettled USING ({question}, worker_id)
        WINDOW person AS (PARTITION BY {question}, worker_id)
    )
    SELECT id, counts FROM verdict WHERE counted <> counts
"""
)


@transaction.atomic
def settle_votes(*, kind: TaskKind, submission_ids: list[int]) -> None:
    """Bring `counted` in line with the state, roles and exclusions of these submissions. Twice changes nothing."""
    workers = [worker for (worker,) in _rows(UNSETTLED_WORKERS, kind.votes, submission_ids)]
    if not workers:
        return
    # The person first, as in a submission: no answer of theirs comes in while it is decided which one counts.
    list(Worker.objects.select_for_update().filter(pk__in=workers).order_by("pk"))
    wrong = dict(_rows(WRONG, kind.votes, submission_ids))
    votes = kind.votes.model._default_manager.all()
    # First those that lose, then those that win: at no moment do two of a person's votes count on one question.
    votes.filter(pk__in=[pk for pk, counts in wrong.items() if not counts]).update(counted=False)
    votes.filter(pk__in=[pk for pk, counts in wrong.items() if counts]).update(counted=True)


def _rows(query: str, votes: Votes, submission_ids: list[int]) -> list[tuple[Any, ...]]:
    quoted = connection.ops.quote_name
    table, question = quoted(votes.model._meta.db_table), ", ".join(map(quoted, votes.question))
    with connection.cursor() as cursor:
        cursor.execute(query.format(votes=table, question=question), {"submissions": submission_ids})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def take_in_recovered() -> int:
    """Read the answers that came through a marketplace alone, of every kind. Returns how many there were."""
    recovered = [(kind.name, kind.recovery) for kind in task_kinds() if kind.recovery]
    return sum(_record_or_log(answer, recovery) for name, recovery in recovered for answer in unread_recovered(name))


def _record_or_log(submission: Submission, recovery: Recovery) -> bool:
    """Read one answer. One that cannot be read for a fault of ours keeps no other from being read."""
    try:
        _record_recovered(submission, recovery)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("The recovered answer of submission %s could not be read; it is tried again.", submission.pk)
        return False
    return True


@transaction.atomic
def _record_recovered(submission: Submission, recovery: Recovery) -> None:
    """Turn a recovered answer into votes, if it is an answer to its HIT. Twice adds nothing."""
    settled = settle_recovered(submission=submission, answer=recovery.answer(submission))
    if "selected" in settled.answer:
        recovery.cast_votes(submission=settled)


# Answers given elsewhere; the room's bulk_load_sql.py tells the columns of the staging table


@transaction.atomic
def check_staged_answers(*, votes: StagedVotes, staged: str) -> None:
    """Raise StagedConflict if a row whose answer is stored already says something else."""
    with connection.cursor() as cursor:
        cursor.execute(votes.other_answer.format(staged=staged))
        if other := cursor.fetchone():
            line, image = other
            raise StagedConflict(line, f"this person's answer on {image} is stored already, and it is another one.")


@transaction.atomic
def fill_staged_answers(*, votes: StagedVotes, staged: str) -> None:
    """Write the raw answers, in the shape of live ones, for the submissions to come."""
    with connection.cursor() as cursor:
        cursor.execute(votes.fill_answers.format(staged=staged))


@transaction.atomic
def load_staged_votes(*, votes: StagedVotes, staged: str) -> int:
    """Fill the HITs of staged answers that are submitted, and cast their votes. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(votes.add_content.format(staged=staged))
        cursor.execute(votes.add_votes.format(staged=staged))
        n_votes: int = cursor.rowcount
        cursor.execute(f"ANALYZE {', '.join(map(connection.ops.quote_name, votes.tables))}")
    return n_votes
