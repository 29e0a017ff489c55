"""Locks for work that one process at a time does; other processes do not wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# For calls to the marketplace.
SYNC_LOCK = "marketplace"


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Try to take the lock and yield whether it worked. The database connection holds it: a killed process does not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", [name])
        is_ours = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", [name])
