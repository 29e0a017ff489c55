"""A HIT in a marketplace's frame, in a real browser: the marketplace on 127.0.0.1, the page in the frame on localhost.

To the browser these are two sites, and it is told to refuse cookies of the one in the frame.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import FrameLocator, Page, TimeoutError, expect

from contains_task.models import ContainsVote
from tests.browser.looking import look, submit, think
from tests.browser.test_starting import SHOTS, address, batch  # noqa: F401
from tests.browsers import WITHOUT_FOREIGN_COOKIES
from tests.factories import make_batch, make_dataset, make_form, make_grid, make_images
from tests.required import require
from tests.workforce.assignments_by_hand import external, make_offered_grid, offer
from workforce.frame.actions import confirm
from workforce.introductions.actions import introduce
from workforce.models import HIT, Draft, Lease, Submission
from workforce.reads import image_handle
from workforce.tasks import take_in_recovered

pytestmark = pytest.mark.django_db(transaction=True)
ARRIVED = "The HIT has been submitted"
COOKIES = ("plain=1", "lax=1; SameSite=Lax", "none=1; SameSite=None; Secure")
# Longer than all tries together take.
TRIES_SECONDS = 10


class Parent(ThreadingHTTPServer):
    """The part of a marketplace's worker site that a frame needs: the page around it, and the submission.

    Its /cookies sets a cookie of each kind, and shows which of them came back.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Site)
        self.submitted: list[dict[str, str]] = []
        self.origins: list[str] = []
        self.origin = f"http://127.0.0.1:{self.server_port}"

    def page_around(self, address: str) -> str:
        return f"{self.origin}/?{urlencode({'frame': address})}"


class _Site(BaseHTTPRequestHandler):
    server: "Parent"

    def do_GET(self) -> None:
        if self.path == "/cookies":
            self.answer(f"<!doctype html><link rel=icon href=data:,><p>{self.headers['Cookie']}", COOKIES)
            return
        frame = dict(parse_qsl(urlsplit(self.path).query)).get("frame", "")
        content = f'<iframe src="{escape(frame)}" width="1000" height="700"></iframe>' if frame else ""
        self.answer("<!doctype html><title>Work</title><link rel=icon href=data:,>" + content)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.submitted.append(dict(parse_qsl(sent, keep_blank_values=True)) | {"path": self.path})
        self.server.origins.append(self.headers["Origin"])
        self.answer(f"<!doctype html><p>{ARRIVED}</p>")

    def answer(self, content: str, cookies: Sequence[str] = ()) -> None:
        body = content.encode()
        self.send_response(200)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Not to the console."""


@pytest.fixture
def parent(site, settings) -> Iterator[Parent]:
    server = Parent()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    settings.MARKETPLACE_SITES = settings.WORKER_FRAME_ANCESTORS = [server.origin]
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hit(site) -> tuple[HIT, str]:
    grid, external_hit_id = make_offered_grid(n_images=3, n_slots=2)
    return grid.hit, external_hit_id


@pytest.fixture(scope="module")
def browser_flags() -> list[str]:
    return [WITHOUT_FOREIGN_COOKIES]


MOST_PRESSES = 30


class Work:
    """One person's turn at a HIT, in a page of the marketplace."""

    def __init__(self, page: Page, parent: Parent, settings, hit: HIT, external_hit_id: str, kind="contains") -> None:
        self.page, self.parent, self.hit = page, parent, hit
        self.place = f"{settings.WORKER_ORIGIN}/{kind}/{hit.public_id}/"
        self.ids = {
            "assignmentId": external("3ASG"),
            "hitId": external_hit_id,
            "workerId": external("AWORKER"),
            "turkSubmitTo": parent.origin + "/",
        }

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def look(self, **changed: str) -> None:
        self.page.goto(self.parent.page_around(f"{self.place}?{urlencode(self.ids | changed)}"))

    def open(self, **changed: str) -> None:
        self.look(**changed)
        self.begin()

    def begin(self) -> None:
        """Press Start if it waits for that: this browser keeps no note, or its script has not pressed it yet.

        Pages of work have a bar, others a message.
        """
        is_asked, task = self.frame.get_by_role("button", name="Start"), self.frame.locator(".bar, .note").first
        expect(is_asked.or_(task).first).to_be_visible()
        for _ in range(MOST_PRESSES):
            if task.is_visible():
                break
            # It may be gone under the pointer.
            with suppress(TimeoutError):
                is_asked.click(timeout=2000)
        expect(task).to_be_visible()

    def tick_first(self) -> str:
        lease = Lease.objects.get(worker__identity__external_id=self.ids["workerId"])
        handle = image_handle(lease, require(self.hit.grid.cells.first()).image.public_id)
        self.frame.locator(f"label:has(input[value='{handle}']) img").click()
        return handle

    def hand_in(self) -> None:
        submit(self.frame)

    def expect_arrived(self) -> dict[str, str]:
        try:
            expect(self.frame.get_by_text(ARRIVED)).to_be_visible()
        except AssertionError as missing:
            frame = self.page.frames[-1]
            missing.add_note(f"submitted: {self.parent.submitted}; the frame, at {frame.url}: {frame.content()}")
            raise
        (fields,) = self.parent.submitted
        assert fields["path"] == "/mturk/externalSubmit"
        assert fields["assignmentId"] == self.ids["assignmentId"]
        return fields

    def listed(self) -> str:
        """Return the outcome of the fields that arrived at the marketplace."""
        return confirm(
            hit=self.hit,
            external_hit_id=self.ids["hitId"],
            assignment_id=self.ids["assignmentId"],
            worker_id=self.ids["workerId"],
            fields=self.parent.submitted[-1],
        )[0]


