"""The measures of workers: their names for people, and the rules that every study begins with."""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy

from aggregation.models import QualityRule
from numerics.workers.thresholds import (
    FEWEST,
    FEWEST_GOOD_WORKERS,
    FEWEST_UNANIMOUS,
    FLAG_AT,
    LEAST_SHARE_OF_GOOD_WORKERS,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Condition, Action = QualityRule.Condition, QualityRule.Action

ANSWERS = "answers"
"""Number of submissions: of every worker, also of one without any other measure."""

MEASURE_NAMES: "dict[str, StrOrPromise]" = {
    "recall": gettext_lazy("Controls that show the label, selected"),
    "false_alarms": gettext_lazy("Controls that do not show the label, selected"),
    "share_selected": gettext_lazy("Share selected, against what others select"),
    "agreement": gettext_lazy("Agreement with others"),
    "consistency": gettext_lazy("Agreement with themselves on repeats"),
    "seconds": gettext_lazy("Seconds per photograph"),
    "entropy": gettext_lazy("Disorder of the positions selected"),
    "periodicity": gettext_lazy("Pattern in the positions selected"),
    "likeness": gettext_lazy("Likeness to another worker, beyond chance"),
}


class RuleFields(NamedTuple):
    """The content of a rule."""

    measure: str
    condition: str
    threshold: float
    fewest: int
    action: str

    @classmethod
    def of(cls, rule: QualityRule) -> "RuleFields":
        return cls(rule.measure, rule.condition, rule.threshold, rule.fewest, rule.action)


# Warnings alone: what costs a worker anything is for people to switch on. A flag is what T24 tests; beside it, a share
# of controls must be surely worse than these figures.
DEFAULT_RULES = (
    *(RuleFields(measure, Condition.FLAGGED, FLAG_AT, fewest, Action.WARN) for measure, fewest in FEWEST.items()),
    RuleFields("recall", Condition.BELOW, 0.6, 10, Action.WARN),
    RuleFields("false_alarms", Condition.ABOVE, 0.4, 10, Action.WARN),
)

# A control that the better half of the workers fails: so many of them, and surely less than this share passes it.
FEWEST_GOOD_OF_A_CONTROL = FEWEST_GOOD_WORKERS
FEWEST_PASSES_OF_GOOD = LEAST_SHARE_OF_GOOD_WORKERS
# A photograph on which so many people agree without exception is proposed as a control.
FEWEST_VOTES_OF_A_PROPOSAL = FEWEST_UNANIMOUS
