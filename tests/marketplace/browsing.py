"""Workers at their pages, without a browser: a client that is signed in, and what pages say."""

import re
from html import unescape
from typing import Any

from django.conf import settings
from django.test import Client

from marketplace.models import Assignment, Worker
from marketplace.sessions import PASSWORD, WORKER, mark_of_password
from tests.required import Page, require

HOST = settings.ORIGIN.partition("//")[2]
FRAME = re.compile(r'<iframe[^>]* src="([^"]*)"')


def stranger(**options: Any) -> Client:
    return Client(**({"HTTP_HOST": HOST} | options))


def at_work(worker: Worker, **options: Any) -> Client:
    """Return a client that is signed in, without the slow check of a password."""
    client = stranger(**options)
    session = client.session
    session[WORKER], session[PASSWORD] = worker.pk, mark_of_password(worker)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = require(session.session_key)
    return client


def text_of(page: Page) -> str:
    """Return the text of a page in one line."""
    words = re.sub(r"<[^>]*>", " ", page.content.decode())
    return re.sub(r"\s+", " ", unescape(words)).strip()


def frame_of(page: Page) -> str:
    return unescape(require(FRAME.search(page.content.decode()))[1])


def directives(page: Page) -> dict[str, str]:
    parts = page.headers["Content-Security-Policy"].split("; ")
    return {name: values for name, _, values in (part.partition(" ") for part in parts)}


def accept_on_page(client: Client, hit, **fields: str) -> Assignment:
    group = hit.hit_type.group_id
    answer = client.post(f"/groups/{group}/accept/", {"hit": hit.public_id} | fields)
    assert answer.status_code == 302, text_of(answer)
    return Assignment.objects.get(public_id=answer.headers["Location"].split("/")[2])


def submit_form(assignment_id: str, client: Client | None = None, **fields: Any) -> Page:
    """Submit the form in the frame, without a cookie."""
    return (client or stranger()).post("/mturk/externalSubmit", {"assignmentId": assignment_id} | fields)
