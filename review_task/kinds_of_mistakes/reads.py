"""Categories and severities of mistakes: the published ones, and others that a panel names."""

from django.utils.translation import gettext

from review_task.errors import BadVerdict
from review_task.models import Review, VerdictValue

LONGEST = {"category": 60, "severity": 20}


def is_kind(name: str, text: str) -> bool:
    """Return whether a text can be a category or a severity (`name`): a line that is not empty and not too long.

    >>> is_kind("severity", "Major"), is_kind("severity", " Major"), is_kind("severity", "")
    (True, False, False)
    """
    return text.strip() == text != "" and text.isprintable() and len(text) <= LONGEST[name]


def check_kind_of_mistake(review: Review, verdict: str, category: str, severity: str) -> None:
    """Check that a verdict has a category and a severity if it is a mistake of a mistake queue, and else none.

    Raises BadVerdict.
    """
    is_mistake = review.stage == Review.Stage.MISTAKES and verdict == VerdictValue.WRONG
    if is_mistake and not (is_kind("category", category) and is_kind("severity", severity)):
        message = gettext("A mistake needs a category of at most %(n)s characters, and a severity of at most %(m)s.")
        raise BadVerdict(message % {"n": LONGEST["category"], "m": LONGEST["severity"]})
    if not is_mistake and (category or severity):
        raise BadVerdict(gettext("Only a mistake of a mistake queue has a category and a severity."))
