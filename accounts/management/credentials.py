"""The commands that give an account its credentials: their options in common, and what they print."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from access.secret_output.actions import secret_output
from accounts.passwords import Credentials, opens_by_provider, password_in, random_password
from accounts.single_sign_on.reads import name_of_provider
from catalog.errors import as_command_errors


class CredentialsCommand(BaseCommand):
    """A command that gives an account a password, or leaves the way in to the provider of single sign-on."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="file with the password, created with a random one if absent (default: print a random password)",
        )
        parser.add_argument(
            "--email",
            metavar="ADDRESS",
            help="the person's address at the provider of single sign-on, which then opens the account; without "
            "--password-file, it has no password",
        )
        parser.add_argument(
            "--forget-second-factors",
            action="store_true",
            help="remove the second factors and recovery codes of a person who lost them",
        )

    def change(self, username: str, credentials: Credentials, **options: Any) -> None:
        """Store the credentials. Raises UserError."""
        raise NotImplementedError

    def handle(self, *args: Any, username: str, password_file: Path | None, **options: Any) -> None:
        email, forgets = options["email"], options["forget_second_factors"]

        def store(password: str | None) -> None:
            self.change(username, Credentials(password, email, forgets), **options)

        with as_command_errors():
            if password_file:
                store(password_in(password_file))
                self.stdout.write(f"{username} / {password_file}")
            elif opens_by_provider(username=username, email=email, forgets_factors=forgets):
                store(None)
                self.stdout.write(
                    gettext("%(name)s signs in by single sign-on, without a password.") % {"name": username}
                )
            else:
                with secret_output(self.stdout, None, option="--password-file FILE") as show:
                    password = random_password()
                    store(password)
                    show(f"{username} / {password}")
        if email and not name_of_provider():
            self.stderr.write(
                gettext(
                    "This site has no provider of single sign-on yet: set OIDC_ISSUER, OIDC_CLIENT_ID and "
                    "OIDC_CLIENT_SECRET."
                )
            )
