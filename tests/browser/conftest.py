"""A real Chromium against a real server of ours, workers and researchers on origins of their own."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browsers import contexts_of_a_test, new_context, running_browser

# A page of results renews itself every few seconds, more seldom the longer nothing changes.
# What takes so long on no machine is not there at all.
expect.set_options(timeout=60_000)
# Reported by the browser, not by us: a page that was reloaded learns that the one before saved its draft in the end.
DRAFT_OF_ANOTHER = "the server responded with a status of 409 (Conflict)"


@pytest.fixture
def site(transactional_db, settings) -> Iterator[str]:
    """The address of the staff side; the worker side is the same server under another host name."""
    server = LiveServer("127.0.0.1")
    port = urlsplit(server.url).port
    settings.WORKER_ORIGIN, settings.STAFF_ORIGIN = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    yield settings.STAFF_ORIGIN
    server.stop()


@pytest.fixture(scope="module")
def browser_flags() -> list[str]:
    """Return further flags of the browser, for a file of tests."""
    return []


@pytest.fixture(scope="module")
def chromium(django_db_setup, browser_flags) -> Iterator[Browser]:
    with running_browser(browser_flags) as running:
        yield running


@pytest.fixture
def browser(site, chromium) -> Iterator[Browser]:
    """Return the browser of this file, without a page of another test."""
    with contexts_of_a_test(chromium):
        yield chromium


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Page]]:
    """Open pages; an error on the console, or one thrown, fails the test."""
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and DRAFT_OF_ANOTHER not in message.text:
            problems.append(message.text)

    def opened(**options: Any) -> Page:
        page = new_context(browser, **options).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", note)
        return page

    setattr(opened, "problems", problems)  # noqa: B010 - a function has no such place for the types
    yield opened
    assert not problems
