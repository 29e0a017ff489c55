"""`./manage revoke_token NAME`: the end of a key to the REST interface."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.actions import revoke_token
from api.models import ApiToken


class Command(BaseCommand):
    help = "Make a token of the REST interface worthless, at once and for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name it was made with")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        token = ApiToken.objects.filter(name=name).first()
        if token is None:
            known = ", ".join(ApiToken.objects.filter(revoked_at=None).order_by("name").values_list("name", flat=True))
            raise CommandError(f"There is no token named {name!r}. Tokens: {known or 'none'}.")
        revoke_token(token=token)
        self.stdout.write(f"{token} opens nothing any more.")
