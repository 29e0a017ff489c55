"""Models of batches on a marketplace: terms, HITs, calls and money."""

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
