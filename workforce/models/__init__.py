"""Who works, on what, and what they submitted."""

from workforce.models.answers import Assignment, Exclusion, Lease, Submission
from workforce.models.introductions import Introduction
from workforce.models.people_and_work import HIT, Batch, Slot, Worker, WorkerIdentity
from workforce.models.problem_reports import Report

__all__ = [
    "HIT",
    "Assignment",
    "Batch",
    "Exclusion",
    "Introduction",
    "Lease",
    "Report",
    "Slot",
    "Submission",
    "Worker",
    "WorkerIdentity",
]
