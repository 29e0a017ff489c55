"""Chromium for tests: one for all tests of a file, since each start costs a second or more of processor time.

Tests share nothing by it: each has browser contexts of its own, with cookies, storage and cache, which end with it.

`SLOW_BROWSER=4 ./test tests/browser` slows scripts and layout down, which brings out what tests leave to luck.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The same engine without windows, which it draws for nobody: about half of the processor time. Flags may be about more.
WITHOUT_WINDOWS = "chromium-headless-shell"
FLAGS = (
    "--no-sandbox",  # the sandbox does not start as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-auto-reload",  # of a page that did not load, in the middle of what a test does next
)
SLOWNESS = float(os.environ.get("SLOW_BROWSER", 1))
WITHOUT_FOREIGN_COOKIES = "--test-third-party-cookie-phaseout"
# A page takes no click before its scripts have run, since tests are faster than people: what they click between the
# arrival of a page and its scripts would be lost on these. Playwright tries again until the click is taken.
CLICKS_AFTER_SCRIPTS = """{
  const untouchable = new CSSStyleSheet();
  untouchable.replaceSync("html, html * { pointer-events: none !important }");
  document.adoptedStyleSheets.push(untouchable);
  document.addEventListener("DOMContentLoaded", () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== untouchable);
  }, { once: true });
}"""


@contextmanager
def running_browser(flags: Sequence[str] = ()) -> Iterator[Browser]:
    """Run a browser; in the meantime this thread may use the database."""
    names = BROWSERS if flags else (WITHOUT_WINDOWS, *BROWSERS)
    program = next(filter(None, map(shutil.which, names)), None)
    assert program, "The browser tests need Chromium: ./test installs it."
    # Playwright runs an event loop in this thread, which Django takes for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, headless=True, args=[*FLAGS, *flags])
            yield browser
            browser.close()
            # Beside that loop the thread had a database connection of its own, which nobody else would close.
            connections.close_all()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return what a person's browser is: cookies, storage, cache and windows of their own."""
    context = browser.new_context(**options)
    if options.get("java_script_enabled", True):
        context.add_init_script(CLICKS_AFTER_SCRIPTS)
    if SLOWNESS > 1:
        context.on("page", slow_down)
    return context


def slow_down(page: Page) -> None:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWNESS})


@contextmanager
def contexts_of_a_test(browser: Browser) -> Iterator[Browser]:
    """Close, with their pages, the contexts that are opened in the meantime."""
    try:
        yield browser
    finally:
        for context in browser.contexts:
            context.close()
