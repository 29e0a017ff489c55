"""Measures of workers and controls: computed anew from the votes, in parts that can be repeated after a kill.

The measures are one transaction, decisions of the rules another, and the exclusions that follow a third. None of them
holds locks that others wait for. The changes of votes that they follow are forgotten last.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import QuerySet

from aggregation.models import ControlMeasure, MeasuredStudy, VoteChange, WorkerMeasure
from aggregation.quality.controls.actions import switch_off as switch_off
from aggregation.quality.controls.actions import switch_off_failed
from aggregation.quality.controls.actions import use_control as use_control
from aggregation.quality.loading import study_votes
from aggregation.quality.measuring import Measured, measured_study
from aggregation.quality.rules.actions import answer_question as answer_question
from aggregation.quality.rules.actions import apply_rules as apply_rules
from aggregation.quality.rules.actions import reverse as reverse
from aggregation.quality.rules.actions import set_rule as set_rule
from catalog.models import Dataset
from catalog.reads import current_settings, now
from workforce.models import Submission

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 5000
# A study whose measures take longer is computed at most half of the time.
ALWAYS_SECONDS = 2
# Of more workers at once, the measures follow with those of everybody.
MOST_FOLLOWED = 100
TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('measures', %s))"
KEY = ("batch_id", "worker_id", "measure")
VALUES = ("value", "low", "high", "expected", "n", "p", "q", "other_id")


@transaction.atomic
def note_change(*, dataset: Dataset, submission_ids: Collection[int] = ()) -> None:
    """Note that counted votes of a dataset changed, in the transaction that changed them."""
    workers = Submission.objects.filter(pk__in=submission_ids).order_by().values_list("worker", flat=True).distinct()
    VoteChange.objects.create(dataset=dataset, workers=sorted(workers))


def recompute_changed() -> int:
    """Have the measures of the datasets whose votes changed follow. Returns how many did; an error is logged.

    All measures of a large study take longer than people may wait. Meanwhile those of the workers who answered follow
    at once, from the votes on what they answered.
    """
    changed = Dataset.objects.filter(pk__in=VoteChange.objects.values("dataset"))
    return sum(_follow_or_log(dataset) for dataset in changed.order_by("pk"))


def _follow_or_log(dataset: Dataset) -> bool:
    try:
        return (is_due(dataset) and recompute(dataset)) or follow(dataset)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        log.exception("The measures of %s could not be computed; they are tried again: %s", dataset, error)
        return False


def is_due(dataset: Dataset) -> bool:
    """Return whether it is time to compute all measures: after a rest that is as long as it took the last time."""
    last = MeasuredStudy.objects.filter(dataset=dataset).first()
    if last is None or last.seconds < ALWAYS_SECONDS:
        return True
    return now() - last.measured_at >= timedelta(seconds=last.seconds)


def recompute(dataset: Dataset) -> bool:
    """Compute all measures of a dataset from the votes, and let its rules act. Idempotent.

    Returns False, and leaves all as it is, if somebody else is computing the same.
    """
    changes = list(VoteChange.objects.filter(dataset=dataset).values_list("pk", flat=True))
    if not _measure(dataset=dataset, changes=changes):
        return False
    apply_rules(dataset=dataset)
    # Last: after a kill on the way, all of it is done again.
    _forget_changes(changes=changes)
    return True


@transaction.atomic
def _measure(*, dataset: Dataset, changes: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(TURN, [dataset.pk])
        if not cursor.fetchone()[0]:
            return False
    begin = time.monotonic()
    votes = study_votes(dataset, current_settings(dataset).maybe_counts)
    measured = measured_study(dataset, votes)
    if switch_off_failed(dataset=dataset, report=measured.controls, keys=measured.control_keys):
        # Without these controls, those who failed them are better workers.
        measured = measured_study(dataset, votes)
    later = _workers_in(VoteChange.objects.filter(dataset=dataset).exclude(pk__in=changes))
    rows = (row for row in measured.rows if row.worker_id not in later)
    _store_workers(dataset, rows, WorkerMeasure.objects.filter(dataset=dataset).exclude(worker__in=later))
    _store_controls(dataset, measured)
    seconds = time.monotonic() - begin
    MeasuredStudy.objects.update_or_create(dataset=dataset, defaults={"measured_at": now(), "seconds": seconds})
    log.info("Measured the workers of %s by %d votes in %.1f s.", dataset, len(votes), seconds)
    return True


def _workers_in(changes: QuerySet[VoteChange]) -> set[int]:
    return {worker for of_change in changes.values_list("workers", flat=True) for worker in of_change}


def _store_workers(dataset: Dataset, rows: Iterable[WorkerMeasure], in_place_of: QuerySet[WorkerMeasure]) -> None:
    """Bring stored rows in line with these. Only rows that differ are written: most workers did nothing."""
    columns = in_place_of.values_list("pk", *KEY, *VALUES)
    stored = {tuple(row[1 : 1 + len(KEY)]): (row[0], row[1 + len(KEY) :]) for row in columns}
    new = {_values(row, KEY): row for row in rows}
    WorkerMeasure.objects.filter(pk__in=[stored[key][0] for key in stored.keys() - new.keys()]).delete()
    changed = [row for key, row in new.items() if key not in stored or stored[key][1] != _values(row, VALUES)]
    WorkerMeasure.objects.bulk_create(
        changed,
        batch_size=ROWS_AT_ONCE,
        update_conflicts=True,
        unique_fields=["dataset", "batch", "worker", "measure"],
        update_fields=[name.removesuffix("_id") for name in VALUES],
    )


def _values(row: WorkerMeasure, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _store_controls(dataset: Dataset, measured: Measured) -> None:
    ControlMeasure.objects.filter(dataset=dataset).delete()
    ControlMeasure.objects.bulk_create(measured.control_rows(dataset), batch_size=ROWS_AT_ONCE)


@transaction.atomic
def _forget_changes(*, changes: list[int]) -> None:
    VoteChange.objects.filter(pk__in=changes).delete()


def follow(dataset: Dataset) -> bool:
    """Compute the measures of the workers whose votes changed, over all they did, and let the rules act.

    They are compared with all others who answered the same. What their answers change for these follows with the next
    computation of all. Returns whether anything was to do.
    """
    changes = VoteChange.objects.filter(dataset=dataset, is_followed=False)
    workers = _workers_in(changes)
    if not 0 < len(workers) <= MOST_FOLLOWED:
        return False
    _follow(dataset=dataset, workers=workers, changes=[change.pk for change in changes])
    apply_rules(dataset=dataset)
    return True


@transaction.atomic
def _follow(*, dataset: Dataset, workers: set[int], changes: list[int]) -> None:
    votes = study_votes(dataset, current_settings(dataset).maybe_counts, workers)
    n_workers = len({worker for worker, _, _ in votes.answers})
    rows = [row for row in measured_study(dataset, votes).rows if row.worker_id in workers]
    for row in rows:
        # Corrected for all workers of the study; most of them are not among these votes.
        row.q = None if row.p is None else min(1.0, row.p * n_workers)
    _store_workers(dataset, rows, WorkerMeasure.objects.filter(dataset=dataset, worker__in=workers))
    VoteChange.objects.filter(pk__in=changes).update(is_followed=True)


@transaction.atomic
def forget_measures(*, dataset: Dataset) -> None:
    """Delete the derived measures of a dataset, so that they are computed from nothing. Rules and decisions stay."""
    WorkerMeasure.objects.filter(dataset=dataset).delete()
    ControlMeasure.objects.filter(dataset=dataset).delete()
    MeasuredStudy.objects.filter(dataset=dataset).delete()
    note_change(dataset=dataset)
