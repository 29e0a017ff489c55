"""A page notices when nobody is at it."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import submit_none
from tests.browser.test_study import start_work, study, worker_address  # noqa: F401
from workforce.models import Submission
from workforce.reads import pause_of

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = 60_000  # milliseconds


def test_idle_time_on_a_page_is_reported_except_for_a_long_look(study, settings, open_page):  # noqa: F811
    _, _, batch = study
    page = open_page()
    page.clock.install()
    start_work(page, worker_address(batch, settings))
    box = page.get_by_role("checkbox").first
    page.clock.fast_forward(5 * MINUTE)
    box.check()
    page.clock.fast_forward(MINUTE // 2)
    box.uncheck()
    submit_none(page)
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    # Of five minutes one may have been a look; half a minute was one.
    assert pause_of(Submission.objects.get().answer) == pytest.approx(240, abs=10)


def test_hidden_time_of_a_page_is_reported(study, settings, open_page):  # noqa: F811
    _, _, batch = study
    page = open_page()
    page.clock.install()
    start_work(page, worker_address(batch, settings))
    for hidden in ("true", "false"):
        # What a browser does when another tab is brought to the front, and this one again.
        page.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        if hidden == "true":
            page.clock.fast_forward(MINUTE // 2)
    submit_none(page)
    expect(page.get_by_role("heading", name="that shows: thing 1")).to_be_visible()
    assert pause_of(Submission.objects.get().answer) == pytest.approx(30, abs=5)
