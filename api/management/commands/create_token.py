"""`./manage create_token NAME`: create a key for the REST interface."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from access.secret_output.actions import secret_output
from api.actions import create_token
from api.models import Scope
from catalog.errors import UserError, as_command_errors
from catalog.reads import dataset_named, now

DAYS = 90
SCOPES = {"annotations": Scope.ANNOTATIONS.value, "votes": Scope.VOTES.value}


class Command(BaseCommand):
    help = "Create a token for the REST interface and print its key, only once: a hash of the key is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="owner or purpose of the token; ./manage revoke_token takes this name")
        parser.add_argument("--dataset", metavar="NAME", help="the only dataset it may read (all datasets)")
        parser.add_argument(
            "--scope", choices=SCOPES, action="append", help="what it may read; repeat it for several (everything)"
        )
        validity = parser.add_mutually_exclusive_group()
        validity.add_argument("--days", type=int, metavar="N", help=f"days of validity, at most 36500 ({DAYS})")
        validity.add_argument("--forever", action="store_true", help="valid until it is revoked")
        parser.add_argument(
            "--to", type=Path, metavar="FILE", help="new file for the key, readable by you alone (the terminal)"
        )

    def handle(
        self,
        *args: Any,
        name: str,
        dataset: str | None,
        scope: list[str] | None,
        days: int | None,
        forever: bool,
        to: Path | None,
        **options: Any,
    ) -> None:
        if not 1 <= len(name) <= 100:
            raise CommandError(gettext("A token's name has 1 to 100 characters. Choose another name."))
        days = DAYS if days is None else days
        if not 1 <= days <= 36_500:
            raise CommandError(gettext("--days %(days)s is not a number from 1 to 36500.") % {"days": days})
        try:
            bound_to = dataset_named(dataset) if dataset else None
            expires_at = None if forever else now() + timedelta(days=days)
            scopes = sorted({SCOPES[word] for word in scope or SCOPES})
            with as_command_errors(), secret_output(self.stdout, to) as show:
                _, key = create_token(name=name, dataset=bound_to, expires_at=expires_at, scopes=scopes)
                show(key)
        except UserError as error:
            raise CommandError(error.for_shell) from error
        if to is None:
            self.stderr.write(gettext("Store this key now: it is not shown again."))
