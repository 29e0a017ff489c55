"""`./manage create_staff USERNAME`: create a login to the researcher's pages."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from access.secret_output.actions import secret_output
from catalog.errors import as_command_errors
from dashboard.accounts.passwords import set_up_staff


class Command(BaseCommand):
    help = "Create a login to the researcher's pages, or give an existing login a new password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="file with the password, created with a random one if absent (default: print a random password)",
        )

    def handle(self, *args: Any, username: str, password_file: Path | None, **options: Any) -> None:
        with as_command_errors():
            if password_file:
                set_up_staff(username=username, password_file=password_file)
                self.stdout.write(f"{username} / {password_file}")
                return
            with secret_output(self.stdout, None, option="--password-file FILE") as show:
                show(f"{username} / {set_up_staff(username=username, password_file=None)}")
