import contextlib

import psycopg2
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from psycopg2 import sql


class Command(BaseCommand):
    help = "Create the marketplace's database if it is missing, and update its tables."

    def handle(self, *, verbosity: int, **options) -> None:
        make_database()
        call_command("migrate", verbosity=verbosity, interactive=False)


def make_database() -> None:
    """Create the database if it is missing. Postgres has no CREATE DATABASE IF NOT EXISTS: two may try at once."""
    parameters = connection.get_connection_params()
    name = parameters.pop("dbname", None) or parameters.pop("database")
    server_parameters = {key: parameters[key] for key in ("host", "port", "user", "password") if key in parameters}
    server = psycopg2.connect(dbname="postgres", connect_timeout=10, **server_parameters)
    server.autocommit = True
    with contextlib.closing(server), server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            with contextlib.suppress(psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
