"""Queries for HITs that repeat questions of earlier batches on the marketplace.

The same question is the same image with the same class in a grid, or the same image in a form. A worker's second
answer to it cannot count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from mturk.qualifications.reads import n_who_answered
from workforce.kinds import offer_of
from workforce.models import Batch

ROWS_AT_ONCE = 10_000
# Each kind of task has its own joins from `hit` to `earlier`, whose HIT asked the same.
ASKED_AGAIN = """
    SELECT DISTINCT hit.id, former.id
    FROM workforce_hit hit
    {same_question}
    JOIN workforce_hit former ON former.id = earlier.hit_id
    JOIN workforce_batch batch ON batch.id = former.batch_id
    WHERE hit.batch_id = %(batch)s AND batch.id <> %(batch)s AND batch.dataset_id = %(dataset)s
      AND batch.marketplace = 'mturk' AND batch.kind = %(kind)s
"""


@dataclass(frozen=True)
class Repeated:
    """Counts of HITs that repeat questions of `batches` (numbers), and of workers who answered those."""

    n_hits: int
    n_workers: int
    batches: list[int]


def earlier_batches(batch: Batch) -> list[int]:
    """Return the batches (numbers) whose questions could repeat: of the dataset and kind, on the marketplace."""
    batches = Batch.objects.filter(dataset=batch.dataset_id, kind=batch.kind, marketplace=Batch.Marketplace.MTURK)
    return list(batches.exclude(pk=batch.pk).order_by("pk").values_list("pk", flat=True))


def repeats_of(batch: Batch) -> Iterator[tuple[int, int]]:
    """Yield pairs (HIT, former HIT) of ids: the former asked at least one of the HIT's questions."""
    if not earlier_batches(batch):
        return
    parameters: dict[str, int | str] = {"batch": batch.pk, "dataset": batch.dataset_id, "kind": batch.kind}
    with connection.cursor() as cursor:
        cursor.execute(ASKED_AGAIN.format(same_question=offer_of(batch.kind).same_question), parameters)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


def repeated_by(batch: Batch) -> Repeated | None:
    """Return the counts of repeats for the page before publishing; None without any."""
    pairs = set(repeats_of(batch))
    if not pairs:
        return None
    formers = {former for _, former in pairs}
    return Repeated(
        n_hits=len({hit for hit, _ in pairs}),
        n_workers=n_who_answered(formers),
        batches=sorted(set(Batch.objects.filter(hits__in=formers).values_list("pk", flat=True))),
    )
