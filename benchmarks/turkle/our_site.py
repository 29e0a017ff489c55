"""A checkout of this project as a site of its own: its Python, its code, a database and an address.

Modules have other names in other commits, so a checkout's code runs in processes of its own only.
"""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from launcher.addresses import origins
from launcher.places import ROOT, SUPERUSER, Places

PYTHON = Path(".venv", "bin", "python")
LIMITS = (
    *("FRAME_REQUESTS_PER_ADDRESS", "FRAME_REQUESTS_PER_WORKER", "FRAME_REQUESTS_PER_WORKER_ANYWHERE"),
    *("LINK_REQUESTS_PER_NETWORK", "LINK_REQUESTS_PER_SHARED_NETWORK"),
    *("LINK_LEASES_PER_NETWORK", "LINK_LEASES_PER_SHARED_NETWORK"),
)
STUDY = Path("benchmarks", "turkle", "our_study.py")


class OurSite:
    """Fill and describe the site of one checkout. `name` is that of its sides and of its database."""

    def __init__(self, name: str, checkout: Path, port: int, places: Places) -> None:
        self.name, self.checkout, self.port = name, checkout, port
        self.python = sys.executable if checkout == ROOT else str(checkout / PYTHON)
        self.environment = origins(port) | {
            "PYTHONPATH": str(checkout),
            "DJANGO_SETTINGS_MODULE": "annotation_site.settings",
            "STATE_DIR": str(places.state / name),
            "DATABASE_URL": f"postgres://{SUPERUSER}@{quote(str(places.postgres_sockets), safe='')}/{name}",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "LOG_LEVEL": "WARNING",
            # All clients come from this machine.
            **dict.fromkeys(LIMITS, str(10**9)),
        }

    def fill(self, study: dict) -> dict:
        """Make the tables and the study; return what the clients have to know."""
        self._run(["manage.py", "migrate", "--verbosity", "0"])
        return json.loads(self._run([str(STUDY)], json.dumps(study)))

    def _run(self, words: list[str], text: str = "") -> str:
        done = subprocess.run(
            [self.python, *words],
            input=text,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=self.checkout,
            env=os.environ | self.environment,
        )
        return done.stdout
