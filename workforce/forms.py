"""Reading what a worker's page sent, before any field of it is believed."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from catalog.errors import UserError

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON_TYPE = "application/json"
# No lease is longer.
LONGEST_PAUSE_SECONDS = 7 * 24 * 3600


class CrossSite(UserError):
    """Another site made the browser send this."""


class UnreadableAnswer(UserError):
    """The body is no form and no JSON object."""


def sent_fields(request: HttpRequest) -> Mapping[str, Any]:
    """The fields of a form, or of a JSON object from the page's script. Raises CrossSite, UnreadableAnswer."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise CrossSite(
            "This answer came from another site's page, so it was not taken. Answer on the study's own page."
        )
    if request.content_type == JSON_TYPE:
        return _object(request.body)
    if request.content_type not in FORM_TYPES:
        raise UnreadableAnswer(
            "The answer is neither a form nor JSON. Nothing was stored; reload the page and try again."
        )
    return request.POST


def pause_told(sent: Mapping[str, Any]) -> int:
    """Seconds in which a page was out of sight or untouched, as its script tells; 0 for what cannot be meant.

    Nothing hangs on it but how long the work is said to have taken, and it can only make that shorter: so no answer is
    refused for it.
    """
    seconds = sent.get("paused_seconds")
    return seconds if type(seconds) is int and 0 < seconds <= LONGEST_PAUSE_SECONDS else 0


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UnreadableAnswer("The answer is not a JSON object. Nothing was stored; reload the page and try again.")
    return fields
