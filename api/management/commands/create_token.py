"""`./manage create_token NAME`: a key to the REST interface."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from api.actions import create_token
from catalog.reads import UnknownDataset, dataset_named, now


class Command(BaseCommand):
    help = "Make a token for the REST interface and print its key, this once: only a hash of it is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="whose token it is, or what for; ./manage revoke_token takes this name")
        parser.add_argument("--dataset", metavar="NAME", help="the one dataset it may read (all)")
        parser.add_argument("--days", type=int, metavar="N", help="for how many days it is valid (until revoked)")

    def handle(self, *args: Any, name: str, dataset: str | None, days: int | None, **options: Any) -> None:
        if not 1 <= len(name) <= 100:
            raise CommandError("A token's name has 1 to 100 characters. Give another name.")
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError(f"--days {days}: give a number from 1 to 36500.")
        try:
            bound_to = dataset_named(dataset) if dataset else None
            expires_at = now() + timedelta(days=days) if days else None
            _, key = create_token(name=name, dataset=bound_to, expires_at=expires_at)
        except UnknownDataset as error:
            raise CommandError(error.for_shell) from error
        except IntegrityError as error:
            raise CommandError(f"There is or was a token named {name!r}. Give another name.") from error
        self.stderr.write("Keep this key: it is not shown again.")
        self.stdout.write(key)
