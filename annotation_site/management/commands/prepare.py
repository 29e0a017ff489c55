"""The preparation of the database by `./run` before the first page."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils.translation import gettext

from access.secret_output.actions import is_recorded
from accounts.actions import make_staff
from annotation_site.management.tables import migrate
from launcher.secrets import kept_secret

STAFF_NAME = "researcher"


class Command(BaseCommand):
    help = "Migrate, create the researcher's login, store the demo's photographs, print the login. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        file = settings.STATE_DIR / "staff_password"
        password = ensure_staff(STAFF_NAME, file)
        call_command("load_demo", store=True)
        shown = file if password and is_recorded(self.stdout) else password or gettext("(your password)")
        self.stdout.write(f"{STAFF_NAME} / {shown}")


def ensure_staff(name: str, file: Path) -> str:
    """Create the login if there is none. Returns its password; blank if it was changed since."""
    password = kept_secret(file, n_bytes=12)
    users = get_user_model().objects
    if not users.filter(username=name).exists():
        make_staff(username=name, password=password)
    user = users.get(username=name)
    return password if user.check_password(password) else ""
