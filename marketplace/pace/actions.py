"""The pace of API requests, by access key and by network: counted within a minute, by each process of the server.

In memory: a lasting count would cost every request a write, and what is to be held off lasts a minute at a time.
"""

import threading
import time
from collections import Counter

from django.conf import settings
from django.http import HttpRequest

from marketplace.errors import ProtocolError
from marketplace.networks import network_of

SECONDS = 60


class Throttled(ProtocolError):
    """Too many requests, as MTurk says it; `seconds` until the next one is allowed."""

    def __init__(self, seconds: int) -> None:
        super().__init__("ThrottlingException", "Rate exceeded")
        self.seconds = seconds


class Pace:
    """Counts by name within the current minute."""

    def __init__(self) -> None:
        self.minute, self.counts, self.lock = 0, Counter[str](), threading.Lock()

    def count(self, name: str, limit: int) -> None:
        """Count one more under a name. Raises Throttled beyond the limit."""
        seconds = self.seconds_left()
        with self.lock:
            self.counts[name] += 1
            if self.counts[name] > limit:
                raise Throttled(seconds)

    def check(self, name: str, limit: int) -> None:
        """Raise Throttled if the limit is used up, without counting."""
        seconds = self.seconds_left()
        with self.lock:
            if self.counts[name] >= limit:
                raise Throttled(seconds)

    def seconds_left(self) -> int:
        """Return the seconds left of the minute; forget the counts of an earlier one."""
        minute, elapsed = divmod(time.time(), SECONDS)
        with self.lock:
            if minute != self.minute:
                self.minute = int(minute)
                self.counts.clear()
        return int(SECONDS - elapsed) + 1


PACE = Pace()


def check_network(request: HttpRequest) -> None:
    """Count a request before its key is looked up. Raises Throttled, also after many wrong signatures from there."""
    network = network_of(request)
    PACE.check(f"wrong from {network}", settings.WRONG_SIGNATURES_PER_NETWORK)
    PACE.count(f"from {network}", settings.CALLS_PER_NETWORK)


def note_wrong_signature(request: HttpRequest) -> None:
    """Count a request whose signature was not verified. Raises Throttled beyond the limit."""
    PACE.count(f"wrong from {network_of(request)}", settings.WRONG_SIGNATURES_PER_NETWORK)


def check_key(key_id: str) -> None:
    """Count a request that this key signed. Raises Throttled."""
    PACE.count(f"key {key_id}", settings.CALLS_PER_KEY)
