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

from launcher.addresses import marketplace_port, origins, remember_port
from launcher.catalogs import compile_catalogs
from launcher.embedded import report, try_lock, wanted_parts
from launcher.marketplace import (
    announcement,
    logins_when_prepared,
    marketplace_environment,
    marketplace_part,
    preparing,
    reason_for_none,
)
from launcher.parts import beat_part, check_port_free, predictor_part, setup_part, web_part, worker_part
from launcher.places import ROOT, PlaceError, Places, places_of, state_dir
from launcher.postgres import make_database
from launcher.processes import MARK, end_leftovers, mark_of, start_ticks
from launcher.secrets import make_site_key
from launcher.supervisor import Supervisor

PATIENCE_SECONDS = 60


def main(arguments: list[str]) -> None:
    started = time.monotonic()
    port = parse(arguments).port
    state = state_dir()
    state.mkdir(parents=True, exist_ok=True)
    make_site_key(state)
    supervisor = Supervisor()
    supervisor.catch_signals()
    try:
        with sole_owner(state, port, supervisor):
            for name in end_leftovers(state):
                supervisor.say(f"ended a {name} process that an earlier run had left behind")
            check_port_free(port)
            if not reason_for_none():
                check_port_free(marketplace_port(port), of_site=port)
            remember_port(state, port)
            compile_catalogs()
            try:
                serve(supervisor, state, port, started)
            finally:
                supervisor.stop()
    except PlaceError as error:
        report(error)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./run", description="Set up and start the whole site on this machine.")
    parser.add_argument(
        "--port",
        type=port_number,
        default=os.environ.get("PORT", "").strip() or "8000",
        help="port of the site on this machine (that of the variable PORT, or 8000); the marketplace's is 100 above",
    )
    return parser.parse_args(arguments)


def port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f"{text!r}, given so or by the variable PORT, is not a port: write a number from 1 to 65535"
        )
    return int(text)


@contextlib.contextmanager
def sole_owner(state: Path, port: int, supervisor: Supervisor) -> Iterator[None]:
    """Hold the state folder's services; give way to another ./run, wait for a ./manage to finish."""
    note = state / "run.json"
    with open(state / "owner.lock", "a") as owner:
        deadline = time.monotonic() + PATIENCE_SECONDS
        told = False
        while not try_lock(owner):
            refuse_second_run(note)
            if not told:
                supervisor.say("waiting for a ./manage command that uses the services")
                told = True
            if supervisor.stopping or time.monotonic() > deadline:
                raise PlaceError("A ./manage command is still using the services. Start again when it is done.")
            time.sleep(0.2)
        note.write_text(json.dumps({"pid": os.getpid(), "started": start_ticks(os.getpid()), "port": port}))
        try:
            yield
        finally:
            note.unlink(missing_ok=True)
            fcntl.flock(owner, fcntl.LOCK_UN)


def refuse_second_run(note: Path) -> None:
    try:
        other = json.loads(note.read_text())
        is_running = start_ticks(other["pid"]) == other["started"]
    except (OSError, ValueError, KeyError):
        return
    if is_running:
        raise PlaceError(
            f"The site is running already: http://127.0.0.1:{other['port']}/ (process {other['pid']}). "
            f"Stop it with Ctrl-C where it was started, or with: kill {other['pid']}"
        )


def serve(supervisor: Supervisor, state: Path, port: int, started: float) -> None:
    places = places_of(state)
    explain(supervisor, places)
    environment = origins(port)
    for part in wanted_parts(places):
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
        with demo_study(state, environment):
            supervisor.watch()


def explain(supervisor: Supervisor, places: Places) -> None:
    if places.outside:
        supervisor.say(
            f"Postgres must not run as root, and its user cannot enter {places.state}: "
            f"its files are kept in {places.outside}"
        )
    for name in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(name):
            supervisor.say(f"{name} is set: the server it names is used, no embedded one is started")
    if reason_for_none():
        supervisor.say(reason_for_none())


def prepare(supervisor: Supervisor, state: Path, environment: dict[str, str]) -> str:
    """Run the `prepare` command. Returns the line with the researcher's login."""
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
def demo_study(state: Path, environment: dict[str, str]) -> Iterator[None]:
    """Meanwhile the demo study is opened, the first time from what the predictor says, and its addresses printed."""
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "load_demo"],
        cwd=ROOT,
        # What it does stands on its progress bar, which a log would tear apart.
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
            # Off the line of its progress bar.
            print(flush=True)


def announce(environment: dict[str, str], login: str, marketplace: str, state: Path, seconds: float) -> None:
    print(
        f"\nThe site is running (ready after {seconds:.1f} s).\n\n"
        f"  workers      {environment['WORKER_ORIGIN']}/\n"
        f"  researchers  {environment['STAFF_ORIGIN']}/\n"
        f"  login        {login}\n"
        f"{marketplace}"
        f"  data, logs   {state}\n\n"
        "Ctrl-C stops all of it; the data stays.\n",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
