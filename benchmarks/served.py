"""A site that serves a study of photographs on loopback, with the processes of ./run, for measurements in a browser.

Its state folder is made anew and thrown away at the end.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from launcher.addresses import origins
from launcher.embedded import running
from launcher.parts import web_part
from launcher.places import ROOT, places_of
from launcher.postgres import postgres_part
from launcher.processes import end_leftovers
from launcher.valkey import valkey_part

LIMITS = (
    *("LINK_REQUESTS_PER_NETWORK", "LINK_REQUESTS_PER_SHARED_NETWORK"),
    *("LINK_LEASES_PER_NETWORK", "LINK_LEASES_PER_SHARED_NETWORK"),
)


class Served(NamedTuple):
    """A running site: the origin of workers, a batch of grids, and what a further process of the site needs.

    `content` is what the script that filled the site printed: the batch's id, or what a script of one's own prints.
    """

    origin: str
    content: Any
    environment: dict[str, str]

    @property
    def batch(self) -> str:
        return str(self.content)

    @property
    def staff_origin(self) -> str:
        return self.environment["STAFF_ORIGIN"]

    def ask(self, code: str) -> str:
        """Run code of a few lines in the site's own settings, and return what it prints."""
        return _output([sys.executable, "-c", f"import django; django.setup()\n{code}"], self.environment)


@contextmanager
def served(
    folder: Path, port: int, *, grids: int = 0, script: str = "photograph_study.py", arguments: Sequence[str] = ()
) -> Iterator[Served]:
    """Serve a batch of grids with 48 photographs each, for nine people each; or what another script fills in."""
    state = folder.absolute()
    begin_anew(state)
    places = places_of(state)
    environment = origins(port) | dict.fromkeys(LIMITS, str(10**9))
    environment |= {"STATE_DIR": str(state), "SECRET_KEY": secrets.token_urlsafe(50), "LOG_LEVEL": "WARNING"}
    environment |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
    try:
        with running(places, [postgres_part(places), valkey_part(places)]):
            _output([sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"], environment)
            fill = [sys.executable, str(ROOT / "benchmarks" / script), *(arguments or [str(grids)])]
            content = json.loads(_output(fill, environment))
            web = web_part(state, port, environment)
            try:
                web.start()
                assert web.wait_ready(60), web.last_lines()
                yield Served(environment["WORKER_ORIGIN"], content, environment)
            finally:
                web.stop()
    finally:
        begin_anew(state)
        shutil.rmtree(state, ignore_errors=True)


def begin_anew(state: Path) -> None:
    end_leftovers(state)
    places = places_of(state)
    for folder in (state, places.postgres_sockets, places.valkey_sockets, places.outside):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    state.mkdir(parents=True)


def _output(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=os.environ | environment)
    return done.stdout
