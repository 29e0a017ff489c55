"""`./manage revoke_token NAME`: revoke a key for the REST interface."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.translation import gettext

from api.actions import revoke_token
from api.models import ApiToken


class Command(BaseCommand):
    help = "Revoke a token of the REST interface, at once and for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the token, or the beginning of its key as pages show it")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        token = _token_named(name)
        revoke_token(token=token)
        self.stdout.write(gettext("Token %(token)s is revoked.") % {"token": token})


def _token_named(name: str) -> ApiToken:
    """Return the token with this name or beginning. Raises CommandError if there is none, or more than one."""
    tokens = ApiToken.objects.order_by("name", "pk")
    matches = list(tokens.filter(Q(name=name) | Q(prefix=name)))
    if len(matches) == 1:
        return matches[0]
    if matches:
        message = gettext("Several tokens match “%(name)s”. Name one by the beginning of its key: %(tokens)s.")
    else:
        message = gettext("There is no token “%(name)s”. Tokens: %(tokens)s.")
        matches = list(tokens.filter(revoked_at=None))
    names = ", ".join(map(str, matches)) or gettext("none")
    raise CommandError(message % {"name": name, "tokens": names})
