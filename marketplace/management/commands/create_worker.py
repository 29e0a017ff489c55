import secrets
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from marketplace.actions import create_worker
from marketplace.models import Worker
from marketplace.secret_output import add_file_option, secret_output


class Command(BaseCommand):
    help = "Create a worker's account and print its worker ID and password."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--password", help="the password (default: a random one)")
        parser.add_argument("--country", default="US", help="two letters, for the locale qualification")
        add_file_option(parser)

    def handle(self, *, name: str, password: str | None, country: str, to: Path | None = None, **options) -> None:
        if Worker.objects.filter(name=name).exists():
            raise CommandError(gettext("A worker “%(name)s” already exists. Choose another name.") % {"name": name})
        if len(country) != 2 or not country.isalpha():
            text = gettext("“%(country)s” is not a country code. Write two letters, such as US.")
            raise CommandError(text % {"country": country})
        if password:
            worker = create_worker(name=name, password=password, country=country.upper())
            self.stdout.write(f"worker {worker.public_id}, name {worker.name}")
            return
        with secret_output(self.stdout, to) as show:
            password = secrets.token_urlsafe(9)
            worker = create_worker(name=name, password=password, country=country.upper())
            show(f"worker {worker.public_id}, name {worker.name}, password {password}")
