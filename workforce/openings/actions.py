"""Records of batches that were opened."""

from audit.actions import Area, record
from workforce.models import Batch

RECORDED = ("kind", "marketplace", "admission", "networks", "hits_per_worker", "answers")


def note_opening(*, batch: Batch) -> None:
    """Record that a batch was opened: last in the transaction, once its HITs are stored."""
    after = {name: getattr(batch, name) for name in RECORDED} | {"settings": batch.settings.version}
    record(area=Area.CONFIG, action="batch.open", subject=f"batch {batch.pk} of dataset {batch.dataset}", after=after)
