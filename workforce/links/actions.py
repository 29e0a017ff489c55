"""Lists of admitted IDs, and the end of what is known of networks."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from catalog.reads import now
from workforce.links.reads import listed_digest
from workforce.models import Batch, Lease, ListedID


@transaction.atomic
def list_ids(*, batch: Batch, ids: Iterable[str]) -> None:
    """Put IDs on a batch's list; those on it stay."""
    rows = [ListedID(batch=batch, digest=listed_digest(batch, each)) for each in ids]
    ListedID.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)


@transaction.atomic
def copy_list(*, batch: Batch, former: Batch) -> None:
    """Put the IDs of another batch of the same dataset on a batch's list."""
    digests = former.listed_ids.values_list("digest", flat=True)
    rows = [ListedID(batch=batch, digest=digest) for digest in digests]
    ListedID.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)


@transaction.atomic
def forget_networks() -> int:
    """Forget the networks of leases that ended long ago. Returns their number."""
    long_ago = now() - timedelta(days=settings.NETWORK_MARK_DAYS)
    old = Lease.objects.filter(expires_at__lt=long_ago).exclude(network_mark="").order_by("pk")
    # By id, and without those in use, so that nobody waits and nothing deadlocks.
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return Lease.objects.filter(pk__in=ids).update(network_mark="")
