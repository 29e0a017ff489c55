import secrets

from django.core.management.base import BaseCommand, CommandError

from marketplace.models import Worker
from marketplace.sign_in.actions import set_password


class Command(BaseCommand):
    help = "Give a worker a new password, and print it. Whoever is signed in under that name is signed out."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--password", help="chosen at random without this")

    def handle(self, *, name: str, password: str | None, **options) -> None:
        worker = Worker.objects.filter(name=name).first()
        if worker is None:
            raise CommandError(f"There is no worker {name!r}.")
        password = password or secrets.token_urlsafe(9)
        set_password(worker=worker, password=password)
        self.stdout.write(f"worker {worker.public_id}, name {worker.name}, password {password}")
