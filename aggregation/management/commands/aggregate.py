"""`./manage aggregate --dataset NAME`: do the work of the background tasks at once and to the end."""

import sys
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext
from tqdm import tqdm

from aggregation.actions import aggregate, forget
from aggregation.reads import annotation_summary, split_counts
from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named
from numerics.candidates import Split
from workforce.reads import not_aggregated

SPLIT_NAMES = {
    Split.TOO_FEW_VOTES: "too few votes",
    Split.REJECTED: "rejected",
    Split.SETTLED: "settled",
    Split.FOLLOW_UP: "follow-up",
}


class Command(BaseCommand):
    help = "Aggregate the pending answers of a dataset, and print a summary of its annotations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--again", action="store_true", help="compute all results anew, from the votes")

    def handle(self, *args: Any, dataset: str, again: bool, **options: Any) -> None:
        try:
            study = dataset_named(dataset)
        except UnknownDataset as error:
            raise CommandError(error.for_shell) from error
        n_submissions = aggregate_all(study, again)
        for name, value in summary(study, n_submissions):
            self.stdout.write(f"{name:<32}{value:>12}")
        self.stdout.write(main_object_line(study))


def aggregate_all(dataset: Dataset, again: bool) -> int:
    # Published annotations stay until all of them are computed anew.
    with transaction.atomic() if again else nullcontext():
        if again:
            forget(dataset=dataset)
        waiting = not_aggregated(dataset).count()
        with tqdm(total=waiting, unit=" answers", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
            return aggregate(dataset=dataset, progress=bar.update)


def summary(dataset: Dataset, n_submissions: int) -> list[tuple[str, str]]:
    counts, splits = annotation_summary(dataset), split_counts(dataset)
    rows = [("submissions aggregated", n_submissions), ("images annotated", counts["images"])]
    rows += [("  of these with several objects", counts["multi_object"])]
    rows += [("images pruned", sum(splits.values()))]
    rows += [(f"  {name}", splits.get(split, 0)) for split, name in SPLIT_NAMES.items()]
    return [(name, f"{value:,}") for name, value in rows]


def main_object_line(dataset: Dataset) -> str:
    counts = annotation_summary(dataset)
    return gettext(
        "main object differs from the dataset label: %(n)s (between %(least)s and %(most)s over ties of partitions and "
        "of main votes)"
    ) % {
        "n": f"{counts['main_is_not_dataset_object']:,}",
        "least": f"{counts['main_must_differ']:,}",
        "most": f"{counts['main_may_differ']:,}",
    }
