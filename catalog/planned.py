"""Statements that Postgres plans once for a connection.

To find a row by its key, Postgres plans for several times as long as it looks. What all workers ask over and over is
therefore named by each connection when it first asks it (PREPARE), and afterwards called by its name. The plan is one
for all values, so this is not for a statement whose best plan hangs on them, as where the free slots are looked for.
A connection is kept for a minute (CONN_MAX_AGE): so no plan that was made for an empty table is used for long.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.db import connection

NAME = re.compile(r"%\((\w+)\)s")


class Planned:
    """A statement with values in it by name, `%(so)s`.

        DONE = Planned("SELECT count(*) FROM workforce_lease WHERE batch_id = %(batch)s")
        ((n_done,),) = DONE.rows({"batch": 3})

    Postgres finds the types of the values out from where they stand; where it cannot, the statement says them.
    """

    def __init__(self, sql: str) -> None:
        names = list(dict.fromkeys(NAME.findall(sql)))
        self._text = sql % {name: f"${number}" for number, name in enumerate(names, start=1)}
        # By what it says: two statements never share a name, also not those of two versions of the site.
        self._name = f"planned_{hashlib.sha256(sql.encode()).hexdigest()[:24]}"
        values = f"({', '.join(f'%({name})s' for name in names)})" if names else ""
        self._call = f"EXECUTE {self._name}{values}"

    def rows(self, values: Mapping[str, Any]) -> list[tuple]:
        """What it finds or returns; nothing, if it does neither."""
        with connection.cursor() as cursor:
            if self._name not in connection.planned:
                self._plan()
            cursor.execute(self._call, values)
            return cursor.fetchall() if cursor.description else []

    def row(self, values: Mapping[str, Any]) -> tuple | None:
        return next(iter(self.rows(values)), None)

    def _plan(self) -> None:
        # Not a query of the page's: on the driver's own cursor.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute(f"PREPARE {self._name} AS {self._text}")
        connection.planned.add(self._name)
