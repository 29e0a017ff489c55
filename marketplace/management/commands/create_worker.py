import secrets

from django.core.management.base import BaseCommand, CommandError

from marketplace.actions import create_worker
from marketplace.models import Worker


class Command(BaseCommand):
    help = "Make a worker's account and print its worker id and password."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--password", help="chosen at random without this")
        parser.add_argument("--country", default="US", help="two letters, for the locale qualification")

    def handle(self, *, name: str, password: str | None, country: str, **options) -> None:
        if Worker.objects.filter(name=name).exists():
            raise CommandError(f"There is a worker {name!r} already. Choose another name.")
        if len(country) != 2 or not country.isalpha():
            raise CommandError(f"{country!r} is no country code. Write two letters, such as US.")
        password = password or secrets.token_urlsafe(9)
        worker = create_worker(name=name, password=password, country=country.upper())
        self.stdout.write(f"worker {worker.public_id}, name {worker.name}, password {password}")
