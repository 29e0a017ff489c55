from django.db import transaction

from marketplace.clock import now
from marketplace.models import Worker


@transaction.atomic
def mark_messages_read(*, worker: Worker, up_to: int) -> None:
    """Mark the messages up to that key as read; messages that arrived since the page was shown stay new."""
    worker.messages.filter(read_at=None, pk__lte=up_to).update(read_at=now())
