"""`./manage settings --dataset NAME`: print the figures of a study, or set new ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.settings.actions import new_settings
from studies.settings.reads import figures_of, settings_table


class Command(BaseCommand):
    help = "Print all settings versions of a dataset, or make a new one with --set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument(
            "--set", action="append", default=[], metavar="FIGURE=VALUE", help="set a figure; can be repeated"
        )

    def handle(self, *args: Any, dataset: str, **options: Any) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
            if options["set"]:
                self.stderr.write(new_settings(dataset=study, figures=figures_of(options["set"])))
            self.stdout.write(settings_table(study))
