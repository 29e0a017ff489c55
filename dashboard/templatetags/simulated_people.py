"""Simulated people of a study, whom its pages name, so that nobody takes their answers for those of people."""

from django import template

from catalog.models import Dataset
from workforce.simulated.reads import Simulated, simulated_in

register = template.Library()


@register.simple_tag
def simulated(dataset: Dataset) -> Simulated:
    """Return the numbers of simulated people of a dataset and of their submissions."""
    return simulated_in(dataset)
