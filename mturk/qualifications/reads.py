"""Who answered before what a HIT asks again, and who is offered no more HITs at all."""

from collections.abc import Iterable

from django.db import connection

from mturk.models import Call, Qualification
from mturk.outbox.reads import latest_of_workers
from workforce.models import Batch, Submission

SOFT_BLOCK = "Not for these studies"
# HITs of other batches that asked what a HIT of this one asks. In a batch that asks adaptively, a HIT that repeats an
# earlier one of the batch also repeats what that one repeats.
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
# Their answers are in: also one too many was seen, and would not count a second time.
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
    """HITs (ids) of the batch that ask again what HITs of other batches asked."""
    return _ids(REPEATING, batch)


def former_workers(batch: Batch) -> set[int]:
    """Workers (ids) of the marketplace whose answers to what those HITs ask are confirmed."""
    return _ids(FORMER_WORKERS, batch)


def n_who_answered(hits: Iterable[int]) -> int:
    """How many people of the marketplace have confirmed answers to these HITs (ids)."""
    submissions = Submission.objects.filter(
        hit__in=list(hits), state__in=ANSWERED, worker__identity__marketplace="mturk"
    )
    return submissions.order_by().values("worker").distinct().count()


def decided_for(kind: Qualification, workers: Iterable[int] | None = None) -> dict[int, Call]:
    """Per worker (id) the last decision about a qualification that stands: to give it, or to take it away."""
    return latest_of_workers(f"qualify:{kind.pk}:", workers)


def has_it(call: Call) -> bool:
    """Whether by this decision its worker has the qualification, or is about to."""
    return call.op == "AssociateQualificationWithWorker"


def blocked_workers(workers: Iterable[int] | None = None) -> set[int]:
    """Who (ids; of these) is offered no more HITs."""
    kind = Qualification.objects.filter(name=SOFT_BLOCK).first()
    if kind is None:
        return set()
    return {worker for worker, call in decided_for(kind, workers).items() if has_it(call)}
