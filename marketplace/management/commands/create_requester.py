from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from marketplace.actions import create_access_key, create_requester
from marketplace.endpoint.signatures import secret_of
from marketplace.ledger.actions import deposit
from marketplace.models import Requester
from marketplace.prices import dollars

SANDBOX_CENTS = 1_000_000


class Command(BaseCommand):
    help = "Make a requester with a balance and a key pair, and print the pair as environment variables for boto3."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--contact", default=settings.CONTACT, help="an address of mail or a page, or words; shown to workers"
        )
        parser.add_argument(
            "--cents", type=int, default=SANDBOX_CENTS, help=f"balance (default {dollars(SANDBOX_CENTS)} dollars)"
        )

    @transaction.atomic
    def handle(self, *, name: str, contact: str, cents: int, **options) -> None:
        if Requester.objects.filter(name=name).exists():
            raise CommandError(f"There is a requester {name!r} already. Choose another name.")
        if cents < 0:
            raise CommandError("A balance cannot be less than nothing.")
        if len(contact) > settings.LONGEST_CONTACT:
            raise CommandError("A contact has at most 200 characters.")
        requester = create_requester(name=name, contact=contact)
        if cents:
            deposit(requester=requester, cents=cents)
        key_id = create_access_key(requester=requester).key_id
        self.stdout.write(f"AWS_ACCESS_KEY_ID={key_id}")
        self.stdout.write(f"AWS_SECRET_ACCESS_KEY={secret_of(key_id)}")
        self.stdout.write(f"AWS_DEFAULT_REGION={settings.SIGNING_REGION}")
        self.stdout.write(f"AWS_ENDPOINT_URL_MTURK={settings.ORIGIN}")
