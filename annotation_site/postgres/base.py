"""Django's Postgres, but for how it tells whether a connection that was kept still stands, and what that has planned.

Django asks the server before every request, and waits for the answer. A server that ended has closed its side, though,
and that can be seen without asking.
"""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_INERROR


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # The names of the statements that this connection knows, and no other (`catalog.planned`).
        self.planned: set[str] = set()
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Nothing to read: nobody hung up. Otherwise it is the end or a notice, and the server is asked after all, as
        where a statement failed and the transaction takes no more."""
        if self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        has_failed = self.connection.info.transaction_status == TRANSACTION_STATUS_INERROR
        return not (has_failed or line.poll(0)) or super().is_usable()
