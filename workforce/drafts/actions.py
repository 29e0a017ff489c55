"""Storage of drafts, and their end: a submission deletes its own (`workforce.statements`), and time the others."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from catalog.reads import now, now_given
from workforce.drafts.statements import SAVE_OF_ASSIGNMENT, SAVE_OF_LEASE
from workforce.models import Draft, Lease


@transaction.atomic
def save_draft(*, lease: Lease, base: int, content: str) -> int | None:
    """Store a draft in place of the version `base`, 0 for none. Returns the new version.

    Returns None, and stores nothing, if another version is stored, or if the lease is submitted. `content` is JSON of
    at most MOST_CHARACTERS.
    """
    values = {"lease": lease.pk, "base": base, "answer": content} | now_given()
    if lease.assignment is None:
        row = SAVE_OF_LEASE.row(values)
    else:
        row = SAVE_OF_ASSIGNMENT.row(values | {"assignment": lease.assignment.pk})
    return None if row is None else row[0]


@transaction.atomic
def forget_drafts() -> int:
    """Delete the drafts that nobody changed for long. Returns their number."""
    long_ago = now() - timedelta(days=settings.DRAFT_DAYS)
    return Draft.objects.filter(updated_at__lt=long_ago).delete()[0]
