"""Titles of kinds of task for pages."""

from django import template

from workforce.kinds import kind_named

register = template.Library()


@register.filter
def kind_title(kind: str) -> str:
    """Return the title of the kind of this name."""
    return kind_named(kind).title
