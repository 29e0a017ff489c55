"""Answers that are missing, or more than wanted, for the pages that show them."""

from django import template

from aggregation.further.reads import MissingAnswers, n_surplus_votes
from aggregation.further.reads import missing_answers as missing_answers_of
from catalog.models import Dataset
from workforce.reads import not_aggregated

register = template.Library()


@register.simple_tag
def missing_answers(dataset: Dataset) -> MissingAnswers:
    """Return what exclusions took from a dataset and nobody is asked for."""
    return missing_answers_of(dataset)


@register.simple_tag
def surplus_votes(dataset: Dataset) -> int:
    """Return the number of votes of a dataset that are more than were asked for."""
    return n_surplus_votes(dataset)


@register.simple_tag
def waiting_submissions(dataset: Dataset) -> int:
    """Return the number of submissions whose votes are still to be counted."""
    return not_aggregated(dataset).count()
