"""Drafts in a browser: reloads, tabs, devices and broken connections lose nothing; no tab overwrites another unseen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from catalog.reads import now
from contains_task.models import ContainsVote
from tests.browser.conftest import Opener
from tests.browser.looking import MARKS, look, marks_in, submit, submit_none, think, wait_for_task
from tests.browser.test_frame import Work, hit, parent  # noqa: F401
from tests.browser.test_study import start_work, worker_address
from tests.factories import make_batch, make_dataset, make_form, make_grid, make_images
from workforce.models import Batch, Draft, Lease, Report, Submission
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db(transaction=True)
DRAFTS = "**/contains/**"
CHANGED = "This task was changed in another tab or on another device."
SAVED_ELSEWHERE = "is already saved, with 1 selected"
# As long as a page waits before it saves a draft.
PAUSE_MS = 1500


@pytest.fixture
def batch(site) -> Batch:
    """A study of one grid with four photographs."""
    batch = make_batch(make_dataset(contains_answers=1), completion_code="C0DE7")
    make_grid(batch=batch, images=make_images(batch.dataset, 4))
    return batch


@pytest.fixture
def open_page(open_page) -> Opener:
    """Have time pass on each page as it does, and faster where a page waits before it saves."""

    class Hurried(Opener):
        def __call__(self, **options: Any) -> Page:
            page = open_page(**options)
            if options.get("java_script_enabled", True):
                page.clock.install()
            return page

        def expect(self, *words: str) -> None:
            open_page.expect(*words)

    return Hurried(open_page.browser)


@pytest.fixture
def page(batch, settings, open_page) -> Page:
    page = open_page()
    start_work(page, worker_address(batch, settings))
    return page


def handle_of(number: int) -> str:
    lease = Lease.objects.get()
    return image_handle(lease, lease.hit.grid.cells.order_by("pk")[number].image.public_id)


def box(page: Page, number: int) -> Locator:
    return page.locator(f'input[name=selected][value="{handle_of(number)}"]')


def selected(page: Page) -> list[int]:
    return [number for number in range(4) if box(page, number).is_checked()]


def stored() -> list[int]:
    """Return the cells whose stored votes say yes."""
    images = [cell.image_id for cell in Lease.objects.get().hit.grid.cells.order_by("pk")]
    votes = ContainsVote.objects.filter(selected=True).values_list("image_id", flat=True)
    return sorted(images.index(image) for image in votes)


@contextmanager
def saving(page: Page) -> Iterator[None]:
    """Wait until the page has the reply to a draft that says, after what is done in here, what the page says."""
    answered: list[Request] = []

    def note(request: Request) -> None:
        if '"draft":' in (request.post_data or ""):
            answered.append(request)

    page.on("requestfinished", note)
    yield
    for _ in range(1200):
        page.clock.run_for(PAUSE_MS)
        if answered and marks_in(json.loads(answered[-1].post_data or "")) == answered[-1].frame.evaluate(MARKS):
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError("no draft was saved in a minute")
    page.remove_listener("requestfinished", note)


def tick(page: Page, *numbers: int) -> None:
    """Select or unselect photographs, and wait until the draft is saved."""
    with saving(page):
        for number in numbers:
            box(page, number).locator("xpath=ancestor::label").click()


def second_page(page: Page, open_page) -> Page:
    """Open the same task on another device."""
    other = open_page()
    other.goto(page.url)
    other.wait_for_load_state("load")
    return other


def decide(page: Page, button: str) -> None:
    think(page.get_by_role("dialog").get_by_role("button", name=button)).press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()


def expect_done(page: Page) -> None:
    expect(page.get_by_text("C0DE7")).to_be_visible()


def test_another_device_goes_on_where_the_first_one_stopped(page, open_page):
    tick(page, 0, 2)
    other = second_page(page, open_page)
    assert selected(other) == [0, 2]
    expect(other.locator("[data-note]")).to_have_text("2 of 4 selected")
    tick(other, 0)
    submit(other)
    expect_done(other)
    assert stored() == [2]
    assert not Draft.objects.exists()


def test_a_reload_and_the_way_back_lose_nothing_that_was_changed_just_before(page):
    box(page, 1).locator("xpath=ancestor::label").click()
    page.reload()
    expect(box(page, 1)).to_be_checked()
    box(page, 3).locator("xpath=ancestor::label").click()
    page.goto("about:blank")
    page.go_back()
    expect(box(page, 3)).to_be_checked()
    assert selected(page) == [1, 3]
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_selected_before_the_script_runs_is_added_to_the_draft(page):
    tick(page, 0)
    waiting: list[Route] = []
    page.route("**/grid*.js", lambda route: waiting.append(route))
    page.goto(page.url, wait_until="commit")
    wait_for_task(page)
    box(page, 1).evaluate("box => box.click()")
    assert selected(page) == [1]
    for _ in range(1200):
        if waiting:
            break
        page.wait_for_timeout(50)
    for route in waiting:
        route.continue_()
    expect(box(page, 0)).to_be_checked()
    assert selected(page) == [0, 1]
    expect(page.locator("[data-note]")).to_have_text("2 of 4 selected")


def test_photographs_that_were_seen_before_a_reload_stay_seen(batch, settings, open_page):
    grid = make_grid(images=make_images(batch.dataset, 30), label=1)
    page = open_page(viewport={"width": 500, "height": 600})
    start_work(page, worker_address(grid.hit.batch, settings))
    look(page)
    page.evaluate("scrollTo(0, 0)")
    page.reload()
    last = page.locator("form [data-photograph]").last
    expect(last).to_have_attribute("data-seen", "")
    expect(last).not_to_be_in_viewport()


def test_two_tabs_that_differ_ask_which_to_keep_and_the_kept_one_is_stored(page, open_page):
    open_page.expect()
    other = page.context.new_page()
    other.goto(page.url)
    tick(page, 0)
    tick(other, 1)
    expect(other.get_by_role("heading", name=CHANGED)).to_be_visible()
    assert selected(other) == [1]
    with saving(other):
        decide(other, "Keep the selection on this page (1 selected)")
    # Now the first one is behind.
    tick(page, 2)
    decide(page, "Use the other selection (1 selected)")
    assert selected(page) == selected(other) == [1]
    submit(page)
    expect_done(page)
    assert stored() == [1]


def test_tabs_that_say_the_same_do_not_ask(page, open_page):
    open_page.expect()
    other = page.context.new_page()
    other.goto(page.url)
    tick(page, 0)
    tick(other, 0)
    tick(other, 3)
    expect(other.get_by_role("dialog")).to_have_count(0)
    assert selected(other) == [0, 3]
    other.reload()
    assert selected(other) == [0, 3]


def test_an_untouched_device_submits_nothing_over_the_others_work(page, open_page):
    open_page.expect()
    other = second_page(page, open_page)
    tick(page, 1, 2)
    submit_none(other)
    expect(box(other, 2)).to_be_checked()
    expect(other.locator("[data-note]")).to_contain_text(CHANGED)
    assert not Submission.objects.exists()
    other.get_by_role("button", name="Submit", exact=True).click()
    expect_done(other)
    assert stored() == [1, 2]


def test_after_a_submit_another_tab_says_so_and_shows_what_is_saved(page, open_page):
    open_page.expect()
    other = page.context.new_page()
    other.goto(page.url)
    other.route(
        DRAFTS, lambda route: route.abort() if '"draft"' in (route.request.post_data or "") else route.continue_()
    )
    box(other, 3).locator("xpath=ancestor::label").click()
    tick(page, 0)
    submit(page)
    expect_done(page)
    submit(other)
    expect(other.locator("[data-note]")).to_contain_text(SAVED_ELSEWHERE)
    assert selected(other) == [0] == stored()
    assert Submission.objects.count() == 1


def test_offline_a_banner_says_so_and_what_was_selected_goes_up_afterwards(page, open_page):
    open_page.expect()
    banner = page.locator("[data-offline-banner]")
    expect(banner).to_be_hidden()
    page.context.set_offline(True)
    expect(banner).to_contain_text("You are offline")
    box(page, 2).locator("xpath=ancestor::label").click()
    with saving(page):
        page.context.set_offline(False)
    expect(banner).to_be_hidden()
    assert selected(second_page(page, open_page)) == [2]


def test_a_draft_that_is_refused_for_now_is_kept_and_saved_later(page, open_page):
    open_page.expect()
    refused: list[int] = []
    refusals: list[int] = []

    def refuse(route):
        if not refusals or '"draft"' not in (route.request.post_data or ""):
            return route.continue_()
        refused.append(refusals.pop())
        return route.fulfill(status=refused[-1], body="")

    page.route(DRAFTS, refuse)
    for number, status in enumerate((429, 500, 503)):
        refusals.append(status)
        # Nobody reads the body of such a reply, so that it never finishes.
        with page.expect_response(lambda response, status=status: response.status == status):
            box(page, number).locator("xpath=ancestor::label").click()
            page.clock.run_for(PAUSE_MS)
        with saving(page):
            pass
        assert refused[-1] == status
        kept = json.loads(Draft.objects.get().answer)["selected"]
        assert sorted(kept) == sorted(handle_of(place) for place in range(number + 1)), status
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert refused == [429, 500, 503]


def test_a_reply_that_gets_lost_asks_nobody(page, open_page):
    open_page.expect()
    lost: list[int] = []

    def lose_the_first_reply(route):
        if lost or '"draft"' not in (route.request.post_data or ""):
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.route(DRAFTS, lose_the_first_reply)
    with page.expect_event("requestfailed"):
        box(page, 0).locator("xpath=ancestor::label").click()
        page.clock.run_for(PAUSE_MS)
    tick(page, 1)
    for _ in range(100):
        page.clock.run_for(PAUSE_MS)
        if len(json.loads(Draft.objects.get().answer)["selected"]) == 2:
            break
        page.wait_for_timeout(100)
    assert lost == [200] and sorted(json.loads(Draft.objects.get().answer)["selected"]) == sorted(
        map(handle_of, (0, 1))
    )
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_passed_deadline_keeps_the_selection(page, batch, settings):
    tick(page, 0, 3)
    Lease.objects.update(expires_at=now() - timedelta(seconds=1))
    page.reload()
    expect(page.get_by_text("What you selected is kept.")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(box(page, 3)).to_be_checked()
    submit(page)
    expect_done(page)
    assert stored() == [0, 3]


def test_a_form_goes_on_with_its_labels_and_main_object(site, settings, open_page):
    form = make_form(labels=(0, 1, 2))
    page = open_page()
    start_work(page, worker_address(form.hit.batch, settings))
    with saving(page):
        for label in (0, 2):
            page.get_by_role("checkbox", name=f"thing {label}").check()
        page.get_by_role("radio", name="thing 2", exact=True).check()
    other = second_page(page, open_page)
    expect(other.get_by_role("radio", name="thing 2", exact=True)).to_be_checked()
    expect(other.get_by_role("checkbox", name="thing 0")).to_be_checked()
    expect(other.get_by_role("checkbox", name="thing 1")).not_to_be_checked()


# In a marketplace's frame


@pytest.mark.parametrize("keeps", [True, False])
def test_in_a_frame_only_the_browser_that_saved_a_draft_shows_it_unasked(keeps, open_page, parent, settings, hit):  # noqa: F811
    work = Work(open_page(), parent, settings, *hit)
    if not keeps:
        work.page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError') } })"
        )
    work.open()
    with saving(work.page):
        handle = work.tick_first()
    work.open()
    if not keeps:
        expect(work.frame.get_by_role("heading", name="This task was begun before.")).to_be_visible()
        assert not work.frame.locator(f"input[value='{handle}']").first.is_checked()
        think(work.frame.get_by_role("button", name="Use the other selection (1 selected)")).click()
    expect(work.frame.locator(f"input[name=selected][value='{handle}']")).to_be_checked()
    expect(work.frame.get_by_role("dialog")).to_have_count(0)


# The report stands at its link


def test_a_report_opens_at_its_link_takes_the_focus_and_gives_it_back(page):
    link = page.locator("#report > summary")
    link.press("Enter")
    first = page.get_by_role("radio", name="Photographs do not load")
    expect(first).to_be_focused()
    expect(first).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()
    expect(first).to_be_hidden()


@pytest.mark.parametrize("with_script", [True, False])
def test_an_empty_report_says_what_is_missing_and_thanks_nobody(with_script, batch, settings, open_page):
    page = open_page(java_script_enabled=with_script)
    start_work(page, worker_address(batch, settings))
    page.locator("#report > summary").click()
    page.get_by_role("button", name="Send report").click()
    missing = page.get_by_text("Choose what went wrong")
    expect(missing).to_be_visible()
    expect(missing).to_have_class("said warning")
    page.get_by_label("Details (optional)").fill("Grey squares")
    page.get_by_role("button", name="Send report").click()
    expect(page.get_by_text("Thank you, we told the researchers.")).to_have_class("said success")
    assert Report.objects.get().words == "Grey squares"
