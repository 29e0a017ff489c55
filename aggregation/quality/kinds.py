"""The measures of workers: their names for people, and the rules that every study begins with."""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy

from aggregation.models import QualityRule

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


# Warnings alone: what costs a worker anything is for people to switch on. The measures with a null distribution are
# flagged at 1 % over all workers of a study; a share of controls must be surely worse than these figures.
SMALLEST_FALSE_ALARM = 0.01
DEFAULT_RULES = (
    *(
        RuleFields(measure, Condition.FLAGGED, SMALLEST_FALSE_ALARM, fewest, Action.WARN)
        for measure, fewest in {
            "recall": 5,
            "false_alarms": 5,
            "share_selected": 48,
            "agreement": 48,
            "consistency": 10,
            "seconds": 48,
            "entropy": 48,
            "periodicity": 48,
            "likeness": 48,
        }.items()
    ),
    RuleFields("recall", Condition.BELOW, 0.6, 10, Action.WARN),
    RuleFields("false_alarms", Condition.ABOVE, 0.4, 10, Action.WARN),
)

# A control that the better half of the workers fails: the upper end of the interval of their passes is below this.
FEWEST_PASSES_OF_GOOD = 0.5
FEWEST_GOOD_OF_A_CONTROL = 5
# A photograph on which so many people agree without exception is proposed as a control.
FEWEST_VOTES_OF_A_PROPOSAL = 8
