"""Storage of a review's own reasons why an image is problematic, beside the published ones."""

from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from review_task.models import ProblemMark, ProblemReason, Review

# As many as the digits that choose them, and the published ones.
MOST_REASONS = 20


class BadReason(UserError):
    """Words that are no reason of their own."""


@transaction.atomic
def add_reason(*, review: Review, words: str) -> ProblemReason:
    """Add a reason to those that reviewers choose from; one that is there already stays. Raises BadReason."""
    words = " ".join(words.split())
    if not words or len(words) > 100 or words in ProblemMark.Reason.values:
        raise BadReason(gettext("Write the reason in other words, at most 100 characters."))
    reasons = Review.objects.select_for_update(no_key=True).get(pk=review.pk).problem_reasons
    if reasons.count() >= MOST_REASONS and not reasons.filter(words=words).exists():
        raise BadReason(gettext("A review has at most %(n)s reasons of its own.") % {"n": MOST_REASONS})
    return reasons.get_or_create(words=words)[0]
