"""A real Chromium against a real server of ours, workers and researchers on origins of their own."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # the sandbox does not start as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A page of results renews itself every few seconds, more seldom the longer nothing changes.
# What takes so long on no machine is not there at all.
expect.set_options(timeout=60_000)


@pytest.fixture
def site(transactional_db, settings) -> Iterator[str]:
    """The address of the staff side; the worker side is the same server under another host name."""
    server = LiveServer("127.0.0.1")
    port = urlsplit(server.url).port
    settings.WORKER_ORIGIN, settings.STAFF_ORIGIN = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    yield settings.STAFF_ORIGIN
    server.stop()


@pytest.fixture
def browser_flags() -> list[str]:
    """Return further flags of the browser, for a file of tests."""
    return []


@pytest.fixture
def browser(site, browser_flags, monkeypatch) -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, which Django takes for asynchronous code.
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, "The browser tests need Chromium: ./test installs it."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS + browser_flags)
        yield chromium
        chromium.close()
        # Beside that loop the test had a database connection of its own, which nobody else would close.
        connections.close_all()


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Page]]:
    """Open pages; an error on the console, or one thrown, fails the test."""
    problems: list[str] = []

    def opened(**options: Any) -> Page:
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.extend([message.text] if message.type == "error" else []))
        return page

    setattr(opened, "problems", problems)  # noqa: B010 - a function has no such place for the types
    yield opened
    assert not problems
