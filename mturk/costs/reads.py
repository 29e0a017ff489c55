"""The cost of a batch before it is published, and checks that it can be paid."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils.translation import gettext

from catalog.errors import UserError
from mturk import endpoint
from mturk.pricing.reads import Preview, asks_for_masters, preview
from mturk.terms.reads import CannotPublish
from workforce.models import Batch, Slot


class NoKeys(UserError):
    """An error for missing keys of the marketplace account."""


def preview_of(batch: Batch, reward: Decimal, requirements: list[dict[str, Any]] | None = None) -> Preview:
    """Return the cost of all free slots of a batch, to the cent."""
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE, hit__closed_at=None)
    n_answers = free.order_by().values_list("hit").annotate(n=Count("pk")).values_list("n", flat=True)
    return preview(n_answers, reward, masters=asks_for_masters(requirements or []))


def check_keys() -> None:
    """Check that the settings have keys for the marketplace. Raises NoKeys."""
    if not settings.MTURK["access_key_id"] or not settings.MTURK["secret_access_key"]:
        raise NoKeys(
            gettext("No marketplace keys are set."),
            shell=gettext(
                "Set MTURK_ACCESS_KEY_ID and MTURK_SECRET_ACCESS_KEY. For our own marketplace, ./run creates a "
                "pair and keeps it in the state folder."
            ),
            page=gettext("The site administrator can set MTURK_ACCESS_KEY_ID and MTURK_SECRET_ACCESS_KEY."),
        )


def check_balance(cost: Decimal) -> Decimal:
    """Return the balance if it covers the cost. Raises CannotPublish otherwise, or if the balance is unavailable."""
    check_keys()
    try:
        available = endpoint.balance()
    except (endpoint.RefusedCall, endpoint.TurnedAway) as error:
        words = gettext("Nothing was published: the account balance is unavailable. %(error)s")
        raise CannotPublish(words % {"error": error}) from None
    except endpoint.EndpointError as error:
        words = gettext("Nothing was published: the account balance is unavailable at the moment. Try again. %(error)s")
        raise CannotPublish(words % {"error": error}) from None
    if available < cost:
        words = gettext("Nothing was published: it costs $%(cost)s with fees, but the account balance is $%(balance)s.")
        raise CannotPublish(words % {"cost": cost, "balance": available})
    return available
