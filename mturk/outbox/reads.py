"""Queries for calls of the outbox."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from mturk.models import Call
from workforce.models import Batch


def calls_for(batch: Batch) -> QuerySet[Call]:
    """Return the calls of the batch and those that create the qualifications of all batches."""
    return Call.objects.filter(Q(batch=batch) | Q(batch=None, op="CreateQualificationType"))


def latest_of_workers(purpose: str, workers: Iterable[int] | None = None) -> dict[int, Call]:
    """Return the last call per worker (id; of these) whose purpose begins so, without withdrawn ones."""
    calls = Call.objects.filter(purpose__startswith=purpose).exclude(state=Call.State.WITHDRAWN)
    if workers is not None:
        calls = calls.filter(worker__in=list(workers))
    return {call.worker_id: call for call in calls.order_by("pk") if call.worker_id is not None}
