"""What is done about those whose assignments come to nothing: they are paid, and are offered no more."""

import logging

from django.db import transaction

from mturk.qualifications.actions import block_softly, soft_block
from mturk.qualifications.reads import decided_for, has_it
from mturk.wasted_assignments.reads import lost_by, without_report
from workforce.models import Worker

log = logging.getLogger(__name__)

# One may be an accident. Counted anew once a person let somebody in again.
LOSSES_OF_ONE = 2
# With those of which they told a problem: whose pages fail as often as that is not helped by more HITs.
LOSSES_IN_ALL = 6


@transaction.atomic
def keep_out_if_lost_again(*, worker: Worker) -> bool:
    """Offer no more HITs to somebody of whom a second assignment came to nothing. Returns whether that is new."""
    last = decided_for(soft_block(), [worker.pk]).get(worker.pk)
    if last is not None and has_it(last):
        return False
    lost = lost_by(worker, since=last.created_at if last else None)
    n = lost.count()
    if n < LOSSES_IN_ALL and without_report(lost).count() < LOSSES_OF_ONE:
        return False
    log.warning("%d assignments of worker %s came to nothing: they are offered no more HITs.", n, worker.pk)
    return bool(block_softly(workers=[worker]))
