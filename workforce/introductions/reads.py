"""Queries on introductions to studies."""

from workforce.models import Batch, Introduction


def introduction_of(dataset_id: int) -> Introduction | None:
    return Introduction.objects.filter(dataset=dataset_id).first()


def contact_of(batch: Batch) -> str:
    """Return the contact for questions about a batch; empty if none is set."""
    introduction = introduction_of(batch.dataset_id)
    return introduction.contact if introduction else ""
