"""A batch on a marketplace: its terms, its HITs there, the calls that bring this about, and the money."""

from mturk.models.money import LedgerEntry, ListedAssignment, Rejection
from mturk.models.publishing import Call, MarketplaceHIT, Qualification, RateLimit, Terms

__all__ = [
    "Call",
    "LedgerEntry",
    "ListedAssignment",
    "MarketplaceHIT",
    "Qualification",
    "RateLimit",
    "Rejection",
    "Terms",
]
