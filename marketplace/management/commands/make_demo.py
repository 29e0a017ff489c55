"""Setup for `./run` of the site: a study can be published and worked on right away."""

import os
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.translation import gettext

from marketplace.actions import change_contact, create_access_key, create_requester, create_worker
from marketplace.endpoint.signatures import secret_of
from marketplace.ledger.actions import deposit
from marketplace.management.commands.create_requester import SANDBOX_CENTS
from marketplace.models import Requester, Worker
from marketplace.secret_files import stored_secret
from marketplace.secret_output import is_recorded

REQUESTER, WORKER = "this lab", "worker"
# Workers can always ask the person who created their account.
CONTACT = "the person who gave you your login"
KEYS_FILE, PASSWORD_FILE = "requester_keys", "worker_password"


class Command(BaseCommand):
    help = (
        "Prepare the database; create a requester and a worker if they are missing. Store their secrets in the state "
        f"folder ({KEYS_FILE}, {PASSWORD_FILE}) and print them on a terminal. Can be repeated."
    )

    def handle(self, **options) -> None:
        call_command("prepare", verbosity=0)
        with transaction.atomic():
            key_id = ensure_requester(settings.STATE_DIR / KEYS_FILE)
            password = ensure_worker(settings.STATE_DIR / PASSWORD_FILE)
        # Into a file or a pipe, the places of the secrets alone.
        hidden = is_recorded(self.stdout)
        self.stdout.write(f"{key_id} / {settings.STATE_DIR / KEYS_FILE if hidden else secret_of(key_id)}")
        place = settings.STATE_DIR / PASSWORD_FILE if hidden else password
        self.stdout.write(f"{WORKER} / {place if password else gettext('(your own password)')}")


def ensure_requester(file: Path) -> str:
    """Return the id of the requester's key in the file; if the file has no valid key, create a key and write it."""
    requester = Requester.objects.filter(name=REQUESTER).first()
    if requester is None:
        requester = create_requester(name=REQUESTER, contact=settings.CONTACT or CONTACT)
        deposit(requester=requester, cents=SANDBOX_CENTS)
    elif (contact := settings.CONTACT or requester.contact or CONTACT) != requester.contact:
        change_contact(requester=requester, contact=contact)
    key_id = stored_key_id(file)
    if not requester.access_keys.filter(key_id=key_id, revoked_at=None).exists():
        key_id = create_access_key(requester=requester).key_id
    write_privately(file, f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret_of(key_id)}\n")
    return key_id


def stored_key_id(file: Path) -> str:
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line).get("AWS_ACCESS_KEY_ID", "")


def write_privately(file: Path, text: str) -> None:
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)


def ensure_worker(file: Path) -> str:
    """Return the worker's password; blank if it was changed."""
    password = stored_secret(file, 9)
    worker = Worker.objects.filter(name=WORKER).first() or create_worker(name=WORKER, password=password)
    return password if check_password(password, worker.password) else ""
