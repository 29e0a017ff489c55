"""Counts of requests within a minute, in Valkey alone.

Names are stored for two minutes, under a key that changes every minute. Without Valkey there is no limit: work
continues.
"""

import hmac
import logging
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic, time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

SECONDS = 60
TIMEOUT_SECONDS = 0.25
# After a failure Valkey is not asked again for this long, so that no page waits for it.
PAUSE_SECONDS = 10

_silent_until = 0.0


def count_request(limit_by_name: Mapping[str, int]) -> int:
    """Count a request under each of these names. Return 0, or beyond a name's limit the seconds left of the minute."""
    minute, elapsed = divmod(time(), SECONDS)
    counts = _count([_key(name, int(minute)) for name in limit_by_name])
    if any(count > limit for count, limit in zip(counts, limit_by_name.values(), strict=False)):
        return int(SECONDS - elapsed) + 1
    return 0


def _key(name: str, minute: int) -> str:
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"access.pace/{minute}/{name}".encode(), "sha256")
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
