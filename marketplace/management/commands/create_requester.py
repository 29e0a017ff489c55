from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext

from marketplace.actions import create_access_key, create_requester
from marketplace.endpoint.signatures import secret_of
from marketplace.ledger.actions import deposit
from marketplace.models import Requester
from marketplace.prices import dollars
from marketplace.secret_output import add_file_option, secret_output

SANDBOX_CENTS = 1_000_000


class Command(BaseCommand):
    help = "Create a requester with a balance and a key pair, and print the pair as environment variables for boto3."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--contact", default=settings.CONTACT, help="e-mail address, web address or words; shown to workers"
        )
        parser.add_argument(
            "--cents", type=int, default=SANDBOX_CENTS, help=f"balance (default {dollars(SANDBOX_CENTS)} dollars)"
        )
        add_file_option(parser)

    @transaction.atomic
    def handle(self, *, name: str, contact: str, cents: int, to: Path | None = None, **options) -> None:
        if Requester.objects.filter(name=name).exists():
            raise CommandError(gettext("A requester “%(name)s” already exists. Choose another name.") % {"name": name})
        if cents < 0:
            raise CommandError(gettext("The balance cannot be negative."))
        if len(contact) > settings.LONGEST_CONTACT:
            raise CommandError(
                gettext("A contact can have at most %(n)s characters.") % {"n": settings.LONGEST_CONTACT}
            )
        with secret_output(self.stdout, to) as show:
            requester = create_requester(name=name, contact=contact)
            if cents:
                deposit(requester=requester, cents=cents)
            key_id = create_access_key(requester=requester).key_id
            show(f"AWS_ACCESS_KEY_ID={key_id}")
            show(f"AWS_SECRET_ACCESS_KEY={secret_of(key_id)}")
            show(f"AWS_DEFAULT_REGION={settings.SIGNING_REGION}")
            show(f"AWS_ENDPOINT_URL_MTURK={settings.ORIGIN}")
