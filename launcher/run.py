"""`./run`: the whole site on this machine, until Ctrl-C."""

import argparse
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from launcher.addresses import check_origins, elsewhere, local_port, origins, remember_port
from launcher.catalogs import compile_catalogs
from launcher.embedded import embedded_parts, report, try_lock
from launcher.marketplace import (
    announcement,
    logins_when_prepared,
    marketplace_environment,
    marketplace_part,
    preparing,
    reason_for_none,
    shown,
)
from launcher.parts import (
    beat_part,
    check_marketplace_port_free,
    check_port_free,
    predictor_part,
    setup_part,
    web_part,
    worker_part,
)
from launcher.places import ROOT, PlaceError, Places, places_of, state_dir
from launcher.postgres import make_database
from launcher.privacy import OTHERS, make_private, private_file, write_privately
from launcher.processes import MARK, RUN_NOTE, end_leftovers, mark_of, running_site, start_ticks
from launcher.secrets import make_site_key
from launcher.supervisor import Supervisor

PATIENCE_SECONDS = 60


def main(arguments: list[str]) -> None:
    started = time.monotonic()
    options = parse(arguments)
    port = options.port
    state = state_dir()
    # Of this process and all its children, which write media, logs and keys.
    os.umask(OTHERS)
    make_private(state)
    make_site_key(state)
    supervisor = Supervisor()
    supervisor.catch_signals()
    try:
        with sole_owner(state, port, supervisor):
            for name in end_leftovers(state):
                supervisor.say(f"ended a leftover {name} process of an earlier run")
            check_addresses(port)
            remember_port(state, port)
            compile_catalogs()
            try:
                serve(supervisor, state, port, started, demo=not options.no_demo, living=options.living)
            finally:
                supervisor.stop()
    except PlaceError as error:
        report(error)


def check_addresses(port: int) -> None:
    """Raise PlaceError if the site or its marketplace cannot be served where the origins say."""
    check_origins(port)
    check_port_free(port)
    own_port = local_port(origins(port)["MARKETPLACE_ORIGIN"])
    if own_port and not reason_for_none():
        check_marketplace_port_free(own_port, of_site=port)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./run", description="Set up and start the whole site on this machine.")
    parser.add_argument(
        "--port",
        type=port_number,
        default=os.environ.get("PORT", "").strip() or "8000",
        help="port of the site (that of the variable PORT, or 8000); the marketplace gets the port 100 above it",
    )
    demo = parser.add_mutually_exclusive_group()
    demo.add_argument("--no-demo", action="store_true", help="do not open the demo study on a new site")
    demo.add_argument(
        "--living",
        action="store_true",
        help="let simulated people fill the demo study, marked as such; the page Datasets removes them in one press",
    )
    return parser.parse_args(arguments)


def port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: write a number from 1 to 65535 (for --port or the variable PORT)"
        )
    return int(text)


@contextlib.contextmanager
def sole_owner(state: Path, port: int, supervisor: Supervisor) -> Iterator[None]:
    """Lock the state folder's services. Raises PlaceError if another ./run has them; waits for a ./manage command."""
    note = state / RUN_NOTE
    with private_file(state / "owner.lock", "a") as owner:
        deadline = time.monotonic() + PATIENCE_SECONDS
        has_announced = False
        while not try_lock(owner):
            refuse_second_run(state)
            if not has_announced:
                supervisor.say("waiting for a ./manage command that uses the services")
                has_announced = True
            if supervisor.stopping or time.monotonic() > deadline:
                raise PlaceError("A ./manage command is still using the services. Start again after it ends.")
            time.sleep(0.2)
        write_privately(note, json.dumps({"pid": os.getpid(), "started": start_ticks(os.getpid()), "port": port}))
        try:
            yield
        finally:
            note.unlink(missing_ok=True)
            fcntl.flock(owner, fcntl.LOCK_UN)


def refuse_second_run(state: Path) -> None:
    run = running_site(state)
    if run is not None:
        raise PlaceError(
            f"The site is already running: http://127.0.0.1:{run['port']}/ (process {run['pid']}). "
            f"Stop it with Ctrl-C in its terminal, or with: kill {run['pid']}"
        )


def serve(supervisor: Supervisor, state: Path, port: int, started: float, *, demo: bool, living: bool = False) -> None:
    places = places_of(state)
    explain(supervisor, places, port)
    environment = origins(port)
    for part in embedded_parts(places):
        supervisor.start(part)
        if part.name == "postgres" and not supervisor.stopping:
            make_database(places)
    for_marketplace = marketplace_environment(places, environment)
    with preparing(state, for_marketplace) as child:
        login = prepare(supervisor, state, environment)
        logins = logins_when_prepared(supervisor, child)
    for part in (
        *([] if reason_for_none() else [marketplace_part(state, for_marketplace)]),
        web_part(state, port, environment),
        worker_part(state, environment),
        predictor_part(state, environment),
        setup_part(state, environment),
        beat_part(state, environment),
    ):
        if not supervisor.stopping:
            supervisor.start(part)
    if not supervisor.stopping:
        announce(environment, login, announcement(environment, logins), state, time.monotonic() - started)
        with demo_study(state, environment, living) if demo else contextlib.nullcontext():
            supervisor.watch()


def explain(supervisor: Supervisor, places: Places, port: int) -> None:
    if places.outside:
        supervisor.say(
            f"Postgres must not run as root, and its user cannot enter {places.state}: "
            f"its files are in {places.outside}"
        )
    for name in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(name):
            supervisor.say(f"{name} is set: its server is used, and no embedded one is started")
    if reason_for_none():
        supervisor.say(reason_for_none())
    for notice in elsewhere(port):
        supervisor.say(notice)


def prepare(supervisor: Supervisor, state: Path, environment: dict[str, str]) -> str:
    """Run the command `prepare`. Returns the line with the researcher's login."""
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "prepare"],
        cwd=ROOT,
        env={"LOG_LEVEL": "WARNING"} | os.environ | environment | {MARK: mark_of(state)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while child.poll() is None:
        if supervisor.stopping:
            child.terminate()
        time.sleep(0.05)
    assert child.stdout is not None, "it is a pipe"
    output = child.stdout.read()
    child.stdout.close()
    if child.returncode and not supervisor.stopping:
        raise PlaceError("The database could not be prepared; the reason is above.")
    return output.strip()


@contextlib.contextmanager
def demo_study(state: Path, environment: dict[str, str], living: bool) -> Iterator[None]:
    """Open the demo study during the block, the first time after predictions, and print its addresses.

    If `living`, simulated people then fill it.
    """
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "load_demo", *(["--living"] if living else [])],
        cwd=ROOT,
        # Log lines would break up its progress bar.
        env={"LOG_LEVEL": "WARNING"} | os.environ | environment | {MARK: mark_of(state)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
            # End the line of its progress bar.
            print(flush=True)


def announce(environment: dict[str, str], login: str, marketplace: str, state: Path, seconds: float) -> None:
    print(
        f"\nThe site is running (ready after {seconds:.1f} s).\n\n"
        f"  workers      {environment['WORKER_ORIGIN']}/\n"
        f"  researchers  {environment['STAFF_ORIGIN']}/\n"
        f"  login        {shown(login)}\n"
        f"{marketplace}"
        f"  data, logs   {state}\n\n"
        "Ctrl-C stops everything; the data stays.\n",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
