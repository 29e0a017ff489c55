"""`./manage confidence --dataset NAME`: print how much a few votes say, class by class."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.adaptive.reads import confidence_report


class Command(BaseCommand):
    help = (
        "Print what the adaptive batches of a dataset have learnt: for each class, hardest first, the probability that "
        "an image is good after a number of yes (Y) and no (N) votes, and how many votes an image takes on average."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")

    def handle(self, *args: Any, dataset: str, **options: Any) -> None:
        with as_command_errors():
            for line in confidence_report(dataset_named(dataset)):
                self.stdout.write(line)
