"""The marketplace beside the site: the same Postgres, but a database, a process and an origin of its own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from launcher.addresses import explicit_origins, local_port
from launcher.parts import bracketed, loopback_hosts, python, serves
from launcher.places import ROOT, SUPERUSER, PlaceError, Places
from launcher.processes import MARK, Part, mark_of
from launcher.supervisor import Supervisor

DATABASE = "marketplace"


def reason_for_none() -> str:
    """Return why `./run` starts no marketplace; blank if it starts one."""
    origin = explicit_origins().get("MARKETPLACE_ORIGIN")
    if origin and local_port(origin) is None:
        return f"MARKETPLACE_ORIGIN is set: the marketplace at {origin} is used, none is started"
    if os.environ.get("DATABASE_URL") and not os.environ.get("MARKETPLACE_DATABASE_URL"):
        return "DATABASE_URL is set and MARKETPLACE_DATABASE_URL is not: no marketplace is started"
    return ""


def marketplace_environment(places: Places, environment: dict[str, str]) -> dict[str, str]:
    """What its process must know. The site's own settings mean nothing to it."""
    server = f"postgres://{SUPERUSER}@{quote(str(places.postgres_sockets), safe='')}:5432/{DATABASE}"
    return environment | {
        "MARKETPLACE_DATABASE_URL": os.environ.get("MARKETPLACE_DATABASE_URL") or server,
        "STATE_DIR": str(places.state),
    }


def marketplace_part(state: Path, environment: dict[str, str]) -> Part:
    port = local_port(environment["MARKETPLACE_ORIGIN"])
    assert port is not None, "`reason_for_none` excludes other origins"
    addresses = [word for host in loopback_hosts() for word in ("--bind", f"{bracketed(host)}:{port}")]
    return Part(
        name="marketplace",
        command=[*python("marketplace"), "serve", *addresses],
        state=state,
        ready=lambda: serves(port),
        environment=environment,
        cwd=ROOT,
        stop_seconds=15,
    )


@contextlib.contextmanager
def preparing(state: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str] | None]:
    """Its tables, a requester and a worker are made beside what is done inside; if that fails, they are not needed."""
    if reason_for_none():
        yield None
        return
    child = subprocess.Popen(
        [sys.executable, "-m", "marketplace", "make_demo"],
        cwd=ROOT,
        env=os.environ | environment | {MARK: mark_of(state)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait()
        if child.stdout:
            child.stdout.close()


def logins_when_prepared(supervisor: Supervisor, child: subprocess.Popen[str] | None) -> list[str]:
    """The requester's keys and the worker's login, as they are printed."""
    if child is None:
        return []
    while child.poll() is None and not supervisor.stopping:
        time.sleep(0.05)
    if supervisor.stopping:
        return []
    said = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise PlaceError("The marketplace's database could not be prepared; the reason is above.")
    return said.splitlines()


def announcement(environment: dict[str, str], logins: list[str]) -> str:
    if len(logins) != 2:
        return ""
    keys, login = logins
    return (
        f"  marketplace  {environment['MARKETPLACE_ORIGIN']}/  (worker pages; also the endpoint for boto3)\n"
        f"    worker     {login}\n"
        f"    requester  {keys}  (access key / secret; this site uses them)\n"
        "    the demo   is offered there by the tab Marketplace of its dataset, or by\n"
        "               ./manage publish ADDRESS_OF_ITS_GRIDS --reward 0.08\n"
    )
