"""Conditions on a batch and its terms before it is published on the marketplace."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import CharField, DecimalField
from django.utils.translation import gettext

from catalog.errors import UserError
from mturk.models import Terms
from mturk.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from mturk.pricing.reads import in_cents
from workforce.introductions.reads import contact_of
from workforce.kinds import kind_named, offer_of
from workforce.models import Batch, Lease
from workforce.simulated.reads import simulated_in

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
KEYWORDS = "image, photograph, labels, categorize, research"
# The marketplace takes ten; two are ours: blocked workers, and former workers of repeated questions.
MOST_REQUIREMENTS = 8
MOST_LOSSES = 1000
DEFAULT_LOSSES = Terms._meta.get_field("losses_per_hit").default


class CannotPublish(UserError):
    """An error for a batch that cannot be published like this."""


class OverCap(CannotPublish):
    """An error for a cost above the spending cap."""


@dataclass(frozen=True)
class OfferTerms:
    """The terms that a researcher sets to publish a batch. The fields are those of `Terms`."""

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
        """Raise CannotPublish for the first field that the marketplace or our rules would refuse."""
        self._check_texts()
        for words, seconds in (
            (
                gettext("The time per HIT is %(n)s seconds; it must be between 30 seconds and one year."),
                self.assignment_seconds,
            ),
            (
                gettext("The time of the batch is %(n)s seconds; it must be between 30 seconds and one year."),
                self.lifetime_seconds,
            ),
        ):
            if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
                raise CannotPublish(words % {"n": f"{seconds:,}"})
        if not 0 <= self.review_seconds < self.auto_approval_seconds <= LONGEST_AUTO_APPROVAL_SECONDS:
            raise CannotPublish(
                gettext("Approval must come within three days, and the review time must end before it.")
            )
        if (n := len(self.requirements)) > MOST_REQUIREMENTS:
            words = gettext("There are %(n)s qualifications; a HIT takes at most %(most)s besides our own.")
            raise CannotPublish(words % {"n": n, "most": MOST_REQUIREMENTS})
        check_losses(self.losses_per_hit)
        check_money(self.reward, self.spending_cap)

    def _check_texts(self) -> None:
        texts = (
            (
                "title",
                self.title,
                1,
                gettext("The title has %(n)s characters; it must have 1 to %(most)s printable characters."),
            ),
            (
                "description",
                self.description,
                1,
                gettext("The description has %(n)s characters; it must have 1 to %(most)s printable characters."),
            ),
            (
                "keywords",
                self.keywords,
                0,
                gettext("The keywords have %(n)s characters; they may have at most %(most)s printable characters."),
            ),
        )
        for column, text, least, words in texts:
            most = _longest(column)
            if not least <= len(text.strip()) <= most or not text.replace("\n", "").isprintable():
                raise CannotPublish(words % {"n": f"{len(text):,}", "most": f"{most:,}"})


def description_of(batch: Batch) -> str:
    """Propose a description: that of the kind of task, with the study's contact, which the marketplace then shows."""
    description, contact = str(offer_of(batch.kind).description), contact_of(batch)
    if not contact:
        return description
    return f"{description} {gettext('Contact: %(contact)s') % {'contact': contact}}"


def _longest(column: str) -> int:
    field = Terms._meta.get_field(column)
    assert isinstance(field, CharField) and field.max_length is not None
    return field.max_length


def _max_digits(column: str) -> int:
    field = Terms._meta.get_field(column)
    assert isinstance(field, DecimalField) and field.max_digits is not None
    return field.max_digits


def check_losses(per_hit: int) -> None:
    """Raise CannotPublish for a number of unusable assignments out of range."""
    if not 1 <= per_hit <= MOST_LOSSES:
        words = gettext("A HIT may have 1 to %(most)s unusable assignments, not %(n)s.")
        raise CannotPublish(words % {"most": f"{MOST_LOSSES:,}", "n": per_hit})


def check_money(reward: Decimal, spending_cap: Decimal) -> None:
    """Raise CannotPublish for amounts that are no whole cents, too large, or a cap below the reward."""
    for column, amount, words in (
        (
            "reward",
            reward,
            gettext("The reward of $%(amount)s must be at least one cent, in whole cents, below $%(most)s."),
        ),
        (
            "spending_cap",
            spending_cap,
            gettext("The spending cap of $%(amount)s must be at least one cent, in whole cents, below $%(most)s."),
        ),
    ):
        most = Decimal(10) ** (_max_digits(column) - 2)
        if in_cents(amount) is None or amount >= most:
            raise CannotPublish(words % {"amount": amount, "most": f"{most:,}"})
    if spending_cap < reward:
        words = gettext("The spending cap of $%(cap)s is below one reward of $%(reward)s. Raise it.")
        raise CannotPublish(words % {"cap": spending_cap, "reward": reward})


def _how_to_publish_anew(batch: Batch) -> dict[str, str]:
    return {
        "shell": gettext(
            "Close it, open its work again, and publish the new batch: ./manage close %(batch)s, then "
            "./manage open %(kind)s --dataset %(dataset)s (for grids with --profile own --again)."
        )
        % {"batch": batch.pk, "kind": batch.kind, "dataset": batch.dataset},
        "page": gettext(
            "Close it under Grids, open its work again there (for grids, select “Open pairs again”), "
            "and publish the new batch."
        ),
    }


def check_can_publish(batch: Batch) -> None:
    """Raise CannotPublish for a batch that is closed, published, begun elsewhere, or not for a marketplace at all."""
    if kind_named(batch.kind).offer is None:
        raise CannotPublish(
            gettext("Batch %(batch)s can only be shared through recruitment links.") % {"batch": batch.pk}
        )
    if batch.closed_at is not None:
        raise CannotPublish(gettext("Batch %(batch)s is closed. Open a new one instead.") % {"batch": batch.pk})
    if Terms.objects.filter(batch=batch).exists():
        words = gettext("Batch %(batch)s is already published. To offer it for longer, extend it.")
        raise CannotPublish(words % {"batch": batch.pk})
    if batch.marketplace not in (Batch.Marketplace.LINK, Batch.Marketplace.MTURK):
        words = gettext("Batch %(batch)s holds imported answers, so it cannot be published.")
        raise CannotPublish(words % {"batch": batch.pk})
    if simulated_in(batch.dataset):
        raise CannotPublish(
            gettext("The study has simulated people, so no batch of it can be published. Remove them first."),
            shell=gettext("./manage simulate --remove does it."),
        )
    if Lease.objects.filter(batch=batch).exists():
        words = gettext("Workers have already opened batch %(batch)s through its link, so it cannot be published.")
        raise CannotPublish(words % {"batch": batch.pk}, **_how_to_publish_anew(batch))
