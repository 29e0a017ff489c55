"""Start in a marketplace's frame, in a browser that keeps what a framed page stores, apart for each site around it."""

import os

import pytest
from playwright.sync_api import expect

from tests.browser.test_frame import Work, hit, next_of, parent  # noqa: F401
from workforce.introductions.actions import introduce
from workforce.models import Consent

pytestmark = pytest.mark.django_db(transaction=True)
SHOTS = os.environ.get("SHOTS", "")


def test_a_browser_presses_its_own_start_again_and_no_other_browser_does(open_page, parent, settings, hit):  # noqa: F811
    work = Work(open_page(), parent, settings, *hit)
    introduce(dataset=work.hit.batch.dataset, fields={"consent": "I am 18 or older.", "trace": True})
    work.look()
    box = work.frame.get_by_role("checkbox")
    box.press("Enter")
    expect(box).not_to_be_checked()
    box.check()
    if SHOTS:
        work.page.screenshot(path=f"{SHOTS}/start-in-frame.png", full_page=True)
    assert not Consent.objects.exists()
    work.frame.get_by_role("button", name="Start").click()
    expect(work.frame.get_by_role("button", name="Submit")).to_be_visible()

    following = next_of(work, parent, settings)
    for _ in range(2):
        following.look()
        expect(following.frame.get_by_role("button", name="Submit")).to_be_visible()
        expect(following.frame.locator("form[data-trace]")).to_have_count(1)
    assert [consent.trace for consent in Consent.objects.all()] == [True, True]

    elsewhere = Work(open_page(), parent, settings, following.hit, following.ids["hitId"])
    elsewhere.ids = following.ids
    elsewhere.look()
    expect(elsewhere.frame.get_by_role("button", name="Start")).to_be_visible()
    elsewhere.frame.get_by_role("button", name="I do not agree").click()
    expect(elsewhere.frame.get_by_text("return this task on the marketplace")).to_be_visible()


def test_who_declines_is_not_started_by_the_note_of_an_earlier_start(open_page, parent, settings, hit):  # noqa: F811
    work = Work(open_page(), parent, settings, *hit)
    work.open()
    introduce(dataset=work.hit.batch.dataset, fields={"consent": "I am 18 or older."})
    for _ in range(2):
        work.look()
        expect(work.frame.get_by_role("button", name="Start")).to_be_visible()
        work.frame.get_by_role("button", name="I do not agree").click()
        expect(work.frame.get_by_text("return this task on the marketplace")).to_be_visible()
