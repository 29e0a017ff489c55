"""Emptying the database after a test that committed: the tables that hold rows, and no others.

Django's own way truncates every table and makes permissions anew: 0.2 seconds after each of a thousand tests.
"""

import os

from django.db import connections, transaction
from django.test import TransactionTestCase

# What migrations leave there belongs to every test.
KEPT = {"django_content_type", "auth_permission", "django_migrations"}


def empty_quickly() -> None:
    """Let every test that commits end with `empty_tables`. On a server of somebody else's, rights may not do for it."""
    if not os.environ.get("DATABASE_URL"):
        setattr(TransactionTestCase, "_fixture_teardown", _empty_databases)  # noqa: B010 - the types know it not


def _empty_databases(case: TransactionTestCase) -> None:
    for alias in connections:
        empty_tables(alias)


def empty_tables(alias: str = "default") -> None:
    """Delete all rows. As TRUNCATE does, it waits for whoever is still in the middle of a transaction."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [quote(name) for name in sorted(set(names) - KEPT)]
    queries = [f"SELECT {n} WHERE EXISTS (SELECT FROM {table})" for n, table in enumerate(tables)]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(" UNION ALL ".join(queries))
        filled = [tables[n] for (n,) in cursor.fetchall()]
        # Neither foreign keys nor triggers of ours look at each row; the order of the tables is then free.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")
