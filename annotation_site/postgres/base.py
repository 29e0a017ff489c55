"""Django's Postgres, but for how it tells whether a connection that was kept still stands.

Django asks the server before every request, and waits for the answer. A server that ended has closed its side, though,
and that can be seen without asking.
"""

import select

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_INERROR


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Nothing to read: nobody hung up. Otherwise it is the end or a notice, and the server is asked after all, as
        where a statement failed and the transaction takes no more."""
        if self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        has_failed = self.connection.info.transaction_status == TRANSACTION_STATUS_INERROR
        return not (has_failed or line.poll(0)) or super().is_usable()
