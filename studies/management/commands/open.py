"""`./manage open contains|classify`: open a batch, and print its address for workers."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from catalog.models import Dataset
from catalog.reads import dataset_named
from numerics.composition import PROFILES
from studies.adaptive.reads import INITIAL_IMAGES, adaptive_figures
from studies.composed_grids.actions import OWN, PROFILE_NAMES, open_as_asked, opening_remarks
from studies.opening.actions import Pay, address_of, open_classify
from workforce.models import Batch


class Command(BaseCommand):
    help = "Open a batch of work, and print the address to send workers to."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="contains|classify")
        contains = kinds.add_parser("contains", help="open grids for (image, label) pairs")
        contains.add_argument("--pairs", type=Path, metavar="FILE", help="a CSV: image, label")
        add_profile_arguments(contains)
        contains.add_argument("--again", action="store_true", help="also open pairs that were opened before")
        contains.add_argument(
            "--answers",
            choices=Batch.Answers.values,
            default=Batch.Answers.TWO.value,
            help="answers to a photograph: selected or not (default), or yes, maybe and no; the setting maybe_counts "
            "says what maybe counts as",
        )
        add_adaptive_arguments(contains)
        classify = kinds.add_parser("classify", help="open the batch for forms that follow from grids")
        for parser_of_kind in (contains, classify):
            parser_of_kind.add_argument("--dataset", required=True, metavar="NAME")
            parser_of_kind.add_argument("--hits-per-worker", type=int, metavar="N", help="maximum for one worker")
            parser_of_kind.add_argument("--completion-code", default="", metavar="CODE", help="code shown at the end")
            parser_of_kind.add_argument("--completion-url", default="", metavar="URL", help="address linked at the end")
            parser_of_kind.add_argument(
                "--decline-code", default="", metavar="CODE", help="code shown to people who do not take part"
            )
            parser_of_kind.add_argument(
                "--decline-url", default="", metavar="URL", help="address linked for people who do not take part"
            )
            parser_of_kind.add_argument(
                "--admit",
                choices=Batch.Admission.values,
                default=Batch.Admission.ANYONE.value,
                help="who may work by the link: anyone under any ID (default), listed IDs, or IDs with a signed link; "
                "./manage links lists and signs them",
            )
            parser_of_kind.add_argument(
                "--networks",
                choices=Batch.Networks.values,
                default=Batch.Networks.SHARED.value,
                help="shared: many participants behind one address, as in a lab (default); own: each at home, as on "
                "Prolific, with tighter limits for a network",
            )

    def handle(self, *args: Any, kind: str, dataset: str, **options: Any) -> None:
        names = ("hits_per_worker", "completion_code", "completion_url", "decline_code", "decline_url", "networks")
        answers = options.get("answers", Batch.Answers.TWO)
        pay = Pay(**{name: options[name] for name in names}, admission=options["admit"], answers=answers)
        with as_command_errors():
            study = dataset_named(dataset)
            if kind == "classify":
                self.announce(open_classify(dataset=study, pay=pay))
            else:
                self.contains(study, pay, options)

    def contains(self, dataset: Dataset, pay: Pay, options: dict[str, Any]) -> None:
        choices = {name: options[name] for name in ("profile", "pairs", "similar", "again")}
        adaptive = adaptive_options(dataset, options) if options["adaptive"] else None
        opened = open_as_asked(dataset=dataset, pay=pay, adaptive=adaptive, **choices)
        for remark in opening_remarks(opened):
            self.stderr.write(remark.for_shell)
        if opened.n_pairs:
            self.announce(opened.batch)

    def announce(self, batch: Batch) -> None:
        message = gettext("Batch %(batch)s: %(address)s")
        self.stdout.write(message % {"batch": batch.pk, "address": address_of(batch)})


def add_profile_arguments(parser: CommandParser) -> None:
    words = ", ".join(
        f"{name}: {profile.n_positive} positive, {profile.n_negative} negative" for name, profile in PROFILES.items()
    )
    parser.add_argument(
        "--profile",
        choices=PROFILE_NAMES,
        help=f"add control images to the grids and fill short grids up ({words}; {OWN}: as the settings say)",
    )
    parser.add_argument(
        "--similar",
        type=Path,
        metavar="FILE",
        help="a CSV: label, similar; labels whose images become negative controls, the most similar first",
    )


def add_adaptive_arguments(parser: CommandParser) -> None:
    group = parser.add_argument_group("adaptive redundancy", "instead of the same number of answers to every grid")
    group.add_argument("--adaptive", action="store_true", help="show each pair only as often as its votes require")
    group.add_argument("--accept", type=float, default=0.95, metavar="P", help="accept from P (default: 0.95)")
    group.add_argument("--reject", type=float, default=0.05, metavar="P", help="reject up to P (default: 0.05)")
    initial = f"images of each class to learn from (default: {INITIAL_IMAGES})"
    group.add_argument("--initial", type=int, default=INITIAL_IMAGES, metavar="N", help=initial)
    group.add_argument("--min-votes", type=int, metavar="N", help="minimum for a pair (default: what pruning needs)")
    group.add_argument("--max-votes", type=int, default=10, metavar="N", help="maximum for a pair (default: 10)")


def adaptive_options(dataset: Dataset, options: dict[str, Any]) -> dict[str, float]:
    figures = {name: options[name] for name in ("accept", "reject", "min_votes", "max_votes")}
    return adaptive_figures(dataset=dataset, initial_images=options["initial"], **figures)
