"""`./manage create_staff USERNAME`: create a login to the researcher's pages."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from access.secret_output.actions import secret_output
from accounts.passwords import set_up_staff
from catalog.errors import as_command_errors


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
        parser.add_argument(
            "--email", metavar="ADDRESS", help="the person's address at the provider of single sign-on, which opens it"
        )
        parser.add_argument(
            "--forget-second-factors",
            action="store_true",
            help="remove the second factors and recovery codes of a person who lost them",
        )

    def handle(self, *args: Any, username: str, password_file: Path | None, **options: Any) -> None:
        with as_command_errors():
            changes = {"email": options["email"], "forgets_factors": options["forget_second_factors"]}
            if password_file:
                set_up_staff(username=username, password_file=password_file, **changes)
                self.stdout.write(f"{username} / {password_file}")
                return
            with secret_output(self.stdout, None, option="--password-file FILE") as show:
                show(f"{username} / {set_up_staff(username=username, password_file=None, **changes)}")
