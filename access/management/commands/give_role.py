"""`./manage give_role NAME DATASET ROLE`: give a person a role in a study."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from access.memberships.actions import give_role
from access.memberships.reads import account_named
from access.models import Role
from catalog.errors import as_command_errors
from catalog.reads import dataset_named


class Command(BaseCommand):
    help = "Give an account a role in a study, or another one. Invitations on the page People create accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the account")
        parser.add_argument("dataset", help="name of the dataset")
        parser.add_argument("role", choices=Role.values, help="the role")

    def handle(self, *args: Any, name: str, dataset: str, role: str, **options: Any) -> None:
        with as_command_errors():
            give_role(dataset=dataset_named(dataset), user=account_named(name), role=Role(role), by=None)
        words = gettext("%(name)s is now %(role)s of %(dataset)s.")
        self.stdout.write(words % {"name": name, "role": Role(role).label, "dataset": dataset})
