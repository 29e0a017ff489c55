"""Queries of the frame about the offers on the marketplace."""

from django.db.models import Count

from mturk.models import MarketplaceHIT, Terms
from mturk.publishing.reads import missing_answers, missing_in_stopped_hits
from workforce.frame.reads import FrameOffers
from workforce.models import HIT, Batch, Slot


def is_being_published(hit: HIT) -> bool:
    """Return whether the marketplace may offer the HIT under an id that we do not have yet."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=None).exists()


def terms_of(batch: Batch) -> Terms | None:
    return Terms.objects.filter(batch=batch).first()


def not_offered(batch: Batch) -> dict[int, int]:
    """Return the number of free slots that the marketplace does not offer, and has not offered, by HIT id."""
    terms = terms_of(batch)
    if terms is None:
        free = Slot.objects.filter(batch=batch, state=Slot.State.FREE).order_by()
        return dict(free.values_list("hit_id").annotate(n=Count("pk")))
    return missing_in_stopped_hits(terms) | missing_answers(terms)


IS_OFFERED = """
    EXISTS (SELECT FROM workforce_marketplacehit WHERE hit_id = %(hit)s AND external_id = %(external_hit)s)
"""
OFFERS = FrameOffers(
    is_offered=IS_OFFERED,
    seconds="(SELECT assignment_seconds FROM workforce_terms WHERE batch_id = %(batch)s)",
    is_being_published=is_being_published,
    terms_of=terms_of,
    not_offered=not_offered,
)
