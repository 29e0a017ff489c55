"""Rate limits for opening and submitting HITs, by network address and by worker.

They protect a marketplace's frame against floods of invented IDs; they do not identify people. They are wide enough for
a lab whose people share one address, and last no longer than the rest of a minute. Requests in a worker's name from
another address do not use up the limit of that worker at their own address.

Addresses are stored for two minutes, in Valkey alone, under a key that changes every minute. Without Valkey there is no
limit: work continues.
"""

import hmac
import ipaddress
import logging
from functools import lru_cache
from time import monotonic, time

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import ngettext
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.errors import UserError

log = logging.getLogger(__name__)

SECONDS = 60
TIMEOUT_SECONDS = 0.25
# After a failure Valkey is not asked again for this long, so that no page waits for it.
PAUSE_SECONDS = 10
# The prefix that one household or office receives.
IPV6_PREFIX = 64

_silent_until = 0.0


class TooMany(UserError):
    """More requests than the limit within a minute; `seconds` until the next one is allowed."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        message = ngettext(
            "Your network opened too many pages within a minute. Wait %(n)s second.",
            "Your network opened too many pages within a minute. Wait %(n)s seconds.",
            seconds,
        )
        super().__init__(message % {"n": seconds})


def check_pace(request: HttpRequest, worker_id: str) -> None:
    """Count a request of a frame in this worker's name. Raises TooMany."""
    address = network_of(request)
    if address is None:
        return
    minute, elapsed = divmod(time(), SECONDS)
    limits = settings.FRAME_REQUESTS_A_MINUTE
    limit_by_name = {
        f"address {address}": limits["address"],
        f"worker {worker_id} at {address}": limits["worker"],
        f"worker {worker_id}": limits["worker_anywhere"],
    }
    counts = _count([_key(name, int(minute)) for name in limit_by_name])
    if any(count > limit for count, limit in zip(counts, limit_by_name.values(), strict=False)):
        raise TooMany(int(SECONDS - elapsed) + 1)


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


def _key(name: str, minute: int) -> str:
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"workforce.limits/{minute}/{name}".encode(), "sha256")
    return f"pace:{digest[:18].hex()}"


def _count(keys: list[str]) -> list[int]:
    """Return the count of each key, this request included; an empty list if Valkey is unavailable."""
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
        log.warning("Valkey does not answer, so there are no rate limits for %d seconds: %s", PAUSE_SECONDS, error)
        return []


@lru_cache
def _valkey(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )
