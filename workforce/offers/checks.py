"""What a batch and its terms must be to be offered on the marketplace."""

from collections.abc import Sequence
from decimal import Decimal

from catalog.errors import UserError
from workforce.marketplaces.costs import in_cents
from workforce.models import Batch, Lease, Terms
from workforce.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS

# The marketplace takes ten; two are ours: who is offered no more HITs, and who answered before what is asked again.
MOST_REQUIREMENTS = 8


class CannotPublish(UserError):
    """The batch cannot be offered like this; the message says why and what can be done."""


class OverCap(CannotPublish):
    """It would cost more than may be spent."""


def check_terms(
    *,
    title: str,
    description: str,
    assignment_seconds: int,
    lifetime_seconds: int,
    auto_approval_seconds: int,
    keywords: str = "",
    review_seconds: int = 0,
    requirements: Sequence[dict] = (),
    keeps_out_former: bool = True,
    **money: Decimal,
) -> None:
    """Raise CannotPublish, naming it, for the first of these that the marketplace would refuse, or W3 does."""
    for name, text, least in (("title", title, 1), ("description", description, 1), ("keywords", keywords, 0)):
        most = Terms._meta.get_field(name).max_length
        if not least <= len(text.strip()) <= most or not text.replace("\n", "").isprintable():
            raise CannotPublish(f"The {name} has {len(text)} characters; {least} to {most:,} printable ones are taken.")
    for name, seconds in (("a HIT", assignment_seconds), ("the batch", lifetime_seconds)):
        if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            raise CannotPublish(f"The time for {name} is {seconds:,} seconds; half a minute to a year is taken.")
    if not 0 <= review_seconds < auto_approval_seconds <= LONGEST_AUTO_APPROVAL_SECONDS:
        raise CannotPublish("Answers are approved after three days at the latest, and looked at before that.")
    if len(requirements) > MOST_REQUIREMENTS:
        raise CannotPublish(f"A HIT takes {MOST_REQUIREMENTS} requirements beside our own, not {len(requirements)}.")
    check_money(**money)


def check_money(reward: Decimal, spending_cap: Decimal) -> None:
    for name, amount in (("reward", reward), ("spending_cap", spending_cap)):
        most = Decimal(10) ** (Terms._meta.get_field(name).max_digits - 2)
        if in_cents(amount) is None or amount >= most:
            words = f"The {name.replace('_', ' ')} is ${amount}; a whole number of cents is taken, at least one"
            raise CannotPublish(f"{words}, and less than ${most:,}.")
    if spending_cap < reward:
        raise CannotPublish(f"The spending cap, ${spending_cap}, is less than one reward, ${reward}. Raise it.")


def check_can_publish(batch: Batch) -> None:
    """Raise CannotPublish for a batch that is closed, published, or begun elsewhere."""
    if batch.closed_at is not None:
        raise CannotPublish(f"Batch {batch.pk} is closed. Open a new one for further HITs.")
    if Terms.objects.filter(batch=batch).exists():
        raise CannotPublish(f"Batch {batch.pk} is published already. Its end can be moved: extend it.")
    if batch.marketplace not in (Batch.Marketplace.LINK, Batch.Marketplace.MTURK):
        raise CannotPublish(f"Batch {batch.pk} holds answers given elsewhere: there is nothing to ask.")
    if Lease.objects.filter(batch=batch).exists():
        raise CannotPublish(
            f"Batch {batch.pk} was given to people at its own address already. Close it and open a new one to publish."
        )
