"""Queries on turns at HITs that a marketplace hands out."""

from workforce.models import HIT, MarketplaceHIT


def is_known_hit(hit: HIT, external_hit_id: str) -> bool:
    """Whether the marketplace offers this HIT of ours under this id."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=external_hit_id).exists()


def is_still_published(hit: HIT) -> bool:
    """Whether the marketplace may offer the HIT under an id that it has not told us yet."""
    return MarketplaceHIT.objects.filter(hit=hit, external_id=None).exists()
