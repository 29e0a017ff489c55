"""`./manage create_staff USERNAME`: a login to the researcher's pages."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.errors import as_command_errors
from dashboard.accounts.passwords import set_up_staff


class Command(BaseCommand):
    help = "Make a login to the researcher's pages, or give the one of that name a new password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="holds the password; made with a random one if absent. Without it a random one is printed",
        )

    def handle(self, *args: Any, username: str, password_file: Path | None, **options: Any) -> None:
        with as_command_errors():
            password = set_up_staff(username=username, password_file=password_file)
        self.stdout.write(f"{username} / {password_file or password}")
