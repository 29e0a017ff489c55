"""Queries for former workers of repeated questions, and for blocked workers."""

from collections.abc import Iterable

from django.db import connection

from mturk.models import Call, Qualification
from mturk.outbox.reads import latest_of_workers
from workforce.models import Batch, Submission

SOFT_BLOCK = "Not for these studies"
# HITs of other batches with questions of a HIT of this one. In an adaptive batch, a HIT that repeats an earlier one of
# the batch also repeats the HITs that the earlier one repeats.
FORMER = """
    WITH own AS (
        SELECT before.from_hit_id AS hit, before.to_hit_id AS former
        FROM workforce_hit_asked_before before JOIN workforce_hit hit ON hit.id = before.from_hit_id
        WHERE hit.batch_id = %(batch)s
    ), former AS (
        SELECT hit, former FROM own
        UNION
        SELECT own.hit, further.former FROM own JOIN own further ON further.hit = own.former
    ), elsewhere AS (
        SELECT former.hit, former.former FROM former JOIN workforce_hit hit ON hit.id = former.former
        WHERE hit.batch_id <> %(batch)s
    )
"""
REPEATING = FORMER + "SELECT DISTINCT hit FROM elsewhere"
# A surplus answer saw the question as well, and a second answer would not count.
ANSWERED = [Submission.State.CONFIRMED, Submission.State.SURPLUS]
FORMER_WORKERS = (
    FORMER
    + """
    SELECT DISTINCT submission.worker_id FROM elsewhere
    JOIN workforce_submission submission ON submission.hit_id = elsewhere.former
    JOIN workforce_workeridentity identity ON identity.worker_id = submission.worker_id
    WHERE submission.state IN ('confirmed', 'surplus') AND identity.marketplace = 'mturk'
"""
)


def _ids(query: str, batch: Batch) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"batch": batch.pk})
        return {pk for (pk,) in cursor.fetchall()}


def repeating_hits(batch: Batch) -> set[int]:
    """Return the HITs (ids) of the batch that repeat questions of other batches."""
    return _ids(REPEATING, batch)


def former_workers(batch: Batch) -> set[int]:
    """Return the workers (ids) of the marketplace with confirmed answers to the repeated questions."""
    return _ids(FORMER_WORKERS, batch)


def n_who_answered(hits: Iterable[int]) -> int:
    """Return the number of marketplace workers with confirmed answers to these HITs (ids)."""
    submissions = Submission.objects.filter(
        hit__in=list(hits), state__in=ANSWERED, worker__identity__marketplace="mturk"
    )
    return submissions.order_by().values("worker").distinct().count()


def decided_for(kind: Qualification, workers: Iterable[int] | None = None) -> dict[int, Call]:
    """Return per worker (id) the last standing decision to give or take away a qualification."""
    return latest_of_workers(f"qualify:{kind.pk}:", workers)


def has_it(call: Call) -> bool:
    """Return whether this decision gives the worker the qualification."""
    return call.op == "AssociateQualificationWithWorker"


def blocked_workers(workers: Iterable[int] | None = None) -> set[int]:
    """Return the blocked workers (ids; of these)."""
    kind = Qualification.objects.filter(name=SOFT_BLOCK).first()
    if kind is None:
        return set()
    return {worker for worker, call in decided_for(kind, workers).items() if has_it(call)}
