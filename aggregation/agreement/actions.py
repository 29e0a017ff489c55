"""Agreement and the worker model of a dataset: computed anew from its counted votes, all or nothing."""

import logging
import time
from datetime import datetime

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from aggregation.agreement.computing import Computed, computed_agreement
from aggregation.agreement.loading import counted_votes
from aggregation.agreement.reads import datasets_to_compute
from aggregation.models import AgreementOfStudy, Alpha, Contradiction, PairPosterior, SharedAnswers
from catalog.models import Dataset
from catalog.reads import current_settings, now

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 5000
# Held by each pass of the aggregation until its votes are there for everybody.
PASSES = "SELECT pg_advisory_xact_lock(hashtextextended('aggregation', 0))"
WAIT_FOR_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('agreement', %s))"
TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('agreement', %s))"
# Many rows at a time, of columns instead of parameters: a study has 140,000 pairs and more.
STORE_POSTERIORS = """
    INSERT INTO aggregation_pairposterior
        (image_id, label_id, n_selected, n_shown, mean, low, high, otherwise, present)
    SELECT * FROM unnest(
        %s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
        %s::float8[]
    )
"""
POSTERIOR_FIELDS = ("image_id", "label_id", "n_selected", "n_shown", "mean", "low", "high", "otherwise", "present")


@transaction.atomic
def ask_for_agreement(*, dataset: Dataset) -> None:
    """Have the agreement of a dataset computed as soon as a worker of the site is free."""
    AgreementOfStudy.objects.update_or_create(dataset=dataset, defaults={"asked_at": now()})


def recompute_due() -> int:
    """Compute the agreement of the datasets where that is due. Returns how many were; an error is logged."""
    return sum(_recompute_or_log(dataset) for dataset in datasets_to_compute())


def _recompute_or_log(dataset: Dataset) -> bool:
    try:
        return recompute_agreement(dataset=dataset)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        log.exception("The agreement in %s could not be computed; it is tried again: %s", dataset, error)
        return False


def recompute_agreement(*, dataset: Dataset) -> bool:
    """Compute the agreement, posteriors and worker model of a dataset from its votes. Idempotent.

    Returns False, and leaves all as it is, if somebody else is computing the same.
    """
    return _recompute(dataset=dataset, moment=_moment_between_passes())


@transaction.atomic
def _moment_between_passes() -> datetime:
    """Return a moment before which every pass of the aggregation has committed, or has not begun."""
    with connection.cursor() as cursor:
        cursor.execute(PASSES)
    return now()


@transaction.atomic
def _recompute(*, dataset: Dataset, moment: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(TURN, [dataset.pk])
        if not cursor.fetchone()[0]:
            return False
    begin = time.monotonic()
    votes = counted_votes(dataset)
    computed = computed_agreement(dataset, votes, current_settings(dataset).maybe_counts)
    _store(dataset, computed)
    computed.study.computed_at, computed.study.seconds = moment, time.monotonic() - begin
    _store_study(computed.study)
    log.info("Computed the agreement in %s from %d votes in %.1f s.", dataset, len(votes), computed.study.seconds)
    return True


@transaction.atomic
def forget_agreement(*, dataset: Dataset) -> None:
    """Delete all that is computed of agreement in a dataset, so that it is computed anew.

    Nobody adds rows before the caller's transaction ends: what they refer to may be deleted in it.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAIT_FOR_TURN, [dataset.pk])
    _forget_rows(dataset)
    AgreementOfStudy.objects.filter(dataset=dataset).delete()


def _forget_rows(dataset: Dataset) -> None:
    PairPosterior.objects.filter(image__dataset=dataset).delete()
    for model in (Alpha, SharedAnswers, Contradiction):
        model.objects.filter(dataset=dataset).delete()


def _store(dataset: Dataset, computed: Computed) -> None:
    _forget_rows(dataset)
    Alpha.objects.bulk_create(computed.alphas, batch_size=ROWS_AT_ONCE)
    SharedAnswers.objects.bulk_create(computed.shared, batch_size=ROWS_AT_ONCE)
    Contradiction.objects.bulk_create(computed.contradictions, batch_size=ROWS_AT_ONCE)
    rows = computed.posteriors
    with connection.cursor() as cursor:
        cursor.execute(STORE_POSTERIORS, [[getattr(row, field) for row in rows] for field in POSTERIOR_FIELDS])


def _store_study(study: AgreementOfStudy) -> None:
    """Store the figures. A wish to compute them that came meanwhile stays."""
    kept = {"id", "dataset", "asked_at"}
    names = [field.name for field in AgreementOfStudy._meta.concrete_fields if field.name not in kept]
    AgreementOfStudy.objects.bulk_create([study], update_conflicts=True, unique_fields=["dataset"], update_fields=names)
