import secrets
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from marketplace.models import Worker
from marketplace.secret_output import add_file_option, secret_output
from marketplace.sign_in.actions import set_password


class Command(BaseCommand):
    help = "Set a new password for a worker and print it. All browsers signed in under that name are signed out."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name")
        parser.add_argument("--password", help="the password (default: a random one)")
        add_file_option(parser)

    def handle(self, *, name: str, password: str | None, to: Path | None = None, **options) -> None:
        worker = Worker.objects.filter(name=name).first()
        if worker is None:
            raise CommandError(gettext("There is no worker “%(name)s”.") % {"name": name})
        if password:
            set_password(worker=worker, password=password)
            self.stdout.write(f"worker {worker.public_id}, name {worker.name}")
            return
        with secret_output(self.stdout, to) as show:
            password = secrets.token_urlsafe(9)
            set_password(worker=worker, password=password)
            show(f"worker {worker.public_id}, name {worker.name}, password {password}")
