"""Closing a batch that is published."""

from django.db import transaction

from catalog.reads import now
from mturk.models import Terms
from mturk.publishing.actions import move_end
from workforce.actions import close_batch


@transaction.atomic
def close_published(*, terms: Terms) -> int:
    """Close a batch and take its HITs off the marketplace. Work in progress can still be submitted, counts and is paid.

    Returns the number of HITs that are taken off.
    """
    close_batch(batch=terms.batch)
    return move_end(terms=terms, expires_at=now())
