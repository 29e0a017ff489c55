"""`./manage create_staff USERNAME`: create a site administrator."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext

from accounts.management.credentials import CredentialsCommand
from accounts.passwords import Credentials, set_up_staff
from accounts.reads import is_closed


class Command(CredentialsCommand):
    help = (
        "Create a site administrator, who may do everything in every study, or give a site administrator a new "
        "password. For other accounts, see reset_account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--administrator",
            action="store_true",
            help="make an existing account a site administrator's; a closed one is open again",
        )

    def change(self, username: str, credentials: Credentials, **options: Any) -> None:
        was_closed = is_closed(username)
        set_up_staff(username=username, credentials=credentials, promotes=options["administrator"])
        if was_closed:
            words = gettext("The account “%(name)s” was closed. Now it is open again.")
            self.stderr.write(words % {"name": username})
