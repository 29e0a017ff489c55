"""Work that one process at a time does; the others need not wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# To a marketplace.
SPEAKING = "marketplace"


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Whether this is ours to do now. Held by the database connection: a killed process holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", [name])
        is_ours = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", [name])
