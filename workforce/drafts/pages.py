"""Drafts that a page's script saves beside the work, and the question which of two to keep."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from workforce.drafts.actions import save_draft
from workforce.drafts.reads import FIELDS, StoredDraft, draft_of, says_the_same
from workforce.forms import JSON_TYPE
from workforce.models import Lease
from workforce.models.drafts import MOST_CHARACTERS
from workforce.unverified.actions import ARRIVED, AlreadySubmitted

# Sent instead of an answer: the version that the page knows, 0 for none. With an answer it is VERSION.
DRAFT = "draft"
VERSION = "version"
# At the pace of drafts, a page takes years to get there.
MOST_VERSIONS = 10**8

SUBMITTED = gettext_lazy("Your answer to this task is already saved. Continue with the next task.")
CHANGED = gettext_lazy("This task was changed in another tab or on another device.")


class UnfitDraft(UserError):
    """A draft that no page of this site sends."""


def is_draft(fields: Mapping[str, Any]) -> bool:
    return DRAFT in fields


def take_draft(request: HttpRequest, lease: Lease, fields: Mapping[str, Any]) -> JsonResponse:
    """Store a page's draft, and reply with its version; 409 with the stored draft, if the page knows an older one.

    Raises UnfitDraft, and AlreadySubmitted if no draft can be stored any more.
    """
    base = _version_in(fields, DRAFT)
    if request.content_type != JSON_TYPE or base is None:
        raise UnfitDraft(gettext("This is no draft of this page. Nothing was saved."))
    if lease.assignment is not None and not lease.assignment.is_waited_for:
        raise AlreadySubmitted(str(ARRIVED))
    version = save_draft(lease=lease, base=base, content=_content(fields))
    if version is not None:
        return JsonResponse({"version": version})
    stored = draft_of(lease)
    if stored is None:
        raise AlreadySubmitted(str(SUBMITTED))
    return _conflict(stored)


def newer_draft(lease: Lease, fields: Mapping[str, Any]) -> JsonResponse | None:
    """Return the question which selection to keep, if an answer differs from a draft that its page does not know.

    Only a page's script says what it knows. The script asks the person, and sends the answer again.
    """
    version = _version_in(fields, VERSION)
    stored = None if version is None else draft_of(lease)
    if version is None or stored is None or stored.version <= version or says_the_same(stored, fields):
        return None
    return _conflict(stored)


def _conflict(stored: StoredDraft) -> JsonResponse:
    reply = {"title": str(CHANGED), "message": "", "draft": json.loads(stored.for_page())}
    return JsonResponse(reply, status=409)


def _version_in(fields: Mapping[str, Any], name: str) -> int | None:
    version = fields.get(name)
    return version if type(version) is int and 0 <= version < MOST_VERSIONS else None


def _content(fields: Mapping[str, Any]) -> str:
    """Return the JSON text of a draft. Raises UnfitDraft if it is too long, or no page could read it."""
    content = {name: fields[name] for name in FIELDS if name in fields}
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):
        text = ""
    if not text or len(text) > MOST_CHARACTERS:
        raise UnfitDraft(gettext("This draft is too long. Nothing was saved."))
    return text
