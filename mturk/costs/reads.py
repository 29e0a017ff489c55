"""Before a batch is offered: what that costs, and whether it can be paid."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count

from catalog.errors import UserError
from mturk import endpoint
from mturk.pricing.reads import Preview, asks_for_masters, preview
from mturk.terms.reads import CannotPublish
from workforce.models import Batch, Slot


class NoKeys(UserError):
    """Nobody said as whom we are to call."""


def preview_of(batch: Batch, reward: Decimal, requirements: list[dict[str, Any]] | None = None) -> Preview:
    """What all free slots of a batch cost, to the cent."""
    free = Slot.objects.filter(batch=batch, state=Slot.State.FREE, hit__closed_at=None)
    n_answers = free.order_by().values_list("hit").annotate(n=Count("pk")).values_list("n", flat=True)
    return preview(n_answers, reward, masters=asks_for_masters(requirements or []))


def check_keys() -> None:
    if not settings.MTURK["access_key_id"] or not settings.MTURK["secret_access_key"]:
        raise NoKeys(
            "There are no keys for the marketplace.",
            shell="Set MTURK_ACCESS_KEY_ID and MTURK_SECRET_ACCESS_KEY; for our own marketplace ./run makes a pair and "
            "keeps it in the state folder.",
            page="The site administrator can set MTURK_ACCESS_KEY_ID and MTURK_SECRET_ACCESS_KEY.",
        )


def check_balance(cost: Decimal) -> Decimal:
    """The balance, if it is enough for this. Raises CannotPublish otherwise, or if the marketplace cannot be asked."""
    check_keys()
    try:
        available = endpoint.balance()
    except (endpoint.RefusedCall, endpoint.TurnedAway) as error:
        raise CannotPublish(f"The balance could not be asked for, so nothing was published: {error}") from None
    except endpoint.EndpointError as error:
        raise CannotPublish(
            f"The balance could not be asked for, so nothing was published. This may pass: publish again. {error}"
        ) from None
    if available < cost:
        raise CannotPublish(
            f"This costs ${cost} with fees, and the balance on the marketplace is ${available}. Nothing was published."
        )
    return available
