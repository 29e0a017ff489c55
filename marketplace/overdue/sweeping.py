"""Bringing HITs up to date beside the server, so that requests seldom have to."""

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from marketplace.clock import now
from marketplace.overdue.actions import catch_up
from marketplace.sign_in.actions import clear_old_sessions

log = logging.getLogger(__name__)
ALL = float("inf")
# Any number that nothing else in this database locks: of all processes, one sweeps.
SWEEP_LOCK = 7_201_545
SESSIONS_EVERY = 3600.0


def sweep_for_ever(seconds: float) -> None:
    """Sweep until the process ends. If the database is unavailable, try again later."""
    next_clearing = time.monotonic()
    while True:
        try:
            sweep_alone()
            if time.monotonic() >= next_clearing:
                clear_old_sessions()
                next_clearing = time.monotonic() + SESSIONS_EVERY
        except (DatabaseError, InterfaceError) as error:
            log.warning("The sweep failed and is tried again in %s s: %s", seconds, error)
        # This also closes a broken connection.
        close_old_connections()
        time.sleep(seconds)


def sweep_alone() -> int:
    """Bring all overdue HITs up to date, unless another process does. Return the number of HITs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            return catch_up(now(), seconds=ALL)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])


def sweep_beside(seconds: float) -> threading.Thread:
    thread = threading.Thread(target=sweep_for_ever, args=[seconds], name="sweep", daemon=True)
    thread.start()
    return thread
