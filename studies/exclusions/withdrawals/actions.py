"""Exclusion of the work of people who withdraw their consent."""

from django.db import transaction

from studies.exclusions.actions import exclude_person
from studies.exclusions.withdrawals.reads import Withdrawal
from workforce.bars.actions import bar_workers
from workforce.consents.actions import decline
from workforce.models import Batch, Lease
from workforce.reads import submissions_of


@transaction.atomic
def withdraw(*, withdrawal: Withdrawal, reason: str) -> int:
    """Exclude all work of these people, return what they hold, and assign them no more.

    No ID of a platform is stored: the exclusions and bars name the workers. Returns the number of submissions that are
    excluded now.
    """
    dataset, n_excluded = withdrawal.dataset, 0
    # Submissions are locked before their workers, as the aggregation does.
    for name in withdrawal.pseudonyms:
        if submissions_of(dataset, name).exists():
            n_excluded += exclude_person(dataset=dataset, worker=name, reason=reason)[1]
    bar_workers(dataset=dataset, workers=[worker.pk for worker in withdrawal.workers], reason=reason)
    for worker in withdrawal.workers:
        held = Lease.objects.filter(worker=worker, batch__dataset=dataset, state=Lease.State.ACTIVE, takes_slot=True)
        for batch in Batch.objects.filter(pk__in=held.values("batch")).order_by("pk"):
            decline(batch=batch, worker=worker)
    return n_excluded
