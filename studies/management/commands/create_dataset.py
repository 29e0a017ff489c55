"""`./manage create_dataset NAME`: a dataset without images yet."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from catalog.reads import current_settings
from data_import.actions import label_set_or_imagenet, new_study
from studies.settings.reads import doubts_about, figures_of


class Command(BaseCommand):
    help = "Create a dataset with its label set and settings. Add its images with ./manage import images."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--label-set", metavar="NAME", help="label set of its classes (ImageNet)")
        parser.add_argument("--set", action="append", default=[], metavar="FIGURE=VALUE", help="see ./manage settings")

    def handle(self, *args: Any, name: str, label_set: str | None, **options: Any) -> None:
        with as_command_errors():
            figures = figures_of(options["set"])
            dataset = new_study(name=name, label_set=label_set_or_imagenet(label_set), **figures)
        for doubt in doubts_about(current_settings(dataset)):
            self.stderr.write(doubt)
        message = gettext("Dataset “%(dataset)s” was created with label set “%(label_set)s” and settings version 1.")
        self.stdout.write(message % {"dataset": dataset, "label_set": dataset.label_set})
