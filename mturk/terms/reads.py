"""What a batch and its terms must be to be offered on the marketplace."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import CharField, DecimalField

from catalog.errors import UserError
from mturk.models import Terms
from mturk.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from mturk.pricing.reads import in_cents
from workforce.kinds import kind_named
from workforce.models import Batch, Lease

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
KEYWORDS = "image, photograph, labels, categorize, research"
# The marketplace takes ten; two are ours: who is offered no more HITs, and who answered before what is asked again.
MOST_REQUIREMENTS = 8
MOST_LOSSES = 1000
DEFAULT_LOSSES = Terms._meta.get_field("losses_per_hit").default


class CannotPublish(UserError):
    """The batch cannot be offered like this; the message says why and what can be done."""


class OverCap(CannotPublish):
    """It would cost more than may be spent."""


@dataclass(frozen=True)
class OfferTerms:
    """What a researcher sets when a batch is offered. The fields are those of the row in `Terms`."""

    title: str
    description: str
    # In dollars.
    reward: Decimal
    spending_cap: Decimal
    assignment_seconds: int
    lifetime_seconds: int
    auto_approval_seconds: int = LONGEST_AUTO_APPROVAL_SECONDS
    keywords: str = ""
    review_seconds: int = 0
    # As the API has them.
    requirements: list[dict[str, Any]] = field(default_factory=list)
    losses_per_hit: int = DEFAULT_LOSSES
    keeps_out_former: bool = True

    def check(self) -> None:
        """Raise CannotPublish, naming it, for the first of these that the marketplace would refuse, or W3 does."""
        self._check_texts()
        for name, seconds in (("a HIT", self.assignment_seconds), ("the batch", self.lifetime_seconds)):
            if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
                raise CannotPublish(f"The time for {name} is {seconds:,} seconds; half a minute to a year is taken.")
        if not 0 <= self.review_seconds < self.auto_approval_seconds <= LONGEST_AUTO_APPROVAL_SECONDS:
            raise CannotPublish("Answers are approved after three days at the latest, and looked at before that.")
        if (n := len(self.requirements)) > MOST_REQUIREMENTS:
            raise CannotPublish(f"A HIT takes {MOST_REQUIREMENTS} requirements beside our own, not {n}.")
        check_losses(self.losses_per_hit)
        check_money(self.reward, self.spending_cap)

    def _check_texts(self) -> None:
        texts = (("title", self.title, 1), ("description", self.description, 1), ("keywords", self.keywords, 0))
        for name, text, least in texts:
            most = _longest(name)
            if not least <= len(text.strip()) <= most or not text.replace("\n", "").isprintable():
                words = f"{least} to {most:,} printable ones are taken"
                raise CannotPublish(f"The {name} has {len(text)} characters; {words}.")


def _longest(column: str) -> int:
    field = Terms._meta.get_field(column)
    assert isinstance(field, CharField) and field.max_length is not None
    return field.max_length


def _max_digits(column: str) -> int:
    field = Terms._meta.get_field(column)
    assert isinstance(field, DecimalField) and field.max_digits is not None
    return field.max_digits


def check_losses(per_hit: int) -> None:
    if not 1 <= per_hit <= MOST_LOSSES:
        raise CannotPublish(f"A HIT may lose 1 to {MOST_LOSSES:,} assignments, not {per_hit}.")


def check_money(reward: Decimal, spending_cap: Decimal) -> None:
    for name, amount in (("reward", reward), ("spending_cap", spending_cap)):
        most = Decimal(10) ** (_max_digits(name) - 2)
        if in_cents(amount) is None or amount >= most:
            words = f"The {name.replace('_', ' ')} is ${amount}; a whole number of cents is taken, at least one"
            raise CannotPublish(f"{words}, and less than ${most:,}.")
    if spending_cap < reward:
        raise CannotPublish(f"The spending cap, ${spending_cap}, is less than one reward, ${reward}. Raise it.")


def check_can_publish(batch: Batch) -> None:
    """Raise CannotPublish for a batch that is closed, published, begun elsewhere, or not for a marketplace at all."""
    if kind_named(batch.kind).offer is None:
        raise CannotPublish(f"Batch {batch.pk} is of a kind that is for recruitment links: no marketplace offers it.")
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
