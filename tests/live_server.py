"""The site on a port of its own for a test: it ends with the last request, and at once."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer
from pytest_django.live_server_helper import LiveServer


class PatientServer(ThreadedWSGIServer):
    """Django's server, which waits at its end for the requests that it is in the middle of.

    Otherwise these would go on, and write, in the database of the next test.
    """

    daemon_threads = False  # so that they are waited for

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*arguments, **named)

    def serve_forever(self, poll_interval: float = 0.05) -> None:
        """Serve; each test would wait half of Django's 0.5 seconds for the end of it."""
        super().serve_forever(poll_interval)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in tuple(self._connections):
            # Nothing more comes by connections that were kept open; what was asked is still answered.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


@contextlib.contextmanager
def running_site() -> Iterator[LiveServer]:
    """Serve the site on 127.0.0.1 until the block ends."""
    server = LiveServer("127.0.0.1", start=False)
    server.thread.server_class = PatientServer
    server.start()
    try:
        yield server
    finally:
        server.stop()
