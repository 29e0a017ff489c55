"""The network that a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# The prefix that one household or office receives.
IPV6_PREFIX = 64


def network_of(request: HttpRequest) -> str | None:
    """Return the address of a request, for IPv6 its network; None for this machine itself or an unknown address.

    X-Forwarded-For counts only behind a proxy: its last address is the one that connected to the proxy.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_TLS_PROXY:
        text = request.headers.get("X-Forwarded-For", text).rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
