"""A port of this machine for a server that a test starts."""

import itertools
import random
import socket
from pathlib import Path

from launcher.addresses import MARKETPLACE_STEP

LOWEST, FIRST_OF_CONNECTIONS = 10_240, 32_768
# Not the common one: all processes of a run seed it alike before each test, and would meet at the same port.
CHANCE = random.SystemRandom()
_handed_out: set[int] = set()


def free_port() -> int:
    """A port that nobody listens at, and that keeps free until the server is up, like the one of its marketplace.

    The system gives outgoing connections, and servers that name no port, one from a range of its own: a port of that
    range that was free just now may be anybody's a moment later.
    """
    for port in (CHANCE.randrange(LOWEST, _end()) for _ in itertools.repeat(None, 1000)):
        ports = {port, port + MARKETPLACE_STEP}
        if not ports & _handed_out and all(map(_is_free, ports)):
            _handed_out.update(ports)
            return port
    raise AssertionError("This machine has no free port.")


def _end() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = FIRST_OF_CONNECTIONS
    # Where that range begins low there is nothing below it, and luck decides as everywhere.
    return (first if first > 2 * LOWEST else 65_536) - MARKETPLACE_STEP


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
