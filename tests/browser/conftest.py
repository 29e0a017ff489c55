"""A real Chromium against a real server of ours, workers and researchers on origins of their own."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import contexts_of_a_test, new_context, running_browser
from tests.live_server import running_site

# A page of results renews itself every few seconds, more seldom the longer nothing changes.
# What takes so long on no machine is not there at all.
expect.set_options(timeout=60_000)
# Reported by the browser, not by us: a page that was reloaded learns that the one before saved its draft in the end.
DRAFT_OF_ANOTHER = "the server responded with a status of 409 (Conflict)"
FAILED_REQUESTS = "Failed to load resource"


class Opener:
    """Opens pages, and notes each error on the console, or thrown, that the test has not said to expect.

    What is expected is said before it happens, since the browser may report it late.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.problems: list[str] = []
        self.expected = [DRAFT_OF_ANOTHER]

    def __call__(self, **options: Any) -> Page:
        page = new_context(self.browser, **options).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("console", lambda message: self.note(message.text) if message.type == "error" else None)
        return page

    def note(self, problem: str) -> None:
        if not any(words in problem for words in self.expected):
            self.problems.append(problem)

    def expect(self, words: str = FAILED_REQUESTS) -> None:
        """Expect errors with these words: by default, the browser's own of requests that fail or are refused."""
        self.expected.append(words)


@pytest.fixture
def site(transactional_db, settings) -> Iterator[str]:
    """The address of the staff side; the worker side is the same server under another host name."""
    with running_site() as server:
        port = urlsplit(server.url).port
        settings.WORKER_ORIGIN, settings.STAFF_ORIGIN = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
        settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
        yield settings.STAFF_ORIGIN


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
def open_page(browser) -> Iterator[Opener]:
    """Return what opens pages; an error of theirs that the test does not expect fails it."""
    opener = Opener(browser)
    yield opener
    assert not opener.problems
