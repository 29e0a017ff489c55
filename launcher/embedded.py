"""Postgres and Valkey for the length of one command, shared by all processes of the same state folder."""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from launcher.places import PlaceError, Places, places_of
from launcher.postgres import accepts, make_database, postgres_part
from launcher.privacy import make_private, private_file
from launcher.processes import Part, end_leftovers
from launcher.secrets import make_site_key
from launcher.valkey import answers, valkey_part

START_SECONDS = 30


def embedded_parts(places: Places, durable: bool = True) -> list[Part]:
    """Return Postgres unless DATABASE_URL names another server, and Valkey unless REDIS_URL does."""
    parts = [] if os.environ.get("DATABASE_URL") else [postgres_part(places, durable)]
    return parts + ([] if os.environ.get("REDIS_URL") else [valkey_part(places)])


@contextlib.contextmanager
def services(state: Path, durable: bool = True) -> Iterator[None]:
    """Run the embedded services of this state folder, or use them if another process runs them.

    The holder of owner.lock runs them; all others hold users.lock shared, and the owner waits for them before
    stopping.
    """
    # Made before `places_of`, which asks whether Postgres' user may pass through it.
    make_private(state)
    make_site_key(state)
    places = places_of(state)
    parts = embedded_parts(places, durable)
    if not parts:
        yield
        return
    with private_file(state / "owner.lock", "a") as owner, private_file(state / "users.lock", "a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        if not try_lock(owner):
            wait_for_owner(places, owner, parts)
            yield
            return
        with running(places, parts):
            yield
            # From here on new users wait: the lock is exclusive once the last user has released it.
            fcntl.flock(users, fcntl.LOCK_EX)


@contextlib.contextmanager
def running(places: Places, parts: list[Part]) -> Iterator[None]:
    end_leftovers(places.state)
    make_site_key(places.state)
    try:
        for part in parts:
            begin(part, places)
        yield
    finally:
        for part in reversed(parts):
            part.stop()


def begin(part: Part, places: Places) -> None:
    """Start a part and wait until it serves. Raises PlaceError, with the end of its log."""
    part.start()
    if not part.wait_ready(START_SECONDS):
        part.stop()
        raise PlaceError(f"{part.name} did not start. Its log, {part.log}, ends:\n{part.last_lines()}")
    if part.name == "postgres":
        make_database(places)


def try_lock(file: IO[Any]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_owner(places: Places, owner: IO[Any], parts: list[Part]) -> None:
    """Wait until the services that another process starts or runs can be used."""
    checks = {"postgres": accepts, "valkey": answers}
    deadline = time.monotonic() + START_SECONDS
    while not all(checks[part.name](places) for part in parts):
        if time.monotonic() > deadline:
            raise PlaceError(
                f"Another process holds {owner.name} but its services do not answer. "
                f"Stop it (./run, ./manage), or see the logs in {places.logs}."
            )
        time.sleep(0.1)


def report(error: PlaceError) -> NoReturn:
    sys.exit(f"stopped: {error}")
