"""Django's Postgres, but for how it tells whether a connection that was kept still stands.

Django asks the server before every request, and waits for the answer. A server that ended has closed its side, though,
and that can be seen without asking.
"""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Nothing to read: nobody hung up. Otherwise it is the end, or a notice, so the server is asked after all."""
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        return not line.poll(0) or super().is_usable()
