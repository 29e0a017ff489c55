"""Blocking workers with several unusable assignments; they are paid all the same."""

import logging

from django.db import transaction

from mturk.qualifications.actions import block_softly, soft_block
from mturk.qualifications.reads import decided_for, has_it
from mturk.wasted_assignments.reads import lost_by, without_report
from workforce.models import Worker

log = logging.getLogger(__name__)

# One may be an accident. Unblocking a worker starts the count anew.
LOSSES_OF_ONE = 2
# Including those with a problem report: a worker whose pages fail this often is not helped by more HITs.
LOSSES_IN_ALL = 6


@transaction.atomic
def keep_out_if_lost_again(*, worker: Worker) -> bool:
    """Block a worker after a second unusable assignment. Returns whether the block is new."""
    last = decided_for(soft_block(), [worker.pk]).get(worker.pk)
    if last is not None and has_it(last):
        return False
    lost = lost_by(worker, since=last.created_at if last else None)
    n = lost.count()
    if n < LOSSES_IN_ALL and without_report(lost).count() < LOSSES_OF_ONE:
        return False
    log.warning("Worker %s is blocked after %d unusable assignments.", worker.pk, n)
    return bool(block_softly(workers=[worker]))
