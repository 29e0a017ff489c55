"""Tables derived from the votes, and what follows from them for workers and controls."""

from aggregation.models.quality import (
    ControlChoice,
    ControlMeasure,
    MeasuredStudy,
    QualityRule,
    RuleDecision,
    VoteChange,
    WorkerMeasure,
)
from aggregation.models.results import Annotation, CandidateSet, ConfidenceTable, SelectionFrequency, StoppedPair

__all__ = [
    "Annotation",
    "CandidateSet",
    "ConfidenceTable",
    "ControlChoice",
    "ControlMeasure",
    "MeasuredStudy",
    "QualityRule",
    "RuleDecision",
    "SelectionFrequency",
    "StoppedPair",
    "VoteChange",
    "WorkerMeasure",
]
