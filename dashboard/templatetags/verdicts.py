"""Words for verdicts and for the states of items, and their colours."""

from django import template
from django.utils.translation import gettext_lazy

register = template.Library()
WORDS = {
    "correct": gettext_lazy("correct"),
    "wrong": gettext_lazy("wrong"),
    "unclear": gettext_lazy("unclear"),
    "dontknow": gettext_lazy("don’t know"),
    "unreviewed": gettext_lazy("not reviewed"),
    "disputed": gettext_lazy("in dispute"),
}
COLOURS = {"correct": "good", "wrong": "bad", "unclear": "warn"}


@register.filter
def verdict_words(verdict: str) -> str:
    """Return the words for a verdict or a state."""
    return str(WORDS.get(verdict, verdict))


@register.filter
def verdict_colour(verdict: str) -> str:
    """Return the class of a verdict's tag; none for what decides nothing.

    >>> verdict_colour("wrong"), verdict_colour("dontknow")
    ('bad', '')
    """
    return COLOURS.get(verdict, "")
