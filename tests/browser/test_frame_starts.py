"""The note that a browser keeps of a Start in a marketplace's frame.

Some browsers store nothing for a site in a frame, the one of these tests among them: so the page of the frame is
opened on its own here. tests/browser/test_frame.py has what happens without a note.
"""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_frame import hit  # noqa: F401
from tests.factories import make_grid
from tests.workforce.assignments_by_hand import external, offer
from workforce.introductions.actions import introduce
from workforce.models import HIT, Consent

pytestmark = pytest.mark.django_db(transaction=True)
WORKER = "AWORKER1"


@pytest.fixture
def address(settings, hit) -> Callable[[], str]:  # noqa: F811
    """Return a function to the address of another assignment of the same worker, in another HIT of the batch."""
    introduce(dataset=hit[0].batch.dataset, fields={"consent": "I am 18 or older.", "trace": True})

    def next_address() -> str:
        next_hit: HIT = make_grid(batch=hit[0].batch).hit
        ids = {"assignmentId": external("3ASG"), "hitId": offer(next_hit), "workerId": WORKER}
        return f"{settings.WORKER_ORIGIN}/contains/{next_hit.public_id}/?{urlencode(ids)}"

    return next_address


def expect_start(page: Page) -> None:
    expect(page.get_by_role("button", name="Start")).to_be_visible()


def expect_task(page: Page) -> None:
    expect(page.get_by_role("button", name="Submit")).to_be_visible()


def test_a_browser_presses_its_own_start_again_and_no_other_browser_does(address, open_page):
    page, following = open_page(), address()
    page.goto(address())
    box = page.get_by_role("checkbox")
    box.press("Enter")
    expect_start(page)
    page.reload()
    expect_start(page)
    assert not Consent.objects.exists(), "Enter in the box is no Start"
    box.check()
    page.get_by_role("button", name="Start").click()
    expect_task(page)
    for _ in range(2):
        page.goto(following)
        expect_task(page)
        expect(page.locator("form[data-trace]")).to_have_count(1)
    assert [consent.trace for consent in Consent.objects.all()] == [True, True]
    elsewhere = open_page()
    elsewhere.goto(following)
    expect_start(elsewhere)


def test_declining_or_a_changed_text_ends_the_note(address, open_page, hit):  # noqa: F811
    page = open_page()
    page.goto(address())
    page.get_by_role("button", name="Start").click()
    expect_task(page)
    introduce(dataset=hit[0].batch.dataset, fields={"consent": "I am 21 or older."})
    for _ in range(2):
        page.goto(address())
        expect_start(page)
        page.get_by_role("button", name="I do not agree").click()
        expect(page.get_by_text("return this task on the marketplace")).to_be_visible()
