"""Raising pay to the target wage, by bonuses."""

from decimal import Decimal

from django.db import transaction

from mturk.models import Terms
from mturk.payments.actions import give_bonus
from mturk.wages.reads import below, target_wage

# The rest is proposed again: a page is to answer within seconds.
MOST_AT_ONCE = 200
REASON = "The work took longer than we reckoned. By the time that half of all needed, this makes it ${wage} an hour."


@transaction.atomic
def raise_pay(*, terms: Terms, level: Decimal) -> int:
    """Give every approved assignment that earned less than `level` dollars a bonus that brings it there.

    Returns how many that are: at most MOST_AT_ONCE. Two at the same time give it once. Raises OverCap, and then
    nobody is given any.
    """
    Terms.objects.select_for_update().get(pk=terms.pk)
    lacking = below(terms, level)[:MOST_AT_ONCE]
    reason = REASON.format(wage=target_wage(terms.batch.dataset))
    for listed, amount in lacking:
        give_bonus(listed=listed, amount=amount, reason=reason)
    return len(lacking)
