"""Addresses to which a HIT may lead a browser: a worker's own machine and network are not the web."""

import ipaddress
import re
import socket
import unicodedata
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOOPBACK_NAME = re.compile(r"(.+\.)?localhost|localhost\.localdomain|ip6-(localhost|loopback)")
# What a browser would read in another way than we do.
UNCLEAR = re.compile(r"[\s\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_task_address(url: str, *, origin: str) -> bool:
    """Return whether a HIT of the marketplace at `origin` may lead there.

    Everywhere: https to a name, or to an address of the internet. Only a marketplace on loopback leads to loopback,
    also over http, and only one on a private network leads into private networks.
    """
    if UNCLEAR.search(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "%" in host or ("[" in parts.netloc and ":" not in host):
        return False
    own = reach_of(urlsplit(origin).hostname or "")
    reach = reach_of(host)
    if parts.scheme == "http":
        return own == "loopback" and host in LOOPBACK
    return parts.scheme == "https" and (reach == "web" or (reach != "" and own in ("loopback", reach)))


def reach_of(host: str) -> str:
    """Return `web`, `private` or `loopback`; blank for a host that browsers read in their own way, or not at all.

    >>> [reach_of(host) for host in ("lab.example", "127.1", "0x7f000001", "::ffff:10.0.0.1", "10.1", "a.localhost.")]
    ['web', 'loopback', 'loopback', 'private', 'private', 'loopback']
    """
    # As browsers do with names: １２７．０．０．１ is 127.0.0.1, and a dot at the end changes nothing.
    name = unicodedata.normalize("NFKC", host).replace("。", ".").lower().removesuffix(".")
    address = address_of(name)
    if address is not None:
        return reach_of_address(address)
    # A browser takes a name that ends in a number for an address.
    last = name.rpartition(".")[2]
    if not NAME.fullmatch(name) or last.isdecimal() or last.startswith("0x"):
        return ""
    return "loopback" if LOOPBACK_NAME.fullmatch(name) else "web"


def address_of(name: str) -> Address | None:
    """Return the IP address that a host is, in any of the spellings that browsers know; None for a name."""
    try:
        if ":" in name:
            return ipaddress.IPv6Address(name)
        return ipaddress.IPv4Address(socket.inet_aton(name)) if name and name[0].isdecimal() else None
    except (OSError, ValueError):
        return None


def reach_of_address(address: Address) -> str:
    inner = inside_of(address)
    if inner is not None:
        return reach_of_address(inner)
    # 0.0.0.0 is this machine, too.
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    return "web" if address.is_global and not address.is_multicast else "private"


def inside_of(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64 or (address.packed[:12] == bytes(12) and int(address) > 1):
        return ipaddress.IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour
