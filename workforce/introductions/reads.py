"""What people were told about a study."""

from workforce.models import Batch, Introduction


def introduction_of(dataset_id: int) -> Introduction | None:
    return Introduction.objects.filter(dataset=dataset_id).first()


def contact_of(batch: Batch) -> str:
    """Where people may write about a batch; empty if nobody said."""
    found = introduction_of(batch.dataset_id)
    return found.contact if found else ""
