"""Django's Postgres backend with a cheaper check of persistent connections.

Django asks the server before every request, and waits for the answer. But a server that has ended has closed its side
of the connection, and that is visible without a query.
"""

import select

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_INERROR


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Return whether the connection works. Bytes to read mean its end or a notice: then, and after a failed
        statement, the server is asked."""
        if self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        has_failed = self.connection.info.transaction_status == TRANSACTION_STATUS_INERROR
        return not (has_failed or line.poll(0)) or super().is_usable()
