"""Limits on the pace of REST requests, by network and by key."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import ngettext
from rest_framework.exceptions import Throttled

from access.networks.reads import network_of
from access.pace.actions import count_request


def check_network(request: HttpRequest) -> None:
    """Count a request of a network before its key is looked up: wrong keys count as well. Raises Throttled."""
    _check(f"REST network {network_of(request)}", settings.REST_REQUESTS_A_MINUTE["network"])


def check_key(token_id: int) -> None:
    """Count a request with a valid key. Raises Throttled."""
    _check(f"REST key {token_id}", settings.REST_REQUESTS_A_MINUTE["key"])


def _check(name: str, limit: int) -> None:
    seconds = count_request({name: limit})
    if seconds:
        message = ngettext(
            "There are too many requests: at most %(limit)s a minute. Wait %(n)s second.",
            "There are too many requests: at most %(limit)s a minute. Wait %(n)s seconds.",
            seconds,
        )
        # Without `wait`, whose words would be added.
        error: Any = Throttled(detail=message % {"limit": f"{limit:,}", "n": seconds})
        error.wait = seconds
        raise error
