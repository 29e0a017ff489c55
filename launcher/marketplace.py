"""The marketplace beside the site: on the same Postgres, with a database, a process and an origin of its own."""

import contextlib
import os
import shlex
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
from launcher.secrets import read_keys, read_secret
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
    """Return the variables of the marketplace's process, which does not read the site's settings."""
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
    """Make the marketplace's tables, a requester and a worker, in parallel to the block; stop if the block fails."""
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
    """Wait for the preparation; return the printed lines with the requester's keys and the worker's login."""
    if child is None:
        return []
    while child.poll() is None and not supervisor.stopping:
        time.sleep(0.05)
    if supervisor.stopping:
        return []
    output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise PlaceError("The marketplace's database could not be prepared; the reason is above.")
    return output.splitlines()


def shown(line: str) -> str:
    """Return `NAME / FILE` with the secret of the file on a terminal; elsewhere, with the command that shows it."""
    name, _, place = line.partition(" / ")
    if not place.startswith("/") or not Path(place).is_file():
        return line
    if not sys.stdout.isatty():
        return f"{name} (shown by: cat {shlex.quote(place)})"
    return f"{name} / {read_keys(Path(place))[1] or read_secret(Path(place))}"


def announcement(environment: dict[str, str], logins: list[str]) -> str:
    if len(logins) != 2:
        return ""
    keys, login = map(shown, logins)
    return (
        f"  marketplace  {environment['MARKETPLACE_ORIGIN']}/  (worker pages; also the endpoint for boto3)\n"
        f"    worker     {login}\n"
        f"    requester  {keys}  (access key / secret; this site uses them)\n"
        "    demo       publish it on the tab Marketplace of its dataset, or with\n"
        "               ./manage publish ADDRESS_OF_ITS_GRIDS --reward 0.08\n"
    )
