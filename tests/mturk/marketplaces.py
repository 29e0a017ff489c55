"""A marketplace beside the site, as it is served: a process, a port and a database of its own."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
from django.conf import settings

from tests.factories import unique, worker_client
from tests.ports import free_port
from tests.required import require
from tests.workforce.starting import opened

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
TOKEN = re.compile(r'name="token" value="([^"]+)"')
KEY = re.compile(r'name="key" value="([^"]+)"')
BOX = re.compile(r'name="selected" value="([^"]+)"')
LEASE = re.compile(r'data-lease="([^"]+)"')


class Marketplace:
    """The endpoint's address and keys, its workers, its faults and its clock."""

    def __init__(self, url: str, environment: dict[str, str], n_processes: int) -> None:
        self.url, self.environment, self.n_processes = url, environment, n_processes
        self.server: subprocess.Popen | None = None
        # Of the requester, once it has keys.
        self.key_id = ""
        words = [sys.executable, "-m", "tests.mturk.desk"]
        self.desk = subprocess.Popen(
            words, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self) -> None:
        words = [sys.executable, "-m", "marketplace", "serve", "--workers", str(self.n_processes)]
        self.server = subprocess.Popen(words, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", urlsplit(self.url).port), 1):
                return
            assert self.server.poll() is None, "the marketplace stopped"
            time.sleep(0.1)
        raise AssertionError("the marketplace did not start")

    def stop(self) -> None:
        require(self.server).terminate()
        require(self.server).wait(120)

    def ask(self, do: str, **values: object) -> dict:
        require(self.desk.stdin).write(json.dumps({"do": do} | values) + "\n")
        require(self.desk.stdin).flush()
        return json.loads(require(self.desk.stdout).readline())

    def worker(self, password: str | None = None) -> str:
        """The id of a new one, who can sign in only with a password."""
        return self.ask("worker", name=unique("person"), password=password)["id"]

    def accept(self, worker: str, hit: str) -> str:
        return self.ask("accept", worker=worker, hit=hit)["id"]

    def submit(self, assignment: str, **fields: str) -> dict:
        return self.ask("submit", assignment=assignment, fields=fields)

    def post(self, path: str, **values: object) -> dict:
        """/faults/, /faults/plan/, /faults/clock/, /faults/clear/"""
        request = urllib.request.Request(
            self.url + path, json.dumps(values).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def later(self, seconds: float) -> None:
        self.post("/faults/clock/", seconds=int(seconds))


@contextlib.contextmanager
def running_marketplace(name: str, port: int | None = None, n_processes: int = 1) -> Iterator[Marketplace]:
    """A marketplace on a database of this name, on the test's own server, for as long as the block."""
    url = f"http://127.0.0.1:{port or free_port()}"
    template = _template()
    _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    marketplace = Marketplace(url, _environment(name, url), n_processes)
    marketplace.start()
    try:
        yield marketplace
    finally:
        marketplace.stop()
        require(marketplace.desk.stdin).close()
        marketplace.desk.wait(120)
        require(marketplace.desk.stdout).close()
        _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


@lru_cache
def _template() -> str:
    """Return the name of a database with the marketplace's tables, from which others are copied in no time."""
    name = f"marketplace_template_{os.getpid()}"
    words = [sys.executable, "-m", "marketplace", "prepare", "-v", "0"]
    subprocess.run(words, cwd=ROOT, env=_environment(name, "http://127.0.0.1:8100"), check=True)
    return name


def _environment(database: str, url: str) -> dict[str, str]:
    server = settings.DATABASES["default"]
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "MARKETPLACE_DATABASE_URL": f"postgres://{server['USER']}@{quote(server['HOST'], safe='')}/{database}",
        "MARKETPLACE_SECRET_KEY": settings.SECRET_KEY,
        "MARKETPLACE_ORIGIN": url,
        "MARKETPLACE_FAULTS": "yes",
        # All tests come from one network.
        "MARKETPLACE_CALLS_PER_KEY": "1000000",
        "MARKETPLACE_CALLS_PER_NETWORK": "1000000",
        "MARKETPLACE_WRONG_SIGNATURES_PER_NETWORK": "1000000",
        "LOG_LEVEL": "ERROR",
    }


def _on_server(statement: str) -> None:
    server = settings.DATABASES["default"]
    connection = psycopg2.connect(host=server["HOST"], user=server["USER"], dbname="postgres")
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)


def requester_keys(marketplace: Marketplace, cents: int = 1_000_000) -> tuple[str, str]:
    """Create a requester; the desk does it at once, where a command would first have to start."""
    keys = marketplace.ask("requester", name=unique("lab"), cents=cents)
    return keys["key_id"], keys["secret"]


# What a browser does on a HIT's page


def address_of(hit_public_id: str, kind: str, **ids: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in ids.items())
    return f"/{kind}/{hit_public_id}/?{query}"


def answer_in_frame(address: str, n_ticked: int = 1) -> dict[str, str]:
    """Open a grid's page and hand it in to us. Returns the fields that the frame then sends to the marketplace."""
    client = worker_client()
    address, page = opened(client, address)
    assert page.status_code == 200, page.content
    text = page.content.decode()
    token, key = require(TOKEN.search(text))[1], require(KEY.search(text))[1]
    data = {"token": token, "key": key, "selected": BOX.findall(text)[:n_ticked]}
    answered = client.post(address, json.dumps(data), content_type="application/json")
    assert answered.status_code == 200, answered.content
    return answered.json()["hand_over"]["fields"]


def fields_of_page(address: str, n_ticked: int = 1) -> dict[str, str]:
    """Return the fields that the page's script sends to the marketplace when it cannot reach us: only the copy."""
    text = opened(worker_client(), address)[1].content.decode()
    return {"lease": require(LEASE.search(text))[1], "selected": " ".join(BOX.findall(text)[:n_ticked]) or "none"}
