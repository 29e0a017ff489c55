"""What `./run` of the site asks for, so that a study can be published and worked on right away."""

import os
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from marketplace.actions import change_contact, create_access_key, create_requester, create_worker
from marketplace.endpoint.signatures import secret_of
from marketplace.ledger.actions import deposit
from marketplace.management.commands.create_requester import SANDBOX_CENTS
from marketplace.models import Requester, Worker
from marketplace.secret_files import kept_secret

REQUESTER, WORKER = "this lab", "worker"
# Workers can always ask who let them in.
CONTACT = "whoever gave you your login here"
KEYS_FILE, PASSWORD_FILE = "requester_keys", "worker_password"


class Command(BaseCommand):
    help = (
        "Prepare the database; make a requester and a worker if they are missing, with secrets that are kept in the "
        f"state folder ({KEYS_FILE}, {PASSWORD_FILE}), and print them. May run again."
    )

    def handle(self, **options) -> None:
        call_command("prepare", verbosity=0)
        with transaction.atomic():
            key_id = ensure_requester(settings.STATE_DIR / KEYS_FILE)
            password = ensure_worker(settings.STATE_DIR / PASSWORD_FILE)
        self.stdout.write(f"{key_id} / {secret_of(key_id)}")
        self.stdout.write(f"{WORKER} / {password}")


def ensure_requester(file: Path) -> str:
    """Whose keys the file holds, as boto3's variables; new ones if it holds none that are good here."""
    requester = Requester.objects.filter(name=REQUESTER).first()
    if requester is None:
        requester = create_requester(name=REQUESTER, contact=settings.CONTACT or CONTACT)
        deposit(requester=requester, cents=SANDBOX_CENTS)
    elif (wanted := settings.CONTACT or requester.contact or CONTACT) != requester.contact:
        change_contact(requester=requester, contact=wanted)
    key_id = kept_key_id(file)
    if not requester.access_keys.filter(key_id=key_id, revoked_at=None).exists():
        key_id = create_access_key(requester=requester).key_id
    write_privately(file, f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret_of(key_id)}\n")
    return key_id


def kept_key_id(file: Path) -> str:
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line).get("AWS_ACCESS_KEY_ID", "")


def write_privately(file: Path, text: str) -> None:
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)


def ensure_worker(file: Path) -> str:
    """Their password, or words for one that they changed."""
    password = kept_secret(file, 9)
    worker = Worker.objects.filter(name=WORKER).first() or create_worker(name=WORKER, password=password)
    return password if check_password(password, worker.password) else "(the password you gave it)"
