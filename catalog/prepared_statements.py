"""Statements that Postgres plans once for a connection.

To find a row by its key, Postgres plans for several times as long as it searches. So each connection names a frequent
statement when it first runs it (PREPARE), and calls it by that name afterwards. One plan serves all values, so this is
not for a statement whose best plan depends on them, such as the search for free slots.
A connection is kept for a minute (CONN_MAX_AGE): so no plan that was made for an empty table is used for long.
"""

import re
from collections.abc import Mapping
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection

NAME = re.compile(r"%\((\w+)\)s")
# Postgres's codes for a table altered since, and for a name it does not know (any more).
PLAN_IS_STALE, NO_SUCH_PLAN = "0A000", "26000"

# The names of statements, by connection of the driver. No name is used twice, so a name that an interrupted connection
# may have used is harmless.
_named: WeakKeyDictionary[Any, dict["PreparedStatement", str]] = WeakKeyDictionary()
_numbers = count(1)


class PreparedStatement:
    """A statement with values in it by name, `%(so)s`.

        DONE = PreparedStatement("SELECT count(*) FROM workforce_lease WHERE batch_id = %(batch)s")
        ((n_done,),) = DONE.rows({"batch": 3})

    Postgres finds the types of the values out from where they stand; where it cannot, the statement says them. A
    value beyond its type is an error, not one that is found nowhere.
    """

    def __init__(self, sql: str) -> None:
        names = list(dict.fromkeys(NAME.findall(sql)))
        self._text = sql % {name: f"${number}" for number, name in enumerate(names, start=1)}
        self._values = f"({', '.join(f'%({name})s' for name in names)})" if names else ""

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows that the statement yields; none, if it yields nothing."""
        with connection.cursor() as cursor:
            names = _named.setdefault(connection.connection, {})
            name = names.get(self) or self._plan(names)
            try:
                cursor.execute(f"EXECUTE {name}{self._values}", values)
            except DatabaseError as error:
                if getattr(error.__cause__, "pgcode", None) in (PLAN_IS_STALE, NO_SUCH_PLAN):
                    # This transaction has failed; the next one plans anew.
                    names.pop(self, None)
                raise
            return cursor.fetchall() if cursor.description else []

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        return next(iter(self.rows(values)), None)

    def only_row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the row of a statement that always has exactly one."""
        (row,) = self.rows(values)
        return row

    def _plan(self, names: dict["PreparedStatement", str]) -> str:
        name = f"planned_{next(_numbers)}"
        # Not a query of the page's: on the driver's own cursor.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute(f"PREPARE {name} AS {self._text}")
        names[self] = name
        return name
