"""Work that one process at a time does; the others need not wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# To a marketplace.
SPEAKING = "marketplace"


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether this is ours to do now. Held by the database connection: a killed process holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", [name])
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", [name])
