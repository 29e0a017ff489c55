"""The pages before the work, on study links and in a marketplace's frame: Start, Decline, and what they send."""

import hmac
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from workforce.consents.actions import Agreement
from workforce.consents.reads import PARAMETER, standing_at_start, start_token
from workforce.introductions.reads import introduction_of
from workforce.models import Batch, Consent

# Fields of the two forms.
START, DECLINE, VERSION, TRACE = "start", "decline", "version", "trace"
KEY_SALT = "workforce.start_key"


class SeeOther(HttpResponseRedirect):
    """The reply to a form that was taken: the browser opens the next page with GET."""

    status_code = 303


def agreement_in(fields: Mapping[str, Any]) -> Agreement:
    """Return what the fields of Start agree to."""
    return Agreement(version=str(fields.get(VERSION, "")), trace=bool(fields.get(TRACE)))


def declines(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get(DECLINE))


def start_page(request: HttpRequest, batch: Batch, **further: object) -> HttpResponse:
    """Show what there is to know before the work, with the buttons Start and Decline.

    `further` may say `changed` (the consent text did), `n_done` and `finish_address` of a person who worked before,
    and, of an offer on a marketplace, its `terms` and the `start_key` of the page in its frame.
    """
    context = {
        "batch": batch,
        "introduction": introduction_of(batch.dataset_id),
        "standing": standing_at_start(batch),
    }
    return render(request, "workforce/start.html", context | further, status=409 if further.get("changed") else 200)


def declined_page(request: HttpRequest, batch: Batch, *, back: str, **further: object) -> HttpResponse:
    """Confirm that a person does not take part; `back` is the address for people who change their mind."""
    return render(request, "workforce/declined.html", {"batch": batch, "back": back} | further)


def address_with(request: HttpRequest, consent: Consent | None) -> str:
    """Return the address of this page in a frame, with the proof of a Start or without."""
    query = request.GET.copy()
    query.pop(PARAMETER, None)
    if consent is not None:
        query[PARAMETER] = start_token(consent)
    return f"{request.path}?{query.urlencode()}"


def start_key(batch: Batch, external_id: str) -> str:
    """Return the name under which a frame's script notes that this worker pressed Start under the present text.

    The note stays in the browser: a forged Start elsewhere does not reach it, and it names nobody.
    """
    text = f"{KEY_SALT}/{batch.pk}/{standing_at_start(batch).text}/{external_id}"
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")[:12].hex()
