"""The database's tables, brought up to date before a command works with them."""

import contextlib
import time
from collections.abc import Iterator

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext

from annotation_site.environment import env_str
from launcher.processes import running_site

POLL_SECONDS = 0.2


def ensure_tables() -> None:
    """Migrate the embedded database if it is new or behind the code.

    Raises CommandError for any other database, since its administrator decides when tables change; and while a site
    of an older version is running on the tables.
    """
    if not has_pending_migrations():
        return
    if env_str("DATABASE_URL"):
        raise CommandError(
            gettext("The tables in the database do not match this version of the site. Run first: ./manage migrate")
        )
    if running_site(settings.STATE_DIR):
        raise CommandError(
            gettext("The site is running on the tables of another version. Stop it, then run the command again.")
        )
    migrate()


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Apply all migrations, one process at a time: `./run` and commands may start together."""
    with sole_migrator():
        call_command("migrate", interactive=False, verbosity=0)


@contextlib.contextmanager
def sole_migrator() -> Iterator[None]:
    with connection.cursor() as cursor:
        # Polled: a statement that waits would hold up migrations that wait for older statements.
        while not try_lock(cursor):
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended('migrate', 0))")


def try_lock(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('migrate', 0))")
    return bool(cursor.fetchone()[0])
