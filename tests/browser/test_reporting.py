"""Problem reports from a HIT in a marketplace's frame, in a real browser; and a site that never answers."""

from typing import Any

import pytest
from playwright.sync_api import expect

from contains_task.models import ContainsVote
from tests.browser.test_frame import (  # noqa: F401
    Work,
    browser_flags,
    hit,
    parent,
    work,
)
from workforce.models import Report, Submission

pytestmark = pytest.mark.django_db(transaction=True)
THANKS = "Thank you, we told the researchers."


def tell(work: Work, kind: str = "Photographs do not load") -> None:  # noqa: F811
    work.frame.get_by_role("radio", name=kind).check()
    work.frame.get_by_label("Details (optional)").fill("Three are grey.")
    work.frame.get_by_role("button", name="Send report").click()


def test_a_problem_is_reported_in_place_and_the_answer_is_still_submitted(work):  # noqa: F811
    work.open()
    handle = work.tick_first()
    work.frame.get_by_text("Report a problem").click()
    tell(work)
    expect(work.frame.get_by_text(THANKS)).to_be_visible()
    expect(work.frame.locator(f"[name=selected][value='{handle}']")).to_be_checked()
    expect(work.frame.get_by_role("button", name="Finish without an answer")).to_be_visible()
    assert (Report.objects.get().kind, Report.objects.get().words) == ("pictures", "Three are grey.")
    assert not Submission.objects.exists()
    work.hand_in()
    assert work.expect_arrived()["selected"] == handle
    assert work.listed() == "confirmed"


def test_without_a_script_the_page_comes_back_with_its_ticks(open_page, parent, settings, hit):  # noqa: F811
    work = Work(open_page(java_script_enabled=False), parent, settings, *hit)  # noqa: F811
    work.open()
    handle = work.tick_first()
    work.frame.get_by_text("Report a problem").click()
    tell(work, "I cannot submit")
    expect(work.frame.get_by_text(THANKS)).to_be_visible()
    expect(work.frame.locator(f"[name=selected][value='{handle}']")).to_be_checked()
    assert Report.objects.get().kind == "handing in"
    work.frame.get_by_role("button", name="Finish without an answer").click()
    fields = work.expect_arrived()
    assert (fields["problem"], "selected" in fields) == ("reported", False)
    assert work.listed() == "unreadable", "paid, and somebody else is asked"
    assert not ContainsVote.objects.exists()


def test_while_the_site_is_away_nothing_is_lost_by_telling(work, open_page):  # noqa: F811
    open_page.expect()
    work.open()
    handle = work.tick_first()
    work.page.route(work.place + "**", lambda route: route.abort())
    work.frame.get_by_text("Report a problem").click()
    tell(work)
    expect(work.frame.get_by_text("your report was not sent")).to_be_visible()
    expect(work.frame.locator(f"[name=selected][value='{handle}']")).to_be_checked()
    work.page.unroute(work.place + "**")
    work.frame.get_by_role("button", name="Send report").click()
    expect(work.frame.get_by_text(THANKS)).to_be_visible()


def test_a_site_that_takes_an_answer_and_says_nothing_is_asked_again(work, open_page):  # noqa: F811
    open_page.expect()
    # A quarter of its 20 seconds of patience, which are spent waiting.
    work.page.add_init_script(
        "const after = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => after(ms / 4)"
    )
    work.open()
    handle = work.tick_first()
    held: list[Any] = []

    def hold(route: Any) -> None:
        """Let drafts pass, and answers once two of them have come."""
        if '"draft"' in (route.request.post_data or "") or len(held) > 1:
            route.continue_()
        else:
            held.append(route)

    work.page.route(work.place + "**", hold)
    work.hand_in()
    expect(work.frame.get_by_role("status")).to_contain_text("The site is not responding")
    # It says so until an answer comes: to the next request, which waits here until that was read.
    for _ in range(600):
        if len(held) > 1:
            break
        work.page.wait_for_timeout(50)
    held[1].continue_()
    assert work.expect_arrived()["selected"] == handle
    assert (len(held), work.listed()) == (2, "confirmed")
