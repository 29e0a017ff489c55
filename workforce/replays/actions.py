"""Storage of replayed answers; workforce.bulk_load_sql describes the columns of the staging table."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg2.extras import execute_values

from catalog.models import Dataset
from catalog.reads import now
from workforce.actions import open_batch
from workforce.bulk_load_sql import ADD_ANSWERS, ADD_HITS, ADD_WORKERS, DROP_STORED, FIND_STORED, FIND_WORKERS
from workforce.models import HIT, Batch

STAGED_PARTICIPATIONS = "staged_participation"
STAGE_PARTICIPATIONS = """
    DROP TABLE IF EXISTS {staged};
    CREATE TEMPORARY TABLE {staged} (
        position integer, person text, hit_number integer, idempotency_key text, state text, excluded boolean,
        submitted_at timestamptz, answer jsonb, worker_id bigint, hit_id bigint, submission_id bigint
    ) ON COMMIT DROP
"""
STORED_PARTICIPATIONS = "SELECT hit_number, person, hit_id, worker_id, submission_id FROM {staged}"
ADD_PARTICIPATIONS = """
    INSERT INTO {staged}
        (position, person, hit_number, idempotency_key, state, excluded, submitted_at, answer) VALUES %s
"""


@transaction.atomic
def find_stored_answers(*, staged: str) -> int:
    """Fill in submission_id for rows whose answer is stored. Returns their number."""
    return _run(FIND_STORED, staged)


@transaction.atomic
def load_staged_people(*, dataset: Dataset, staged: str) -> None:
    """Drop the rows that are stored, and find or create the workers of the other rows."""
    _run(DROP_STORED, staged)
    # The dataset's id, since a name can be longer than the column.
    marketplace = f"{Batch.Marketplace.REPLAY}:{dataset.pk}"
    _run(ADD_WORKERS, staged, marketplace=marketplace)
    _run(FIND_WORKERS, staged, marketplace=marketplace)


@transaction.atomic
def load_staged_answers(*, dataset: Dataset, kind: str, staged: str) -> Batch:
    """Store answers as submissions to the HITs of one closed batch: there will be no more of them."""
    batch = open_batch(dataset=dataset, kind=kind, marketplace=Batch.Marketplace.REPLAY)
    closed_at = now()
    _run(ADD_HITS, staged, batch=batch.pk, closed_at=closed_at)
    key: dict[str, Any] = {"batch": batch.pk, "settings": batch.settings_id, "now": closed_at}
    _run(ADD_ANSWERS, staged, **key, reason="Excluded in the file it was loaded from.")
    Batch.objects.filter(pk=batch.pk).update(closed_at=closed_at)
    batch.closed_at = closed_at
    # After so many rows the planner's statistics are wrong until autovacuum runs.
    _run("ANALYZE workforce_hit, workforce_slot, workforce_submission", staged)
    return batch


def _run(statement: str, staged: str, **values: str | int | datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(staged=staged), values)
        n_rows: int = cursor.rowcount
    return n_rows


class Participation(NamedTuple):
    """Somebody who took part in a HIT elsewhere. `state` is confirmed, surplus or excluded; the time is ISO 8601."""

    hit: int
    person: str
    state: str
    submitted_at: str


class StoredParticipations(NamedTuple):
    """Outcome of participations: ids of HITs by number, of workers by name, and of submissions by both."""

    batch: Batch
    hits: dict[int, int]
    people: dict[str, int]
    submissions: dict[tuple[int, str], int]


@transaction.atomic
def store_participations(
    *, dataset: Dataset, kind: str, hits: Sequence[int], participations: Sequence[Participation]
) -> StoredParticipations:
    """Store who took part in which HITs (by number) of a closed batch; HITs without anybody are stored too.

    Each submission's raw answer is empty: what was said in a HIT lies in the tables of its kind.
    """
    token = secrets.token_urlsafe(12)
    with connection.cursor() as cursor:
        cursor.execute(STAGE_PARTICIPATIONS.format(staged=STAGED_PARTICIPATIONS))
        rows = [
            (n, f"worker:{row.person}", row.hit, f"replay:{dataset.pk}:{kind}:{token}:{n}", *_state(row.state))
            + (row.submitted_at, '{"selected": []}')
            for n, row in enumerate(participations)
        ]
        execute_values(cursor, ADD_PARTICIPATIONS.format(staged=STAGED_PARTICIPATIONS), rows, page_size=5000)
    load_staged_people(dataset=dataset, staged=STAGED_PARTICIPATIONS)
    batch = load_staged_answers(dataset=dataset, kind=kind, staged=STAGED_PARTICIPATIONS)
    with connection.cursor() as cursor:
        cursor.execute(STORED_PARTICIPATIONS.format(staged=STAGED_PARTICIPATIONS))
        stored = [(number, person.removeprefix("worker:"), *ids) for number, person, *ids in cursor.fetchall()]
    by_number = {number: hit for number, _, hit, _, _ in stored}
    unmet = [number for number in hits if number not in by_number]
    further = HIT.objects.bulk_create([HIT(batch=batch, closed_at=batch.closed_at) for _ in unmet], 5000)
    return StoredParticipations(
        batch,
        by_number | {number: hit.pk for number, hit in zip(unmet, further, strict=True)},
        {person: worker for _, person, _, worker, _ in stored},
        {(number, person): submission for number, person, _, _, submission in stored},
    )


def _state(state: str) -> tuple[str, bool]:
    return ("confirmed", True) if state == "excluded" else (state, False)
