"""Who works, on what, what they handed in, and what they are paid."""

from workforce.models.answers import Assignment, Exclusion, Lease, Submission
from workforce.models.people_and_work import HIT, Batch, Slot, Worker, WorkerIdentity

__all__ = [
    "HIT",
    "Assignment",
    "Batch",
    "Exclusion",
    "Lease",
    "Slot",
    "Submission",
    "Worker",
    "WorkerIdentity",
]
