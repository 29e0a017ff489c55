"""Measures of workers: their names, and shares as whole percents."""

from collections.abc import Mapping

from django import template

from aggregation.quality.kinds import MEASURE_NAMES
from aggregation.quality.reads import MeasureValue

register = template.Library()


@register.filter
def percent(share: float | None) -> str:
    """Return a share as whole percents; 0 and 100 only if it is none or all.

    >>> [percent(share) for share in (0.0, 0.001, 0.456, 0.999, 1.0)]
    ['0 %', '1 %', '46 %', '99 %', '100 %']
    """
    if share is None:
        return "–"
    whole = round(100 * share)
    return f"{whole if share <= 0 or share >= 1 else min(99, max(1, whole))} %"


@register.filter
def measure_name(measure: str) -> str:
    """Return the name of a measure for people."""
    return str(MEASURE_NAMES.get(measure, measure))


@register.filter
def of_measure(measures: Mapping[str, MeasureValue], name: str) -> MeasureValue | None:
    """Return the measure of this name."""
    return measures.get(name)
