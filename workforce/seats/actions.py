"""Seats of members of a study, who work signed in, without a study link or a marketplace."""

from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext

from catalog.models import new_public_id
from catalog.reads import CachedQuery, Given, PreparedStatement, now_given
from workforce.actions import WORKER_TO_LOCK, BatchClosed, NotHandedOut, hand_in, identify_worker
from workforce.bars.reads import is_barred
from workforce.models import HIT, Lease, Submission, Worker
from workforce.seats.reads import ACCOUNT
from workforce.slot_search import FREE_OF_HIT, claim
from workforce.statements import LEASE_SLOT, lease_values

ACCOUNT_TO_LOCK = CachedQuery(
    lambda: Worker.objects.filter(
        identity__marketplace=ACCOUNT, identity__external_id=Given("account")
    ).select_for_update(of=("self",))
)
SEAT = PreparedStatement("""
    SELECT submission.id, EXISTS (
        SELECT FROM workforce_exclusion exclusion
        WHERE exclusion.submission_id = submission.id AND exclusion.lifted_at IS NULL
    ), batch.closed_at IS NOT NULL
    FROM workforce_submission submission
    JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
    WHERE submission.hit_id = %(hit)s AND submission.worker_id = %(worker)s
""")


def worker_of_account(*, account_id: int) -> Worker:
    """Return the worker of an account, created once: pseudonyms and exclusions treat members like all workers."""
    return identify_worker(marketplace=ACCOUNT, external_id=str(account_id))


@transaction.atomic
def take_seat(*, hit: HIT, worker: Worker) -> Submission | None:
    """Fill a free slot of a HIT for a worker, and return their submission; None if no slot is free. Idempotent.

    The submission has an empty answer: what its worker says in the course of time refers to it. Raises BatchClosed for
    a new seat of a closed batch, and NotHandedOut if the worker is barred from the study.
    """
    WORKER_TO_LOCK.get(pk=worker.pk)
    stored = Submission.objects.filter(hit=hit, worker=worker).first()
    if stored is not None:
        return stored
    if hit.closed_at is not None or hit.batch.closed_at is not None:
        raise BatchClosed(gettext("This batch is closed."))
    if is_barred(hit.batch, worker):
        raise NotHandedOut(gettext("This study gives you no more work."))
    slot = claim(FREE_OF_HIT, {"hit": hit.pk})
    if slot is None:
        return None
    lease = Lease(hit=hit, batch_id=hit.batch_id, worker=worker, slot=slot, public_id=new_public_id())
    values = lease_values(lease, seconds=hit.batch.settings.lease_seconds) | now_given()
    lease.pk, lease.created_at, lease.expires_at = LEASE_SLOT.only_row(values)
    lease._state.adding = False
    key = f"seat:{hit.public_id}:{worker.pk}"
    return hand_in(lease=lease, answer={"selected": []}, idempotency_key=key)[0]


class LockedSeat(NamedTuple):
    """A worker's part in a HIT. Their rows count unless it is excluded; in a closed batch they add none."""

    worker_id: int
    submission_id: int
    is_excluded: bool
    is_closed: bool


def lock_seat(*, hit_id: int, account_id: int) -> LockedSeat | None:
    """Lock an account's worker until the end of the transaction, and return their part in a HIT; None without one."""
    worker = ACCOUNT_TO_LOCK.first(account=str(account_id))
    if worker is None:
        return None
    # After the lock, so that an exclusion that was decided meanwhile is seen.
    row = SEAT.row({"hit": hit_id, "worker": worker.pk})
    return None if row is None else LockedSeat(worker.pk, *row)
