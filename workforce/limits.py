"""Rate limits for opening and submitting HITs, by network address and by worker.

They protect a marketplace's frame against floods of invented IDs; they do not identify people. They are wide enough for
a lab whose people share one address, and last no longer than the rest of a minute. Requests in a worker's name from
another address do not use up the limit of that worker at their own address.
"""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import ngettext

from access.networks.reads import network_of
from access.pace.actions import count_request
from catalog.errors import UserError


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
    limits = settings.FRAME_REQUESTS_A_MINUTE
    limit_by_name = {
        f"address {address}": limits["address"],
        f"worker {worker_id} at {address}": limits["worker"],
        f"worker {worker_id}": limits["worker_anywhere"],
    }
    seconds = count_request(limit_by_name)
    if seconds:
        raise TooMany(seconds)
