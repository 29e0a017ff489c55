"""`./manage publish BATCH`: publish a batch on the marketplace, after showing its cost and asking for agreement."""

import json
from argparse import ArgumentTypeError
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from catalog.errors import as_command_errors
from mturk.costs.reads import preview_of
from mturk.pricing.reads import Preview
from mturk.publishing.actions import publish
from mturk.repeats.reads import repeated_by
from mturk.sync import send_waiting
from mturk.terms.reads import DAY, HOUR, KEYWORDS, MINUTE, OfferTerms, check_can_publish, description_of
from mturk.wages.reads import low_wage, short_time
from workforce.kinds import offer_of
from workforce.models import Batch
from workforce.reads import batch_named


class Command(BaseCommand):
    help = (
        "Publish all open work of a batch on the marketplace. It first shows the cost, to the cent, and asks for "
        "agreement. Background tasks create the HITs; `marketplace status` shows their progress."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", help="number or address of the batch")
        parser.add_argument(
            "--reward", type=dollars, required=True, metavar="DOLLARS", help="reward per HIT, for example 0.08"
        )
        parser.add_argument("--title", default="", metavar="TEXT", help="title in the list of HITs")
        parser.add_argument("--description", default="", metavar="TEXT", help="description of the HITs")
        parser.add_argument("--keywords", default=KEYWORDS, metavar="WORDS", help="keywords, separated by commas")
        parser.add_argument("--minutes", type=int, default=60, metavar="N", help="minutes per HIT (default 60)")
        parser.add_argument("--days", type=int, default=7, metavar="N", help="days on the marketplace (default 7)")
        parser.add_argument(
            "--review-hours", type=int, default=0, metavar="N", help="hours for review before approval (default 0)"
        )
        parser.add_argument(
            "--approve-days",
            type=int,
            default=3,
            choices=(1, 2, 3),
            metavar="N",
            help="days until the marketplace approves automatically (default 3, the maximum)",
        )
        parser.add_argument(
            "--cap", type=dollars, metavar="DOLLARS", help="spending cap of the batch (default: its cost plus 10 %%)"
        )
        parser.add_argument(
            "--requirements", type=Path, metavar="FILE", help="JSON file with a list of QualificationRequirements"
        )
        parser.add_argument(
            "--offer-former",
            action="store_true",
            help="offer repeated questions also to workers who answered them before; "
            "such a worker is turned away after accepting the HIT",
        )
        parser.add_argument("--yes", action="store_true", help="agree to the cost in advance")
        parser.add_argument(
            "--below-target",
            action="store_true",
            help="agree in advance to a wage below the target, or to less time than the work needs",
        )

    def handle(self, *args: Any, reward: Decimal, **options: Any) -> None:
        with as_command_errors():
            batch = batch_named(options["batch"])
            check_can_publish(batch)
            requirements = requirements_in(options["requirements"])
            cost = preview_of(batch, reward, requirements)
            self.show(batch, cost, reward)
            self.tell_repeats(batch, options["offer_former"])
            self.agree(self.tell_doubts(batch, reward, options["minutes"] * MINUTE), options)
            cap = options["cap"] or (cost.total * Decimal("1.1")).quantize(Decimal("0.01"))
            terms = publish(batch=batch, offer=offer_in(options, batch, reward, cap, requirements))
            send_waiting()
        words = gettext("Batch %(batch)s is published until %(end)s UTC. Its spending cap is $%(cap)s.")
        self.stdout.write(words % {"batch": batch.pk, "end": f"{terms.expires_at:%Y-%m-%d %H:%M}", "cap": cap})

    def show(self, batch: Batch, cost: Preview, reward: Decimal) -> None:
        if not cost.n_assignments:
            raise CommandError(gettext("Batch %(batch)s needs no answers now.") % {"batch": batch.pk})
        assignments = ngettext("%(n)s assignment", "%(n)s assignments", cost.n_assignments)
        hits = ngettext("%(n)s HIT", "%(n)s HITs", cost.n_hits)
        self.stderr.write(f"Batch {batch.pk} ({batch})")
        self.stderr.write(
            f"  size     {assignments % {'n': f'{cost.n_assignments:,}'}}, {hits % {'n': f'{cost.n_hits:,}'}}"
        )
        self.stderr.write(f"  rewards  ${cost.rewards:>10,}  ({cost.n_assignments:,} × ${reward})")
        self.stderr.write(f"  fees     ${cost.fees:>10,}")
        self.stderr.write(f"  total    ${cost.total:>10,}")
        if cost.fees_as_tens > cost.fees:
            words = gettext(
                "HITs with 10 or more assignments cost double fees. Splitting them into parts of at most 9 saves "
                "$%(amount)s."
            )
            self.stderr.write(words % {"amount": f"{cost.fees_as_tens - cost.fees:,}"})

    def tell_doubts(self, batch: Batch, reward: Decimal, seconds: int) -> bool:
        """Print what speaks against the reward and the time, with figures; return whether anything does."""
        doubts = list(filter(None, [low_wage(batch, reward), short_time(batch, seconds)]))
        for doubt in doubts:
            self.stderr.write(doubt)
        return bool(doubts)

    def agree(self, is_doubtful: bool, options: dict[str, Any]) -> None:
        """Ask whether to publish, unless that was agreed to in advance. Raises CommandError."""
        if options["yes"] and is_doubtful and not options["below_target"]:
            words = gettext(
                "Nothing was published. Raise the reward or the time, or agree to them with --below-target."
            )
            raise CommandError(words)
        if not options["yes"] and not is_agreed():
            raise CommandError(gettext("Nothing was published. Answer yes, or agree in advance with --yes."))

    def tell_repeats(self, batch: Batch, offers_former: bool) -> None:
        repeated = repeated_by(batch)
        if repeated is None:
            return
        words = ngettext(
            "%(n)s HIT repeats questions of earlier batches (%(batches)s).",
            "%(n)s HITs repeat questions of earlier batches (%(batches)s).",
            repeated.n_hits,
        )
        self.stderr.write(words % {"n": f"{repeated.n_hits:,}", "batches": ", ".join(map(str, repeated.batches))})
        if offers_former:
            words = ngettext(
                "%(n)s worker who answered before may still accept such a HIT.",
                "%(n)s workers who answered before may still accept such HITs.",
                repeated.n_workers,
            )
        else:
            words = ngettext(
                "%(n)s worker who answered before will not be offered them.",
                "%(n)s workers who answered before will not be offered them.",
                repeated.n_workers,
            )
        self.stderr.write(words % {"n": f"{repeated.n_workers:,}"})


def is_agreed() -> bool:
    try:
        return input(gettext("Publish? Type yes: ")).strip().lower() == "yes"
    except EOFError:
        return False


def dollars(text: str) -> Decimal:
    """Return an amount in dollars and cents. Raises ArgumentTypeError.

    >>> dollars("0.08"), dollars("$2")
    (Decimal('0.08'), Decimal('2.00'))
    """
    try:
        amount = Decimal(text.removeprefix("$"))
        if amount > 0 and amount == amount.quantize(Decimal("0.01")):
            return amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        pass
    words = gettext("“%(text)s” is not an amount in dollars and cents. Write one like 0.08.")
    raise ArgumentTypeError(words % {"text": text})


def requirements_in(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        words = gettext("%(path)s is not readable as JSON: %(error)s")
        raise CommandError(words % {"path": path, "error": error}) from None
    if not isinstance(read, list) or not all(
        isinstance(requirement, dict) and "QualificationTypeId" in requirement for requirement in read
    ):
        words = gettext("%(path)s must hold a list of objects with QualificationTypeId, Comparator and values.")
        raise CommandError(words % {"path": path})
    return read


def offer_in(
    options: dict[str, Any], batch: Batch, reward: Decimal, cap: Decimal, requirements: list[dict[str, Any]]
) -> OfferTerms:
    offer = offer_of(batch.kind)
    return OfferTerms(
        title=options["title"] or str(offer.title),
        description=options["description"] or description_of(batch),
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
