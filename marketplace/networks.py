"""The network that a request comes from, for the limits of sign-ins and of the API."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

# The prefix that a household or an office receives, of which it may use any address.
IPV6_PREFIX = 56
UNKNOWN = "unknown"


def network_of(request: HttpRequest) -> str:
    """Return the address of a request, for IPv6 its network; behind a proxy, of the last address that the proxy wrote.

    With a network of its own for each address, a household would have as many guesses as addresses.
    """
    sender: str = request.META.get("REMOTE_ADDR") or ""
    if settings.SECURE_PROXY_SSL_HEADER:
        sender = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or sender
    address = _address(sender)
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address or UNKNOWN)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text; an IPv4 address that is written as one of IPv6 is that IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
