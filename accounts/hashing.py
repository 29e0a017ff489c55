"""Password checks, few at a time: a hash takes a third of a second of a processor that workers wait for."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from accounts.errors import TooBusy

# Requests of one process that hash or wait to. The others keep their threads, and accounts at a network where they
# signed in before have places of their own.
PLACES = {True: BoundedSemaphore(2), False: BoundedSemaphore(2)}
# Any number that nothing else in this database locks: of all processes, one hashes.
HASHING_LOCK = 7_201_546
LONGEST_WAIT = "5s"


def is_password_of(user: User | None, password: str, *, is_at_home: bool) -> bool:
    """Return whether the password is that of the user. Without a user it takes as long. Raises TooBusy."""
    with a_place(is_at_home), one_at_a_time():
        if user is None:
            make_password(password)
            return False
        return user.check_password(password)


def hash_of(password: str, *, is_at_home: bool) -> str:
    """Return the hash of a new password. Raises TooBusy."""
    with a_place(is_at_home), one_at_a_time():
        return make_password(password)


@contextmanager
def a_place(is_at_home: bool) -> Iterator[None]:
    places = PLACES[is_at_home]
    if not places.acquire(blocking=False):
        raise TooBusy
    try:
        yield
    finally:
        places.release()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for the hash of another process."""
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [HASHING_LOCK])
        except OperationalError:
            raise TooBusy from None
        yield
