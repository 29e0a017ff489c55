"""Reviews by experts: what is asked, and what each reviewer said."""

from review_task.models.mistakes import LabelsInForce
from review_task.models.presses import Press
from review_task.models.reviews import ClassPage, Group, Item, PageAssignment, ProblemReason, Review
from review_task.models.verdicts import (
    Comment,
    ConsensusVerdict,
    FurtherLabel,
    MistakeCategory,
    ProblemMark,
    Severity,
    Verdict,
    VerdictValue,
)

__all__ = [
    "ClassPage",
    "Comment",
    "ConsensusVerdict",
    "FurtherLabel",
    "Group",
    "Item",
    "LabelsInForce",
    "MistakeCategory",
    "PageAssignment",
    "Press",
    "ProblemMark",
    "ProblemReason",
    "Review",
    "Severity",
    "Verdict",
    "VerdictValue",
]