@pytest.fixture
def work(open_page, parent, settings, hit) -> Work:
    return Work(open_page(), parent, settings, *hit)


def pass_time(page: Page) -> None:
    """Have ten seconds pass by the clock of the page, each with time for a request to fail."""
    for _ in range(TRIES_SECONDS):
        page.clock.run_for(1000)
        page.wait_for_timeout(50)


def test_the_browser_refuses_cookies_of_the_site_in_a_frame(open_page, parent):
    """Or the other tests would prove nothing about people whose browsers do."""
    page = open_page()
    framed = parent.origin.replace("127.0.0.1", "localhost") + "/cookies"
    for _ in range(2):
        page.goto(parent.page_around(framed))
        expect(page.frame_locator("iframe").get_by_text("None", exact=True)).to_be_visible()
    for _ in range(2):
        page.goto(framed)
    expect(page.get_by_text("plain=1; lax=1; none=1")).to_be_visible()


def test_a_hit_is_previewed_accepted_answered_and_handed_in_across_offline_and_reload(work, open_page):
    """T12. Whatever the browser says of a policy that was violated is an error on its console, and fails this."""
    open_page.expect()
    work.page.clock.install()
    work.open(assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE", workerId="")
    expect(work.frame.get_by_text("Accept this task on the marketplace")).to_be_visible()
    expect(work.frame.get_by_role("button", name="Submit")).to_have_count(0)
    expect(work.frame.get_by_role("checkbox").first).to_be_disabled()
    assert not Lease.objects.exists()

    work.open()
    handle = work.tick_first()
    expect(work.frame.get_by_role("status")).to_have_text("1 of 3 selected")
    wait_for_a_draft(work.page)
    work.page.context.set_offline(True)
    pass_time(work.page)
    expect(work.frame.locator(f"[name=selected][value='{handle}']")).to_be_checked()
    work.page.context.set_offline(False)
    work.page.reload()
    work.begin()
    # A browser that stores nothing in frames can not say that the draft is its own.
    think(work.frame.get_by_role("button", name="Use the other selection (1 selected)")).click()
    expect(work.frame.locator(f"[name=selected][value='{handle}']")).to_be_checked()
    work.hand_in()
    fields = work.expect_arrived()
    assert (fields["selected"], len(fields["receipt"])) == (handle, 64)
    assert work.parent.origins == [work.place.rpartition("/contains")[0]]
    # One lease, one answer: neither the reload nor the way back and forth began anything anew.
    assert (Lease.objects.count(), Submission.objects.get().state) == (1, "provisional")
    assert work.listed() == "confirmed"
    assert work.page.context.cookies() == []


def wait_for_a_draft(page: Page) -> None:
    for _ in range(600):
        if Draft.objects.exists():
            return
        page.wait_for_timeout(100)
    raise AssertionError("no draft was saved in a minute")


def test_without_a_script_the_page_leads_on_by_two_buttons(open_page, parent, settings, hit):
    work = Work(open_page(java_script_enabled=False), parent, settings, *hit)
    work.open()
    handle = work.tick_first()
    work.hand_in()
    work.frame.get_by_role("button", name="Submit to the marketplace").click()
    assert work.expect_arrived()["selected"] == handle
    assert work.listed() == "confirmed"


@pytest.mark.parametrize("with_script", [True, False])
def test_a_double_click_hands_in_once(with_script, open_page, parent, settings, hit):
    work = Work(open_page(java_script_enabled=with_script), parent, settings, *hit)
    work.open()
    work.tick_first()
    look(work.frame)
    work.frame.get_by_role("button", name="Submit", exact=True).dblclick()
    if not with_script:
        work.frame.get_by_role("button", name="Submit to the marketplace").click()
    work.expect_arrived()
    assert Submission.objects.count() == 1
    assert ContainsVote.objects.count() == 3


def test_a_form_is_handed_in(open_page, parent, settings):
    dataset = make_dataset(classify_answers=1)
    make_batch(dataset, kind="classify", marketplace="mturk")
    form = make_form(labels=(0, 1), image=make_images(dataset, 1)[0])
    work = Work(open_page(), parent, settings, form.hit, offer(form.hit), kind="classify")
    work.open()
    work.frame.get_by_role("checkbox", name="thing 0").check()
    work.frame.get_by_role("checkbox", name="thing 1").check()
    work.frame.get_by_role("radio", name="thing 1").check()
    work.hand_in()
    fields = work.expect_arrived()
    assert (fields["selected"], fields["main"]) == ("0 1", "1")
    assert work.listed() == "confirmed"


def test_who_is_offline_for_a_while_keeps_the_answer_and_hands_in_once(work, open_page):
    open_page.expect()
    work.page.clock.install()
    work.open()
    handle = work.tick_first()
    look(work.frame)
    work.page.context.set_offline(True)
    work.hand_in()
    expect(work.frame.locator("[data-note]")).to_contain_text("You are offline")
    pass_time(work.page)
    assert work.parent.submitted == []
    work.page.context.set_offline(False)
    assert work.expect_arrived()["selected"] == handle
    assert Submission.objects.count() == 1


def test_while_our_site_is_away_the_marketplace_takes_the_whole_answer(work, open_page, site):
    open_page.expect()
    work.page.clock.install()
    work.open()
    handle = work.tick_first()
    work.page.route(work.place + "**", lambda route: route.abort())
    work.hand_in()
    expect(work.frame.locator("[data-note]")).to_contain_text("The site is not responding")
    pass_time(work.page)
    fields = work.expect_arrived()
    assert (fields["selected"], "receipt" in fields) == (handle, False)
    assert not Submission.objects.exists()
    assert work.listed() == "recovered"
    take_in_recovered()
    assert Submission.objects.get().state == "confirmed"
    assert ContainsVote.objects.filter(selected=True, counted=True).count() == 1


def test_another_site_can_not_frame_the_page(work, parent, settings, open_page):
    settings.WORKER_FRAME_ANCESTORS = ["https://worker.example.org"]
    work.look()
    for _ in range(600):
        if any("frame-ancestors" in problem for problem in open_page.problems):
            break
        work.page.wait_for_timeout(100)
    assert any("frame-ancestors" in problem for problem in open_page.problems)
    expect(work.frame.get_by_role("button", name="Submit")).to_have_count(0)
    open_page.problems.clear()


def test_a_browser_that_stores_nothing_in_frames_is_asked_until_the_marketplace_has_confirmed_a_start(
    work, parent, settings
):
    introduce(dataset=work.hit.batch.dataset, fields={"consent": "I am 18 or older."})
    work.open()
    work.tick_first()
    work.hand_in()
    work.expect_arrived()
    following = next_of(work, parent, settings)
    following.look()
    expect(following.frame.get_by_role("button", name="Start")).to_be_visible()
    assert work.listed() == "confirmed"
    following.look()
    expect(following.frame.get_by_role("button", name="Submit")).to_be_visible()


def next_of(work: Work, parent: Parent, settings) -> Work:
    """The same worker's next HIT of the batch, in the same page."""
    hit = make_grid(batch=work.hit.batch).hit
    following = Work(work.page, parent, settings, hit, offer(hit))
    following.ids["workerId"] = work.ids["workerId"]
    return following


@pytest.mark.parametrize("with_script", [True, False])
def test_a_whole_study_is_done_in_a_frame_of_another_site(with_script, batch, settings, open_page, parent):  # noqa: F811
    page = open_page(java_script_enabled=with_script)
    page.goto(parent.page_around(address(batch, settings)))
    frame = page.frame_locator("iframe")
    if SHOTS:
        expect(frame.get_by_role("button", name="Start")).to_be_visible()
        page.screenshot(path=f"{SHOTS}/framed-{with_script}.png", full_page=True)
    frame.get_by_role("button", name="Start").click()
    expect(frame.get_by_text("Task 1 of 2")).to_be_visible()
    frame.get_by_role("checkbox").first.check()
    submit(frame)
    expect(frame.get_by_text("Task 2 of 2")).to_be_visible()
    frame.get_by_role("checkbox").first.check()
    submit(frame)
    expect(frame.get_by_text("C0DE7")).to_be_visible()
    assert Submission.objects.count() == 2
