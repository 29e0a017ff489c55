"""Number of reported problems, for the pages that link to them."""

from django import template

from catalog.models import Dataset
from dashboard.participants.reports import reports_of

register = template.Library()


@register.simple_tag
def n_reports(dataset: Dataset) -> int:
    """Return the number of problems reported in a dataset."""
    return reports_of(dataset).count()
