"""`./manage open contains|classify`: work for people, and the address to send them to."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation_site.refusals import as_command_errors
from annotation_site.study import Opened, Pay, address_of, open_classify, open_contains, without_dataset_label
from catalog.models import Dataset
from catalog.reads import dataset_named


class Command(BaseCommand):
    help = "Open work for people on a link marketplace, and print the address to send them to."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="contains|classify")
        contains = kinds.add_parser("contains", help="grids for (image, label) pairs")
        contains.add_argument("--pairs", type=Path, required=True, metavar="FILE", help="a CSV: image, label")
        contains.add_argument("--again", action="store_true", help="open pairs that were opened before once more")
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
                self.contains(found, options["pairs"], pay, options["again"])

    def contains(self, dataset: Dataset, pairs: Path, pay: Pay, again: bool) -> None:
        opened: Opened = open_contains(dataset=dataset, pairs=pairs, pay=pay, again=again)
        if opened.n_known:
            self.stderr.write(f"{opened.n_known:,} pairs were opened before; --again opens them once more.")
        if opened.n_unlabelled:
            self.stderr.write(without_dataset_label(opened.n_unlabelled))
        self.stderr.write(f"{opened.n_pairs:,} pairs opened, in {opened.n_grids:,} grids.")
        if opened.batch.closed_at:
            self.stderr.write("Their batch is closed.")
        self.stdout.write(f"Batch {opened.batch.pk}: {address_of(opened.batch)}")
