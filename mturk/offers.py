"""Queries of the frame about the offers on the marketplace."""

from mturk.models import MarketplaceHIT, Terms
from workforce.frame.reads import FrameOffers
from workforce.models import HIT, Batch


def is_being_published(hit: HIT) -> bool:
    """Return whether the marketplace may offer the HIT under an id that we do not have yet."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=None).exists()


def terms_of(batch: Batch) -> Terms | None:
    return Terms.objects.filter(batch=batch).first()


IS_OFFERED = """
    EXISTS (SELECT FROM workforce_marketplacehit WHERE hit_id = %(hit)s AND external_id = %(external_hit)s)
"""
OFFERS = FrameOffers(
    is_offered=IS_OFFERED,
    seconds="(SELECT assignment_seconds FROM workforce_terms WHERE batch_id = %(batch)s)",
    is_being_published=is_being_published,
    terms_of=terms_of,
)
