"""Who works, on what, what they handed in, and what they are paid."""

from workforce.models.answers import Assignment, Exclusion, Lease, Submission
from workforce.models.money import LedgerEntry, ListedAssignment, Rejection
from workforce.models.people_and_work import HIT, Batch, Slot, Worker, WorkerIdentity
from workforce.models.publishing import Call, MarketplaceHIT, Qualification, RateLimit, Terms
from workforce.models.telling import Introduction, Report

__all__ = [
    "HIT",
    "Assignment",
    "Batch",
    "Call",
    "Exclusion",
    "Introduction",
    "Lease",
    "LedgerEntry",
    "ListedAssignment",
    "MarketplaceHIT",
    "Qualification",
    "RateLimit",
    "Rejection",
    "Report",
    "Slot",
    "Submission",
    "Terms",
    "Worker",
    "WorkerIdentity",
]
