"""Rows that all tests of a module share, and that are never committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def rows_of_a_module(django_db_blocker: Any) -> Iterator[None]:
    """Keep what the block writes for the tests of a module, each of which is rolled back to it; at last undo it too.

    A test that commits (`transaction=True`) would meet an open transaction: it belongs into a module of its own.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
