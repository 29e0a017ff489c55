"""Tables derived from the votes, and what follows from them for workers and controls."""

from aggregation.models.agreement import AgreementOfStudy, Alpha, Contradiction, PairPosterior, SharedAnswers
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
    "AgreementOfStudy",
    "Alpha",
    "Annotation",
    "CandidateSet",
    "ConfidenceTable",
    "Contradiction",
    "ControlChoice",
    "ControlMeasure",
    "MeasuredStudy",
    "PairPosterior",
    "QualityRule",
    "RuleDecision",
    "SelectionFrequency",
    "SharedAnswers",
    "StoppedPair",
    "VoteChange",
    "WorkerMeasure",
]
