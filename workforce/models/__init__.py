"""Workers, their work, and their submissions."""

from workforce.models.answers import Assignment, Exclusion, Lease, Submission
from workforce.models.bars import Bar
from workforce.models.consents import Consent, ConsentText
from workforce.models.drafts import Draft
from workforce.models.introductions import Introduction
from workforce.models.people_and_work import HIT, Batch, ListedID, Slot, Worker, WorkerIdentity
from workforce.models.platforms import LONGEST_PLATFORM_ID, PlatformVisit
from workforce.models.problem_reports import KIND_NAMES, Report

__all__ = [
    "HIT",
    "KIND_NAMES",
    "LONGEST_PLATFORM_ID",
    "Assignment",
    "Bar",
    "Batch",
    "Draft",
    "Consent",
    "ConsentText",
    "Exclusion",
    "Introduction",
    "Lease",
    "ListedID",
    "PlatformVisit",
    "Report",
    "Slot",
    "Submission",
    "Worker",
    "WorkerIdentity",
]
