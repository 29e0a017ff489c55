"""Reading of the fields that a worker's page sends. None of them is trusted yet."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext

from catalog.errors import UserError
from workforce.models import Lease

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON_TYPE = "application/json"
# No lease is longer.
LONGEST_PAUSE_SECONDS = 7 * 24 * 3600


class CrossSite(UserError):
    """A request that another site made the browser send."""


class ForeignStart(UserError):
    """A Start or Continue that another site made the browser send."""


class UnreadableAnswer(UserError):
    """A body that is neither a form nor a JSON object."""


def fields_in(request: HttpRequest) -> Mapping[str, Any]:
    """Return the fields of a form, or of the page script's JSON object. Raises CrossSite, UnreadableAnswer."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise CrossSite(
            gettext("This answer came from another site, so it was not saved. Answer on the study's own page.")
        )
    if request.content_type == JSON_TYPE:
        return _object(request.body)
    if request.content_type not in FORM_TYPES:
        raise UnreadableAnswer(
            gettext(
                "Your browser sent an answer that we cannot read. Nothing was saved. Reload the page and try again."
            )
        )
    return request.POST


def fields_of_start(request: HttpRequest) -> Mapping[str, Any]:
    """Return the fields of Start, Continue or Decline, buttons of our own page. Raises ForeignStart, UnreadableAnswer.

    Unlike an answer, it carries no token. Browsers without Sec-Fetch-Site say the page's origin; programs say neither,
    and no other site makes them send anything.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin", settings.WORKER_ORIGIN)
    if site != "same-origin" if site else origin != settings.WORKER_ORIGIN:
        raise ForeignStart(
            gettext("This request came from another site, so nothing was saved. Press the button on the study's page.")
        )
    return fields_in(request)


def key_to_store(lease: Lease, key: str) -> str:
    """Return the idempotency key of an answer: no page of another lease or assignment can use it up."""
    assignment = "" if lease.assignment is None else f".{lease.assignment.pk}"
    return f"{lease.public_id}{assignment}.{key}"


def paused_seconds_in(fields: Mapping[str, Any]) -> int:
    """Return the seconds in which a page was hidden or untouched, by its script; 0 for an impossible value.

    The value only shortens the working time on record, so no answer is rejected for it.
    """
    seconds = fields.get("paused_seconds")
    return seconds if type(seconds) is int and 0 < seconds <= LONGEST_PAUSE_SECONDS else 0


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UnreadableAnswer(
            gettext(
                "Your browser sent an answer that we cannot read. Nothing was saved. Reload the page and try again."
            )
        )
    return fields
