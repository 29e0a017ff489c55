"""The whole site as `./run` starts it, in a state folder of its own, with its parts within reach of a kill."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2.extras
import redis

from launcher.migrated import copy_migrated_cluster
from launcher.places import ROOT, places_of
from launcher.postgres import DATABASE, connect
from tests.ports import free_port
from tests.required import require

START_SECONDS = 240
RUNNING = "The site is running"
# What would point the site at other servers or addresses than its own.
NOT_PASSED_ON = (
    *("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "WORKER_ORIGIN", "STAFF_ORIGIN", "PORT", "SECRET_KEY"),
    "MEDIA_ROOT",
)

LIMITS = (
    *("LINK_REQUESTS_PER_SHARED_NETWORK", "LINK_LEASES_PER_SHARED_NETWORK"),
    *("FRAME_REQUESTS_PER_ADDRESS", "FRAME_REQUESTS_PER_WORKER", "FRAME_REQUESTS_PER_WORKER_ANYWHERE"),
)


class Site:
    def __init__(self, state: Path, *options: str) -> None:
        self.state, self.options = state, options
        self.port = free_port()
        self.places = places_of(state)
        self.environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        self.environment |= {"STATE_DIR": str(state), "PORT": str(self.port)}
        # Nothing here is published: a marketplace elsewhere spares the start of one.
        self.environment["MARKETPLACE_ORIGIN"] = "https://marketplace.example"
        # All people of these tests come from this machine.
        self.environment |= dict.fromkeys(LIMITS, str(10**9))
        self.output = state / "run.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "launcher.run", "--port", str(self.port), *self.options]
        before = self.said().count(RUNNING)
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(words, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
        up = wait_until(lambda: self.said().count(RUNNING) > before or self.process.poll() is not None, START_SECONDS)
        assert up and self.process.poll() is None, self.said()

    def stop(self) -> None:
        require(self.process).terminate()
        require(self.process).wait(START_SECONDS)
        for folder in (self.places.outside, self.places.postgres_sockets, self.places.valkey_sockets):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def pid_of(self, part: str) -> int:
        return json.loads((self.state / "parts" / f"{part}.json").read_text())["pid"]

    def is_replaced(self, part: str, before: int) -> bool:
        """Return whether another process runs as this part; for a moment there may be none."""
        with contextlib.suppress(OSError, ValueError):
            return self.pid_of(part) != before
        return False

    def children_of(self, part: str) -> list[int]:
        pid = self.pid_of(part)
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Hit the main process of a part; while it is just being started again there is none, which is as good."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid_of(part), number)

    def kill_children(self, part: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            for pid in self.children_of(part):
                os.kill(pid, signal.SIGKILL)

    def flush_valkey(self) -> None:
        client = redis.Redis(unix_socket_path=str(self.places.valkey_socket), socket_timeout=5)
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError), contextlib.closing(client):
            client.flushall()

    def rows(self, query: str, **values: object) -> list[dict]:
        """The answer of the site's own database."""
        with (
            contextlib.closing(connect(self.places, DATABASE)) as connection,
            connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor,
        ):
            cursor.execute(query, values)
            return [dict(row) for row in cursor.fetchall()]

    @contextlib.contextmanager
    def obstacle(self, statement: str) -> Iterator[None]:
        """A transaction that has done this and stays open for as long."""
        with contextlib.closing(connect(self.places, DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            yield

    def publish(self, n_studies: int, *, grids: int, images: int, slots: int) -> list[dict]:
        """Studies, each with one open CONTAINS batch; returns of each {"batch": public id, "dataset": id}."""
        call = f"publish.publish({n_studies}, {grids}, {images}, {slots})"
        code = f"import django; django.setup(); from tests.faults import publish; {call}"
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings", "LOG_LEVEL": "WARNING"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0
        return json.loads(done.stdout)


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg2.Error):
            if condition():
                return True
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def running_site(*options: str) -> Iterator[Site]:
    """A new site, started by `./run` with these options."""
    # Not pytest's own temporary folder: Postgres' user must be able to walk to the state.
    state = Path(tempfile.mkdtemp(prefix="faults-"))
    state.chmod(0o755)
    site = Site(state, *options)
    try:
        # A first start that migrates is what tests/launcher has.
        copy_migrated_cluster(state)
        site.start()
        yield site
    finally:
        site.stop()
        shutil.rmtree(state, ignore_errors=True)
