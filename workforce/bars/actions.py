"""Bars, and their end. Neither touches what a worker holds, has answered, or is paid."""

from collections.abc import Collection

from django.db import transaction

from audit.actions import Area, record
from catalog.models import Dataset
from catalog.reads import now
from workforce.models import Bar

MOST_RECORDED = 1000


@transaction.atomic
def bar_workers(*, dataset: Dataset, workers: Collection[int], reason: str, step: str = "") -> int:
    """Give these workers (ids) no more work of a dataset. Idempotent. Returns how many were not barred before.

    An assignment of work in progress is not waited for: it is handed out, and none after it.
    """
    standing = Bar.objects.filter(dataset=dataset, worker__in=workers, lifted_at=None)
    barred = set(standing.values_list("worker", flat=True))
    new = [pk for pk in sorted(set(workers)) if pk not in barred]
    # Two at once: the first bar stands. No worker is locked, as whoever excludes holds locks of submissions.
    Bar.objects.bulk_create(
        [Bar(dataset=dataset, worker_id=pk, reason=reason, step=step) for pk in new], ignore_conflicts=True
    )
    if new:
        subject, after = f"{len(new)} workers of dataset {dataset}", {"step": step, "workers": new[:MOST_RECORDED]}
        record(area=Area.REVIEW, action="workers.bar", subject=subject, after=after, reason=reason)
    return len(new)


@transaction.atomic
def lift_bars(*, dataset: Dataset, workers: Collection[int], reason: str = "", step: str = "") -> int:
    """Give these workers work of a dataset again; with a `step`, only if they were barred in it. Returns how many."""
    standing = Bar.objects.filter(dataset=dataset, worker__in=workers, lifted_at=None)
    if step:
        standing = standing.filter(step=step)
    lifted = sorted(standing.values_list("worker", flat=True))
    standing.update(lifted_at=now())
    if lifted:
        subject, before = f"{len(lifted)} workers of dataset {dataset}", {"step": step, "workers": lifted}
        record(area=Area.REVIEW, action="workers.unbar", subject=subject, before=before, reason=reason)
    return len(lifted)
