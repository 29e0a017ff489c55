"""The clock of a page of work is quiet until the last fifth of its time, and never says too early that it is over."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from catalog.reads import now
from tests.browser.test_study import start_work, study, worker_address  # noqa: F401
from workforce.models import Lease

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = 60_000  # milliseconds
LEFT = "[data-clock]"
# An hour in all: the clock appears with 12 minutes left.
SECONDS, LAST_SECONDS = 3600, 720


@pytest.fixture
def open_task(study, settings, open_page):  # noqa: F811
    """Open a task with this many seconds left, in a browser whose clocks the test turns."""

    def opened(seconds_left: int) -> Page:
        settings.FIRST_LEASE_SECONDS = SECONDS
        page: Page = open_page()
        page.clock.install()
        start_work(page, worker_address(study[2], settings))
        leave(seconds_left)
        page.reload()
        page.wait_for_load_state("load")
        return page

    return opened


def leave(seconds: int) -> None:
    """Have the lease end in so many seconds, and have begun an hour before that."""
    end = now() + timedelta(seconds=seconds)
    Lease.objects.update(created_at=end - timedelta(seconds=SECONDS), expires_at=end)


def test_it_is_silent_then_to_the_minute_and_at_last_to_the_second(open_task):
    page = open_task(LAST_SECONDS + 5 * 60)
    expect(page.locator(LEFT)).to_be_hidden()
    expect(page.locator("header")).not_to_contain_text("minutes")
    page.clock.fast_forward(4 * MINUTE)
    expect(page.locator(LEFT)).to_be_hidden()
    page.clock.fast_forward(2 * MINUTE)
    expect(page.locator(LEFT)).to_have_text("10 minutes left")
    page.clock.fast_forward(9 * MINUTE)
    expect(page.locator(LEFT)).to_have_text(re.compile(r"1:[0-5]\d left"))


def test_it_says_that_the_time_is_over_when_the_site_does_and_not_before(open_task):
    page = open_task(10 * 60)
    expect(page.locator(LEFT)).to_have_text("9 minutes left")
    # Its own clocks say so, but the site does not: they were set, or the task is held anew.
    page.clock.fast_forward(11 * MINUTE)
    expect(page.locator(LEFT)).to_have_text("9 minutes left")
    Lease.objects.update(expires_at=now() - timedelta(seconds=1))
    page.clock.fast_forward(11 * MINUTE)
    expect(page.locator(LEFT)).to_have_text("Your time is over, but you can still submit")


def test_while_the_site_cannot_be_asked_nothing_is_said_to_be_over(open_task, open_page):
    open_page.expect()  # the failed request, which the console reports
    page = open_task(10 * 60)
    page.route("**/contains/**", lambda route: route.abort())
    page.clock.fast_forward(11 * MINUTE)
    expect(page.locator(LEFT)).to_be_hidden()
    page.unroute("**/contains/**")
    page.clock.fast_forward(MINUTE)
    expect(page.locator(LEFT)).to_have_text("9 minutes left")


def test_a_device_that_slept_asks_the_site(open_task):
    page = open_task(LAST_SECONDS + 60)
    expect(page.locator(LEFT)).to_be_hidden()
    leave(5 * 60)
    # What passes while a device sleeps, one of its clocks does not count.
    page.evaluate("() => { const real = performance.now.bind(performance), n = real(); performance.now = () => n; }")
    page.clock.fast_forward(3 * MINUTE)
    expect(page.locator(LEFT)).to_have_text("4 minutes left")


def test_without_scripts_the_text_stays_true(study, settings, open_page):  # noqa: F811
    settings.FIRST_LEASE_SECONDS = SECONDS
    page = open_page(java_script_enabled=False)
    start_work(page, worker_address(study[2], settings))
    # Playwright reads the texts in a <noscript> only if it is asked for them.
    expect(page.locator("noscript .time-words")).to_contain_text(
        "When you opened this page, 59 minutes of your time were left."
    )
    expect(page.locator(LEFT)).to_be_hidden()


def test_nothing_moves_when_it_appears(open_task):
    page = open_task(LAST_SECONDS + 60)
    bar, button = page.locator(".bar"), page.get_by_role("button", name="Submit")
    before = bar.bounding_box(), button.bounding_box()
    page.clock.fast_forward(2 * MINUTE)
    expect(page.locator(LEFT)).to_have_text(re.compile(r"^\d+ minutes left$"))
    assert (bar.bounding_box(), button.bounding_box()) == before
