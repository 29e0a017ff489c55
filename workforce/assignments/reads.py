"""Queries on turns at HITs that a marketplace hands out."""

from django.db.models import Q, QuerySet

from workforce.models import HIT, Lease, MarketplaceHIT, Submission


def is_known_hit(hit: HIT, external_hit_id: str) -> bool:
    """Whether the marketplace offers this HIT of ours under this id."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=external_hit_id).exists()


def is_still_published(hit: HIT) -> bool:
    """Whether the marketplace may offer the HIT under an id that it has not told us yet."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=None).exists()


def is_recovered(submission: Submission) -> bool:
    """Whether its answer came through the marketplace alone and nobody has read it yet."""
    return submission.state == Submission.State.PROVISIONAL and "selected" not in submission.answer


def unread_recovered(kind: str) -> QuerySet[Submission]:
    """The recovered answers to HITs of a kind that its task room has still to read."""
    found = Submission.objects.filter(~Q(answer__has_key="selected"), state=Submission.State.PROVISIONAL)
    return found.filter(hit__batch__kind=kind).order_by("id")


def open_leases(hit: HIT) -> QuerySet[Lease]:
    """Who works on a HIT of a marketplace now, as browsers say."""
    return Lease.objects.filter(hit=hit, takes_slot=False, state=Lease.State.ACTIVE)
