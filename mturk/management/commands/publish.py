"""`./manage publish BATCH`: offer a batch on the marketplace, once its cost was seen and agreed to."""

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.errors import as_command_errors
from mturk.costs.reads import preview_of
from mturk.pricing.reads import Preview
from mturk.publishing.actions import publish
from mturk.repeats.reads import repeated_by
from mturk.sync import send_waiting
from mturk.terms.reads import DAY, HOUR, KEYWORDS, MINUTE, OfferTerms, check_can_publish
from workforce.kinds import offer_of
from workforce.models import Batch
from workforce.reads import batch_named


class Command(BaseCommand):
    help = (
        "Offer all that a batch still wants to know on the marketplace. Shows first what that costs, to the cent, and "
        "asks. The HITs are made by the background tasks; `marketplace status` tells how far they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", help="its number, or its address")
        parser.add_argument("--reward", type=dollars, required=True, metavar="DOLLARS", help="for one HIT: 0.08")
        parser.add_argument("--title", default="", metavar="TEXT")
        parser.add_argument("--description", default="", metavar="TEXT")
        parser.add_argument("--keywords", default=KEYWORDS, metavar="WORDS")
        parser.add_argument("--minutes", type=int, default=60, metavar="N", help="allowed for one HIT (60)")
        parser.add_argument("--days", type=int, default=7, metavar="N", help="on the marketplace (7)")
        parser.add_argument("--review-hours", type=int, default=0, metavar="N", help="before answers are approved (0)")
        parser.add_argument(
            "--approve-days",
            type=int,
            default=3,
            choices=(1, 2, 3),
            metavar="N",
            help="after which the marketplace approves by itself (3, at most)",
        )
        parser.add_argument("--cap", type=dollars, metavar="DOLLARS", help="spend no more on it (its cost and 10 %%)")
        parser.add_argument("--requirements", type=Path, metavar="FILE", help="JSON: QualificationRequirements")
        parser.add_argument(
            "--offer-former",
            action="store_true",
            help="offer HITs also to people who answered some of their questions before: they are "
            "refused at those that they had, once they accepted one",
        )
        parser.add_argument("--yes", action="store_true", help="agree to the cost beforehand")

    def handle(self, *args: Any, reward: Decimal, **options: Any) -> None:
        with as_command_errors():
            batch = batch_named(options["batch"])
            check_can_publish(batch)
            requirements = requirements_in(options["requirements"])
            cost = preview_of(batch, reward, requirements)
            self.show(batch, cost, reward)
            self.tell_repeats(batch, options["offer_former"])
            if not options["yes"] and not is_agreed():
                raise CommandError("Nothing was published. Write yes when asked, or agree beforehand with --yes.")
            cap = options["cap"] or (cost.total * Decimal("1.1")).quantize(Decimal("0.01"))
            terms = publish(batch=batch, offer=offer_in(options, batch, reward, cap, requirements))
            send_waiting()
        self.stdout.write(f"Batch {batch.pk} is published until {terms.expires_at:%Y-%m-%d %H:%M} UTC; cap ${cap}.")

    def show(self, batch: Batch, cost: Preview, reward: Decimal) -> None:
        if not cost.n_assignments:
            raise CommandError(f"Batch {batch.pk} wants no answers: there is nothing to publish.")
        self.stderr.write(f"Batch {batch.pk} ({batch}): {cost.n_assignments:,} assignments in {cost.n_hits:,} HITs")
        self.stderr.write(f"  rewards  ${cost.rewards:>10,}  ({cost.n_assignments:,} × ${reward})")
        self.stderr.write(f"  fees     ${cost.fees:>10,}")
        self.stderr.write(f"  total    ${cost.total:>10,}")
        if cost.fees_as_tens > cost.fees:
            self.stderr.write(
                f"  HITs of 10 assignments or more cost twice the fee; divided into HITs of at most 9 this saves "
                f"${cost.fees_as_tens - cost.fees:,}."
            )

    def tell_repeats(self, batch: Batch, offers_former: bool) -> None:
        repeated = repeated_by(batch)
        if repeated is None:
            return
        numbers = ", ".join(map(str, repeated.batches))
        people = f"{repeated.n_workers:,} {'person' if repeated.n_workers == 1 else 'people'}"
        self.stderr.write(
            f"  {repeated.n_hits:,} HITs ask again what batch {numbers} asked: {people} answered that before and "
            f"{'may accept them all the same' if offers_former else 'will not be offered them'}."
        )


def is_agreed() -> bool:
    try:
        return input("Publish? Write yes: ").strip().lower() == "yes"
    except EOFError:
        return False


def dollars(text: str) -> Decimal:
    """
    >>> dollars("0.08"), dollars("$2")
    (Decimal('0.08'), Decimal('2.00'))
    """
    try:
        amount = Decimal(text.removeprefix("$"))
        if amount > 0 and amount == amount.quantize(Decimal("0.01")):
            return amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        pass
    raise ArgumentTypeError(f"{text!r} is no amount in dollars and cents. Write one such as 0.08.")


def requirements_in(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(read, list) or not all(
        isinstance(requirement, dict) and "QualificationTypeId" in requirement for requirement in read
    ):
        raise CommandError(f"{path}: a list of objects with QualificationTypeId, Comparator and values is wanted.")
    return read


def offer_in(
    options: dict[str, Any], batch: Batch, reward: Decimal, cap: Decimal, requirements: list[dict[str, Any]]
) -> OfferTerms:
    offer = offer_of(batch.kind)
    return OfferTerms(
        title=options["title"] or offer.title,
        description=options["description"] or offer.description,
        keywords=options["keywords"],
        reward=reward,
        spending_cap=cap,
        assignment_seconds=options["minutes"] * MINUTE,
        lifetime_seconds=int(timedelta(days=options["days"]).total_seconds()),
        auto_approval_seconds=options["approve_days"] * DAY,
        review_seconds=options["review_hours"] * HOUR,
        requirements=requirements,
        keeps_out_former=not options["offer_former"],
    )
