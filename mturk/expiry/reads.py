"""Queries for moves of an end, and for HITs that should have left the marketplace."""

from django.db.models import Q, QuerySet

from catalog.reads import now
from mturk.models import Call, MarketplaceHIT

MOVE = "UpdateExpirationForHIT"


def moves_of(marketplace_hit_id: int) -> QuerySet[Call]:
    """Return all moves of the end of a HIT; the last one holds."""
    return Call.objects.filter(purpose__startswith=f"end:{marketplace_hit_id}:").order_by("pk")


def is_overtaken(call: Call) -> bool:
    """Return whether the end was moved again since, so that this move would undo the later one."""
    return call.op == MOVE and moves_of(int(call.purpose.split(":")[1])).filter(pk__gt=call.pk).exists()


def closed_and_offered() -> QuerySet[MarketplaceHIT]:
    """Return the HITs that the marketplace offers, or will offer, although they were closed here."""
    closed = Q(hit__closed_at__isnull=False) | Q(hit__batch__closed_at__isnull=False)
    offered = Q(external_id=None) | Q(expires_at__gt=now())
    return MarketplaceHIT.objects.filter(closed, offered, finished_at=None, compensates=None).order_by("pk")
