"""How much people told of, for the pages that lead there."""

from django import template

from catalog.models import Dataset
from dashboard.participants.reports import reports_of

register = template.Library()


@register.simple_tag
def n_reports(dataset: Dataset) -> int:
    return reports_of(dataset).count()
