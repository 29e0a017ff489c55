"""`./manage remove_staff USERNAME`: close a login to the researcher's pages."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from accounts.actions import remove_staff
from catalog.errors import as_command_errors


class Command(BaseCommand):
    help = "Close a login to the researcher's pages: its sessions, password and second factors end at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        with as_command_errors():
            remove_staff(username=username)
        self.stdout.write(gettext("Login %(name)s is closed. What it decided keeps its name.") % {"name": username})
