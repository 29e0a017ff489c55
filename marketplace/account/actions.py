from django.db import transaction

from marketplace.clock import now
from marketplace.models import Worker


@transaction.atomic
def mark_messages_read(*, worker: Worker, up_to: int) -> None:
    """All up to the one of that number; what came in since the page was shown stays new."""
    worker.messages.filter(read_at=None, pk__lte=up_to).update(read_at=now())
