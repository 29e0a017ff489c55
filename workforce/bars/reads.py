"""Queries on bars."""

from collections.abc import Mapping

from catalog.models import Dataset
from workforce.models import Bar, Batch, Worker


def barred_from(dataset: Dataset) -> Mapping[int, Bar]:
    """Return the standing bars of a dataset by the id of their worker."""
    return {bar.worker_id: bar for bar in Bar.objects.filter(dataset=dataset, lifted_at=None)}


def is_barred(batch: Batch, worker: Worker) -> bool:
    """Return whether the worker gets no more work of the batch's dataset."""
    return Bar.objects.filter(worker=worker, dataset=batch.dataset_id, lifted_at=None).exists()
