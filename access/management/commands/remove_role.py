"""`./manage remove_role NAME DATASET`: end a person's role in a study."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from access.memberships.actions import remove_role
from access.memberships.reads import account_named
from catalog.errors import as_command_errors
from catalog.reads import dataset_named


class Command(BaseCommand):
    help = "End an account's role in a study, with effect on its next request."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the account")
        parser.add_argument("dataset", help="name of the dataset")

    def handle(self, *args: Any, name: str, dataset: str, **options: Any) -> None:
        with as_command_errors():
            remove_role(dataset=dataset_named(dataset), user=account_named(name), by=None)
        words = gettext("%(name)s has no role in %(dataset)s any more.")
        self.stdout.write(words % {"name": name, "dataset": dataset})
