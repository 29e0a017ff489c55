"""Queries on the people who had work of a dataset, and on what they submitted."""

from django.db.models import QuerySet

from catalog.models import Dataset
from workforce.models import Lease, Submission, Worker
from workforce.reads import is_excluded, pseudonym


def worker_under(dataset: Dataset, name: str) -> Worker | None:
    """Return the worker of a pseudonym: somebody who had work of the dataset, submitted or not."""
    submitted = Submission.objects.filter(hit__batch__dataset=dataset).order_by().values_list("worker_id", flat=True)
    leased = Lease.objects.filter(batch__dataset=dataset).order_by().values_list("worker_id", flat=True)
    ids = (pk for rows in (submitted, leased) for pk in rows.distinct())
    worker_id = next((pk for pk in ids if pseudonym(dataset, pk) == name), None)
    return None if worker_id is None else Worker.objects.get(pk=worker_id)


def timeline_of(dataset: Dataset, worker: Worker) -> QuerySet[Submission]:
    """Return what a worker submitted to a dataset, the latest first; `excluded` tells whether it is excluded."""
    theirs = Submission.objects.filter(worker=worker, hit__batch__dataset=dataset)
    rows = theirs.annotate(excluded=is_excluded("pk")).select_related("hit__batch", "lease", "assignment")
    return rows.order_by("-submitted_at", "-pk")
