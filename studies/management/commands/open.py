"""`./manage open contains|classify`: work for people, and the address to send them to."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from catalog.models import Dataset
from catalog.reads import dataset_named
from numerics.composition import PROFILES
from studies.adaptive.reads import INITIAL_IMAGES, adaptive_figures
from studies.composed_grids.actions import OWN, PROFILE_NAMES, open_as_asked, told_opening
from studies.opening.actions import Pay, address_of, open_classify


class Command(BaseCommand):
    help = "Open work for people on a link marketplace, and print the address to send them to."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="contains|classify")
        contains = kinds.add_parser("contains", help="grids for (image, label) pairs")
        contains.add_argument("--pairs", type=Path, metavar="FILE", help="a CSV: image, label")
        add_profile_arguments(contains)
        contains.add_argument("--again", action="store_true", help="open pairs that were opened before once more")
        add_adaptive_arguments(contains)
        classify = kinds.add_parser("classify", help="the batch that takes the forms made from grids' answers")
        for parser_of_kind in (contains, classify):
            parser_of_kind.add_argument("--dataset", required=True, metavar="NAME")
            parser_of_kind.add_argument("--hits-per-worker", type=int, metavar="N", help="the most for one person")
            parser_of_kind.add_argument("--completion-code", default="", metavar="CODE", help="shown at the end")
            parser_of_kind.add_argument("--completion-url", default="", metavar="URL", help="led to at the end")

    def handle(self, *args: Any, kind: str, dataset: str, **options: Any) -> None:
        pay = Pay(options["hits_per_worker"], options["completion_code"], options["completion_url"])
        with as_command_errors():
            found = dataset_named(dataset)
            if kind == "classify":
                batch = open_classify(dataset=found, pay=pay)
                self.stdout.write(f"Batch {batch.pk}: {address_of(batch)}")
            else:
                self.contains(found, pay, options)

    def contains(self, dataset: Dataset, pay: Pay, options: dict[str, Any]) -> None:
        wanted = {name: options[name] for name in ("profile", "pairs", "similar", "again")}
        adaptive = figures_given(dataset, options) if options["adaptive"] else None
        opened = open_as_asked(dataset=dataset, pay=pay, adaptive=adaptive, **wanted)
        for remark in told_opening(opened):
            self.stderr.write(remark.for_shell)
        if opened.n_pairs:
            self.stdout.write(f"Batch {opened.batch.pk}: {address_of(opened.batch)}")


def add_profile_arguments(parser: CommandParser) -> None:
    words = ", ".join(f"{name}: {made.n_positive} of it, {made.n_negative} not" for name, made in PROFILES.items())
    parser.add_argument(
        "--profile",
        choices=PROFILE_NAMES,
        help=f"put control images into the grids and fill short ones up ({words}; {OWN}: what the settings say)",
    )
    parser.add_argument(
        "--similar",
        type=Path,
        metavar="FILE",
        help="a CSV: label, similar; the labels whose images are negative controls, the most similar first",
    )


def add_adaptive_arguments(parser: CommandParser) -> None:
    asked = parser.add_argument_group("adaptive redundancy", "instead of the same number of answers to every grid")
    asked.add_argument("--adaptive", action="store_true", help="ask as often as the votes make necessary")
    asked.add_argument("--accept", type=float, default=0.95, metavar="P", help="enough to say yes (default: 0.95)")
    asked.add_argument("--reject", type=float, default=0.05, metavar="P", help="enough to say no (default: 0.05)")
    learnt = f"images of each class to learn from (default: {INITIAL_IMAGES})"
    asked.add_argument("--initial", type=int, default=INITIAL_IMAGES, metavar="N", help=learnt)
    asked.add_argument("--min-votes", type=int, metavar="N", help="the fewest for a pair (default: what pruning needs)")
    asked.add_argument("--max-votes", type=int, default=10, metavar="N", help="the most for a pair (default: 10)")


def figures_given(dataset: Dataset, options: dict[str, Any]) -> dict[str, float]:
    figures = {name: options[name] for name in ("accept", "reject", "min_votes", "max_votes")}
    return adaptive_figures(dataset=dataset, initial_images=options["initial"], **figures)
