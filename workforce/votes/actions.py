"""Actions on votes of every kind: settling them, reading recovered answers, loading replayed answers."""

import logging
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.utils.translation import gettext

from catalog.errors import StagedConflict
from workforce.actions import settle_recovered
from workforce.kinds import Recovery, StagedVotes, TaskKind, Votes, task_kinds
from workforce.models import Submission, Worker
from workforce.reads import unread_recovered

log = logging.getLogger(__name__)

# A vote may count if it is confirmed, a question, and not excluded. Of a worker's votes on a question one counts.
# A vote of these submissions whose `counted` differs unsettles all votes of its worker on its question.
# A surplus vote is its person's vote like a counted one: how many votes a question needs is decided after this.
UNSETTLED = """
    WITH vote AS NOT MATERIALIZED (
        SELECT vote.*, {settled} AS settled, vote.role = 'question' AND submission.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM workforce_exclusion exclusion
            WHERE exclusion.submission_id = vote.submission_id AND exclusion.lifted_at IS NULL
        ) AS may_count
        FROM {votes} vote JOIN workforce_submission submission ON submission.id = vote.submission_id
    ), unsettled AS (
        SELECT DISTINCT {question}, worker_id FROM vote
        WHERE submission_id = ANY(%(submissions)s) AND settled <> may_count
    )
"""
UNSETTLED_WORKERS = UNSETTLED + "SELECT DISTINCT worker_id FROM unsettled"
# Of several that may count, the first one counts (or the last: {which}), in whichever order some were excluded and
# readmitted.
WRONG = (
    UNSETTLED
    + """, verdict AS (
        SELECT id, settled, may_count AND id = {which}(id) FILTER (WHERE may_count) OVER person AS counts
        FROM vote JOIN unsettled USING ({question}, worker_id)
        WINDOW person AS (PARTITION BY {question}, worker_id)
    )
    SELECT id, counts FROM verdict WHERE settled <> counts
"""
)


@transaction.atomic
def settle_votes(*, kind: TaskKind, submission_ids: list[int]) -> None:
    """Bring `counted` in line with the state, roles and exclusions of these submissions. Idempotent.

    Of these votes the rooms then set aside as surplus what is more than was asked for.
    """
    workers = [worker for (worker,) in _rows(UNSETTLED_WORKERS, kind.votes, submission_ids)]
    if not workers:
        return
    # Lock the workers first, as a submission does: no answer of theirs arrives before the decision.
    list(Worker.objects.select_for_update().filter(pk__in=workers).order_by("pk"))
    corrections = dict(_rows(WRONG, kind.votes, submission_ids))
    votes = kind.votes.model._default_manager.all()
    # Votes that no longer count come first, so that at no moment two votes of a worker count on one question.
    votes.filter(pk__in=[pk for pk, counts in corrections.items() if not counts]).update(
        counted=False, **({"surplus": False} if kind.votes.has_surplus else {})
    )
    votes.filter(pk__in=[pk for pk, counts in corrections.items() if counts]).update(counted=True)


def _rows(query: str, votes: Votes, submission_ids: list[int]) -> list[tuple[Any, ...]]:
    quoted = connection.ops.quote_name
    table, question = quoted(votes.model._meta.db_table), ", ".join(map(quoted, votes.question))
    settled = "(vote.counted OR vote.surplus)" if votes.has_surplus else "vote.counted"
    statement = query.format(
        votes=table, question=question, settled=settled, which="max" if votes.last_counts else "min"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"submissions": submission_ids})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def take_in_recovered() -> int:
    """Read the recovered answers of every kind, which came through a marketplace alone. Returns their number."""
    recovered = [(kind.name, kind.recovery) for kind in task_kinds() if kind.recovery]
    return sum(_record_or_log(answer, recovery) for name, recovery in recovered for answer in unread_recovered(name))


def _record_or_log(submission: Submission, recovery: Recovery) -> bool:
    """Read one answer, and log an error instead of raising it, so that the other answers are read. Returns success."""
    try:
        _record_recovered(submission, recovery)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("The recovered answer of submission %s could not be read; it will be retried.", submission.pk)
        return False
    return True


@transaction.atomic
def _record_recovered(submission: Submission, recovery: Recovery) -> None:
    """Turn a recovered answer into votes, if it is an answer to its HIT. Idempotent."""
    settled = settle_recovered(submission=submission, answer=recovery.answer(submission))
    if "selected" in settled.answer:
        recovery.cast_votes(submission=settled)


# Replayed answers; the room's bulk_load_sql.py describes the columns of the staging table


@transaction.atomic
def check_staged_answers(*, votes: StagedVotes, staged: str) -> None:
    """Raise StagedConflict if a row differs from the stored answer."""
    with connection.cursor() as cursor:
        cursor.execute(votes.other_answer.format(staged=staged))
        if other := cursor.fetchone():
            line, image = other
            message = gettext("this worker's stored answer on %(image)s is different.")
            raise StagedConflict(line, message % {"image": image})


@transaction.atomic
def fill_staged_answers(*, votes: StagedVotes, staged: str) -> None:
    """Write the raw answers, in the shape of live ones, for the submissions to come."""
    with connection.cursor() as cursor:
        cursor.execute(votes.fill_answers.format(staged=staged))


@transaction.atomic
def load_staged_votes(*, votes: StagedVotes, staged: str) -> int:
    """Fill the HITs of staged answers that are stored, and cast their votes. Returns the number of votes."""
    with connection.cursor() as cursor:
        cursor.execute(votes.add_content.format(staged=staged))
        cursor.execute(votes.add_votes.format(staged=staged))
        n_votes: int = cursor.rowcount
        cursor.execute(f"ANALYZE {', '.join(map(connection.ops.quote_name, votes.tables))}")
    return n_votes
