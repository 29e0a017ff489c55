"""Which HITs of a batch ask again what people of the marketplace were asked in earlier batches.

The same question is the same image with the same class in a grid, or the same image in a form: nobody's second answer
to it can count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from mturk.qualifications.reads import n_who_answered
from workforce.kinds import offer_of
from workforce.models import Batch

ROWS_AT_ONCE = 10_000
# The joins from `hit` to `earlier`, whose HIT asked the same, are the kind's own.
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
    """So many HITs ask again what was asked in `batches` (numbers); `n_workers` people answered that."""

    n_hits: int
    n_workers: int
    batches: list[int]


def earlier_batches(batch: Batch) -> list[int]:
    """Those (numbers) whose questions could be asked again: of the dataset and kind, on the marketplace."""
    batches = Batch.objects.filter(dataset=batch.dataset_id, kind=batch.kind, marketplace=Batch.Marketplace.MTURK)
    return list(batches.exclude(pk=batch.pk).order_by("pk").values_list("pk", flat=True))


def repeats_of(batch: Batch) -> Iterator[tuple[int, int]]:
    """(HIT, former HIT), ids: the former asked one or more of the HIT's questions."""
    if not earlier_batches(batch):
        return
    parameters: dict[str, int | str] = {"batch": batch.pk, "dataset": batch.dataset_id, "kind": batch.kind}
    with connection.cursor() as cursor:
        cursor.execute(ASKED_AGAIN.format(same_question=offer_of(batch.kind).same_question), parameters)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


def repeated_by(batch: Batch) -> Repeated | None:
    """What a page says of it before a batch is published; None if it asks nothing again."""
    pairs = set(repeats_of(batch))
    if not pairs:
        return None
    formers = {former for _, former in pairs}
    return Repeated(
        n_hits=len({hit for hit, _ in pairs}),
        n_workers=n_who_answered(formers),
        batches=sorted(set(Batch.objects.filter(hits__in=formers).values_list("pk", flat=True))),
    )
