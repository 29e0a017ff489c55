"""The network that a request comes from."""

import ipaddress
import logging
import re
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The prefix that a household or an office receives, of which it may use any address.
IPV6_PREFIX = 56
# Servers behind a Unix socket get no address of the sender.
UNIX_SOCKET = ""
UNKNOWN = "unknown"
# Some proxies add the port: 198.51.100.7:4711, [2001:db8::1]:4711.
WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](:\d+)?|(?P<v4>[\d.]+):\d+")


def network_of(request: HttpRequest) -> str:
    """Return the address of a request, for IPv6 its network.

    Trusted proxies name the address that connected to them, in the header CLIENT_ADDRESS_HEADER: the right-most entry
    that is no trusted proxy itself counts. Anybody else's header is ignored.
    """
    sender = request.META.get("REMOTE_ADDR", "")
    entries = request.headers.get(settings.CLIENT_ADDRESS_HEADER, "").split(",")
    if _is_trusted(sender) and not any(entry.strip() for entry in entries):
        _warn_of_missing_header(settings.CLIENT_ADDRESS_HEADER)
    # The sender of the request is the last hop; each trusted hop names the one before it.
    while _is_trusted(sender) and entries:
        earlier = entries.pop().strip()
        if _address(earlier) is None:
            break
        sender = earlier
        if not settings.TRUSTED_PROXIES:
            break
    return _network(_address(sender))


def _is_trusted(sender: str) -> bool:
    """Return whether this hop may name the one before it; with BEHIND_TLS_PROXY alone, the last hop may."""
    if not settings.TRUSTED_PROXIES:
        return bool(settings.BEHIND_TLS_PROXY)
    address = _address(sender)
    if address is None:
        return sender == UNIX_SOCKET
    return any(address in network for network in settings.TRUSTED_PROXIES)


@lru_cache
def _warn_of_missing_header(header: str) -> None:
    """Log a warning, once in a process."""
    log.warning("The proxy in front sends no %s, so all people count as one network.", header)


def _address(text: str) -> Address | None:
    match = WITH_PORT.fullmatch(text)
    if match is not None:
        text = match["v6"] or match["v4"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(address: Address | None) -> str:
    if address is None:
        return UNKNOWN
    if address.version == 6 and not address.is_loopback:
        return str(ipaddress.IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
