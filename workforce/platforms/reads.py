"""Queries for the people behind the IDs of a platform. Callers record who asked."""

from collections.abc import Collection

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from catalog.models import Dataset
from workforce.models import Batch, Lease, PlatformVisit, Submission, Worker, WorkerIdentity


def workers_of_platform_id(dataset: Dataset, text: str) -> list[Worker]:
    """Return the workers of a dataset with this ID of a participant, or of a session that their links named.

    People without work of the dataset are not among them, so that it tells nothing about other studies.
    """
    if not text:
        return []
    of_sessions = PlatformVisit.objects.filter(batch__dataset=dataset, session_id=text).values("worker")
    named = Q(identity__external_id=text) | Q(pk__in=of_sessions)
    return list(_with_work(Worker.objects.filter(named), dataset).order_by("pk"))


def workers_of_participants(dataset: Dataset, ids: Collection[str]) -> dict[str, int]:
    """Return the workers (ids) of a dataset by the participant's ID on its study links; unknown ones are missing."""
    identities = WorkerIdentity.objects.filter(marketplace=Batch.Marketplace.LINK, external_id__in=ids)
    with_work = _with_work(Worker.objects.filter(pk=OuterRef("worker")), dataset)
    return dict(identities.filter(Exists(with_work)).values_list("external_id", "worker"))


def participants_with_work(batch: Batch) -> dict[int, tuple[str, int]]:
    """Return the participant's ID and the number of submissions of each worker (id) who submitted to a batch."""
    counts = Lease.objects.filter(batch=batch, state=Lease.State.SUBMITTED).order_by().values("worker")
    n_done = dict(counts.annotate(n=Count("pk")).values_list("worker", "n"))
    identities = WorkerIdentity.objects.filter(marketplace=batch.marketplace, worker__in=n_done)
    return {worker: (text, n_done[worker]) for worker, text in identities.values_list("worker", "external_id")}


def _with_work(workers: QuerySet[Worker], dataset: Dataset) -> QuerySet[Worker]:
    leases = Lease.objects.filter(worker=OuterRef("pk"), batch__dataset=dataset)
    submissions = Submission.objects.filter(worker=OuterRef("pk"), hit__batch__dataset=dataset)
    return workers.filter(Exists(leases) | Exists(submissions))
