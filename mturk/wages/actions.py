"""Bonuses that raise pay to the target wage."""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy

from mturk.models import Terms
from mturk.payments.actions import give_bonus
from mturk.wages.reads import below, target_wage

# Further ones are proposed next: a page has to answer within seconds.
MOST_AT_ONCE = 200
REASON = gettext_lazy("The work took longer than we expected. With this bonus, typical pay is $%(wage)s per hour.")


@transaction.atomic
def raise_pay(*, terms: Terms, level: Decimal) -> int:
    """Raise every approved assignment that earned less than `level` dollars to that level, by a bonus.

    Returns their number, at most MOST_AT_ONCE. Two calls at the same time pay each bonus once. Raises OverCap, and
    then pays none.
    """
    Terms.objects.select_for_update().get(pk=terms.pk)
    lacking = below(terms, level)[:MOST_AT_ONCE]
    reason = REASON % {"wage": target_wage(terms.batch.dataset)}
    for listed, amount in lacking:
        give_bonus(listed=listed, amount=amount, reason=reason)
    return len(lacking)
