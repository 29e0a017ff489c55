"""The page before the first task, in a real browser, with and without scripts. In a frame: test_frame.py."""

import os

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import SCHEMES, fits, look, recolour, resize, submit, wait_until
from tests.factories import make_batch, make_dataset, make_grid
from workforce.introductions.actions import introduce
from workforce.models import Batch, Consent, Lease, Submission, Worker

pytestmark = pytest.mark.django_db(transaction=True)
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def batch(site) -> Batch:
    """Two tasks with an introduction of every part."""
    codes = {"completion_code": "C0DE7", "decline_code": "N0C0NS3NT", "decline_url": "https://app.example.org/no"}
    batch = make_batch(make_dataset(), hits_per_worker=2, **codes)
    for _ in range(2):
        make_grid(batch=batch, n_images=2)
    introduce(
        dataset=batch.dataset,
        fields={
            "requester_name": "Vision group, Example University",
            "contact": "vision@example.org",
            "purpose": "To find out how well photographs are labelled.",
            "pay": "£0.60 for each task",
            "minutes_needed": 3,
            "trace": True,
            "warning": "Some photographs show spiders and snakes.",
            "consent": "I am 18 or older.\n\nI take part of my own free will, and can stop at any time.",
        },
    )
    return batch


def address(batch: Batch, settings, name: str = "ann") -> str:
    return f"{settings.WORKER_ORIGIN}/join/{batch.public_id}?worker={name}"


def press_by_keyboard(page: Page, name: str) -> None:
    """Walk to a button with Tab, and press Enter."""
    button = page.get_by_role("button", name=name)
    for _ in range(12):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")


WINDOWS = [(width, scheme) for width in (390, 1280) for scheme in SCHEMES]


@pytest.mark.parametrize("with_script", [True, False])
def test_start_is_read_and_pressed_by_keyboard(with_script, batch, settings, open_page):
    first_width, first_scheme = WINDOWS[0]
    size = {"width": first_width, "height": 800}
    page = open_page(viewport=size, color_scheme=first_scheme, java_script_enabled=with_script)
    page.goto(address(batch, settings))
    # Width and colours can be asked about with scripts alone.
    for width, scheme in WINDOWS if with_script else WINDOWS[:1]:
        if with_script:
            resize(page, width, 800)
            recolour(page, scheme)
            assert fits(page), (width, scheme)
        expect(page.get_by_text("I am 18 or older.")).to_be_visible()
        expect(page.get_by_text("Vision group, Example University")).to_be_visible()
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/start-{width}-{scheme}-{with_script}.png", full_page=True)
    assert not Lease.objects.exists()
    press_by_keyboard(page, "Start") if with_script else page.get_by_role("button", name="Start").press("Enter")
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    assert Lease.objects.count() == 1


def test_back_reload_two_tabs_and_a_double_click_keep_the_same_task(batch, settings, open_page):
    page = open_page()
    page.goto(address(batch, settings))
    page.get_by_role("button", name="Start").dblclick()
    expect(page.get_by_text("Task 1 of 2")).to_be_visible()
    task = page.url
    page.reload()
    expect(page.get_by_text("Task 1 of 2")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Task 1 of 2")).to_be_visible()
    assert page.url == task
    other = page.context.new_page()
    other.goto(address(batch, settings))
    assert other.url == task
    assert Lease.objects.count() == 1


def test_an_expired_task_is_continued(batch, settings, open_page):
    page = open_page(viewport={"width": 390, "height": 700})
    page.goto(address(batch, settings))
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    task = page.url
    look(page)  # photographs that load after their time would be refused
    Lease.objects.update(expires_at="2020-01-01T00:00:00Z")
    page.reload()
    expect(page.get_by_role("heading", name="Continue the study")).to_be_visible()
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/continue.png")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    assert page.url == task
    assert Lease.objects.count() == 1


@pytest.mark.parametrize(("width", "scheme", "with_script"), [(390, "light", True), (1280, "dark", False)])
def test_declining_shows_the_code_stores_nothing_and_can_be_taken_back(
    width, scheme, with_script, batch, settings, open_page
):
    size = {"width": width, "height": 800}
    page = open_page(viewport=size, color_scheme=scheme, java_script_enabled=with_script)
    page.goto(address(batch, settings))
    page.get_by_role("button", name="I do not agree").press("Enter")
    expect(page.get_by_text("N0C0NS3NT")).to_be_visible()
    expect(page.get_by_role("link", name="Return to the site")).to_have_attribute("href", "https://app.example.org/no")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/declined-{width}-{scheme}-{with_script}.png", full_page=True)
    assert not Worker.objects.exists()
    page.get_by_role("link", name="Read about the study again").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Task 1 of 2")).to_be_visible()
    assert Consent.objects.get().agreed


def test_a_coarse_trace_is_stored_for_who_checks_the_box_which_enter_does_not_submit(batch, settings, open_page):
    page = open_page()
    page.goto(address(batch, settings))
    box = page.get_by_role("checkbox", name="Optional: while I work")
    expect(box).not_to_be_checked()
    box.press("Enter")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    assert not Lease.objects.exists()
    box.check()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Task 1 of 2")).to_be_visible()
    page.mouse.move(100, 100)
    wait_until(page, "document.querySelector('form[data-trace]').moments.length")
    page.locator("label:has(input) img").first.click()
    submit(page)
    expect(page.get_by_text("Task 2 of 2")).to_be_visible()
    trace = Submission.objects.get().answer["facts"]["trace"]
    assert trace and all(len(moment) == 4 for moment in trace)
