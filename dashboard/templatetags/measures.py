"""Measures of workers: their names, and shares as whole percents."""

from collections.abc import Iterable, Mapping

from django import template
from django.utils.translation import gettext_lazy

from aggregation.quality.kinds import MEASURE_NAMES
from aggregation.quality.reads import Flag, MeasureValue

register = template.Library()
SHORT_NAMES = {
    "recall": gettext_lazy("controls missed"),
    "false_alarms": gettext_lazy("false alarms"),
    "share_selected": gettext_lazy("share selected"),
    "agreement": gettext_lazy("agreement"),
    "consistency": gettext_lazy("contradictions"),
    "seconds": gettext_lazy("speed"),
    "entropy": gettext_lazy("positions"),
    "periodicity": gettext_lazy("pattern"),
    "likeness": gettext_lazy("likeness"),
}


@register.filter
def percent(share: float | None) -> str:
    """Return a share as whole percents; 0 and 100 only if it is none or all.

    >>> [percent(share) for share in (0.0, 0.001, 0.456, 0.999, 1.0)]
    ['0 %', '1 %', '46 %', '99 %', '100 %']
    """
    return "–" if share is None else f"{whole_percent(share)} %"


@register.filter
def whole_percent(share: float) -> int:
    """Return a share as whole percents, without the sign, for the lower end of an interval."""
    whole = round(100 * share)
    return whole if share <= 0 or share >= 1 else min(99, max(1, whole))


@register.filter
def short_names(flags: Iterable[Flag]) -> list[str]:
    """Return the measures of flags in a word or two each, none twice."""
    names = {flag.measure: SHORT_NAMES.get(flag.measure) or measure_name(flag.measure) for flag in flags}
    return [str(name) for name in names.values()]


@register.filter
def measure_name(measure: str) -> str:
    """Return the name of a measure for people."""
    return str(MEASURE_NAMES.get(measure, measure))


@register.filter
def of_measure(measures: Mapping[str, MeasureValue], name: str) -> MeasureValue | None:
    """Return the measure of this name."""
    return measures.get(name)
