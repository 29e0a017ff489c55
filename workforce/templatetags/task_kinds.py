"""Kinds of task as pages call them."""

from django import template

from workforce.kinds import kind_named

register = template.Library()


@register.filter
def kind_title(kind: str) -> str:
    """Return what pages call the kind of this name."""
    return kind_named(kind).title
