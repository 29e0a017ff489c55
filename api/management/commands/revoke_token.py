"""`./manage revoke_token NAME`: revoke a key for the REST interface."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from api.actions import revoke_token
from api.models import ApiToken


class Command(BaseCommand):
    help = "Revoke a token of the REST interface, at once and for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the token")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        token = ApiToken.objects.filter(name=name).first()
        if token is None:
            tokens = ", ".join(ApiToken.objects.filter(revoked_at=None).order_by("name").values_list("name", flat=True))
            message = gettext("There is no token “%(name)s”. Tokens: %(tokens)s.")
            raise CommandError(message % {"name": name, "tokens": tokens or gettext("none")})
        revoke_token(token=token)
        self.stdout.write(gettext("Token %(token)s is revoked.") % {"token": token})
