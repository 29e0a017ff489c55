"""The origin that a Host header names: host and port, however they are written."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
# Without user info, without blanks, in ASCII alone: whatever else a header holds names no origin.
HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[0-9a-z_-][0-9a-z_.-]*?)\.?)(?::(?P<port>[0-9]{0,5}))?")


def host_and_port(text: str, scheme: str) -> tuple[str, int] | None:
    """Return the host and port of `host[:port]` in their usual form; None for anything else.

    >>> host_and_port("Work.Example.org.", "https")
    ('work.example.org', 443)
    >>> host_and_port("[0:0:0:0:0:0:0:1]:8000", "http")
    ('::1', 8000)
    >>> host_and_port("staff@work.example.org", "https")
    """
    match = HOST.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    host = match["name"]
    if match["v6"]:
        try:
            host = str(ipaddress.IPv6Address(match["v6"]))
        except ValueError:
            return None
    return host, int(match["port"] or DEFAULT_PORTS[scheme])


def origin_named(text: str, origins: Iterable[str]) -> str | None:
    """Return the first of the origins that a Host header names; None if it names none of them.

    >>> origin_named("localhost.:8000", ["http://127.0.0.1:8000", "http://localhost:8000"])
    'http://localhost:8000'
    """
    for origin in origins:
        scheme, place = urlsplit(origin)[:2]
        if (parts := host_and_port(text, scheme)) and parts == host_and_port(place, scheme):
            return origin
    return None
