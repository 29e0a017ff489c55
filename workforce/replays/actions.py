"""Storage of replayed answers; workforce.bulk_load_sql describes the columns of the staging table."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from catalog.models import Dataset
from catalog.reads import now
from workforce.actions import open_batch
from workforce.bulk_load_sql import ADD_ANSWERS, ADD_HITS, ADD_WORKERS, DROP_STORED, FIND_STORED, FIND_WORKERS
from workforce.models import Batch


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
    # After so many rows the planner's statistics are wrong until autovacuum runs.
    _run("ANALYZE workforce_hit, workforce_slot, workforce_submission", staged)
    return batch


def _run(statement: str, staged: str, **values: str | int | datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(staged=staged), values)
        n_rows: int = cursor.rowcount
    return n_rows
