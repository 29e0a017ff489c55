"""How often HITs may be opened and handed in from one network address, and in one worker's name.

Against whoever floods a marketplace's frame with invented ids; nothing here tells who is who. The limits are wide
enough for a lab whose people share one address, and nobody is kept away for longer than the rest of a minute. Whoever
sends in a known worker's name from elsewhere does not use up what that worker may send from where they are.

Addresses are kept for two minutes, in Valkey alone, under a key that changes every minute. Without Valkey nothing is
limited: work goes on.
"""

import hmac
import ipaddress
import logging
from functools import lru_cache
from time import monotonic, time

import redis
from django.conf import settings
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.errors import UserError

log = logging.getLogger(__name__)

SECONDS = 60
TIMEOUT_SECONDS = 0.25
# Nobody waits for a Valkey that did not answer just now.
PAUSE_SECONDS = 10
# All addresses that one household or office gets.
IPV6_PREFIX = 64

_silent_until = 0.0


class TooMany(UserError):
    """So much came from one place or in one name within a minute; after so many `seconds` it may go on."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many pages were asked for from your network within a minute. Wait {seconds} seconds.")


def check_pace(request: HttpRequest, worker_id: str) -> None:
    """Count a request of a frame in this worker's name. Raises TooMany."""
    address = network_of(request)
    if address is None:
        return
    begin, left = divmod(time(), SECONDS)
    limits = settings.FRAME_REQUESTS_A_MINUTE
    most = {
        f"address {address}": limits["address"],
        f"worker {worker_id} at {address}": limits["worker"],
        f"worker {worker_id}": limits["worker_anywhere"],
    }
    counts = _count([_key(name, int(begin)) for name in most])
    if any(count > limit for count, limit in zip(counts, most.values(), strict=False)):
        raise TooMany(int(SECONDS - left) + 1)


def network_of(request: HttpRequest) -> str | None:
    """The address that a request came from, of IPv6 the network; None if it is this machine itself, or unknown.

    What a proxy in front says is believed only where there is one: the last it names is the one it spoke with.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_TLS_PROXY:
        text = request.headers.get("X-Forwarded-For", text).rpartition(",")[2].strip()
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return None
    if found.version == 6:
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(found)


def _key(name: str, minute: int) -> str:
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"workforce.limits/{minute}/{name}".encode(), "sha256")
    return f"pace:{digest[:18].hex()}"


def _count(keys: list[str]) -> list[int]:
    """How often each was counted by now, this time included; nothing if Valkey is away."""
    global _silent_until
    if monotonic() < _silent_until:
        return []
    steps = _valkey(settings.REDIS_URL).pipeline(transaction=False)
    for key in keys:
        steps.incr(key)
        steps.expire(key, 2 * SECONDS)
    try:
        return steps.execute()[::2]
    except redis.RedisError as error:
        _silent_until = monotonic() + PAUSE_SECONDS
        log.warning("Valkey does not answer, so nothing is limited for %d seconds: %s", PAUSE_SECONDS, error)
        return []


@lru_cache
def _valkey(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )
