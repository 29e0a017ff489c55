"""The verbs of the scripts: what a person does in a real browser, on `link` and in the marketplace's frame."""

import json
from contextlib import suppress

from playwright.sync_api import Locator, TimeoutError, expect

from tests.browser.looking import MARKS, marks_in
from tests.people.hands import MOST_LOOKS, THOUGHT_MS, Hands
from tests.people.person import FRAME
from tests.people.surroundings import TASK
from workforce.models import Draft, Report

# Longer than a page waits before it stores a draft.
KEEPING_MS = 5000


class Acts(Hands):
    """A person at work. Each method is a verb; its words are those that follow it in the script."""

    def run(self, script: str) -> None:
        for line in script.split(";"):
            verb, *words = line.split()
            getattr(self, verb)(*words)

    # The way to the task

    def open(self) -> None:
        self.page.goto(self.address)

    def start(self) -> None:
        """Open the task and press Start, if the page asks for it."""
        self.open()
        self._agree_if_asked()

    def _agree_if_asked(self) -> None:
        task = self.surface.locator(TASK)
        expect(self.start_button.or_(task).first).to_be_visible()
        for _ in range(MOST_LOOKS):
            if not self.start_button.is_visible():
                break
            # A page in a frame may press it by itself, since its browser did so before: then it is gone.
            with suppress(TimeoutError):
                self._point(self.start_button, timeout=1000)
                expect(task).to_be_visible()
        self._loaded()

    def agree(self) -> None:
        self._point(self.start_button)
        self._loaded()

    def begun(self) -> None:
        self._loaded()

    @property
    def start_button(self) -> Locator:
        return self.surface.get_by_role("button", name=self.said("Start"), exact=True)

    @property
    def decline_button(self) -> Locator:
        return self.surface.locator("button[form=decline]")

    def to_start(self) -> None:
        self._tab_to(self.start_button)

    def to_decline(self) -> None:
        self._tab_to(self.decline_button)

    def decline(self) -> None:
        self._point(self.decline_button)
        self.declined()

    def declined(self) -> None:
        expect(self.surface.get_by_role("heading", name=self.said("You are not taking part"))).to_be_visible()

    def reconsider(self) -> None:
        self.surface.get_by_role("link", name=self.said("Read about the study again")).click()
        expect(self.start_button).to_be_visible()

    def preview(self) -> None:
        """Look at a HIT on the marketplace, before it is accepted."""
        self.page.goto(self.stage.preview_address(self.study))
        expect(self.surface.locator("main")).to_be_visible()

    def accept(self) -> None:
        self.page.get_by_role("button", name="Accept and work").click()
        self.page.wait_for_url("**/tasks/**")

    def resume(self) -> None:
        """Open the task again, and go on with what was begun."""
        self.open()
        self._go_on()

    def reload(self) -> None:
        self.page.reload()
        self._go_on()

    def _go_on(self) -> None:
        """Answer what a page in a frame asks, where anybody may use a worker's name."""
        self._agree_if_asked()
        if self.place == FRAME and self.has_scripts and self.which.is_visible():
            self.take_theirs()

    @property
    def which(self) -> Locator:
        return self.surface.locator("[data-which]")

    def take_theirs(self) -> None:
        """Choose the selection of another tab or device."""
        self._choose(0)

    def keep_mine(self) -> None:
        """Choose the selection of this page."""
        self._choose(1)

    def _choose(self, number: int) -> None:
        expect(self.which).to_be_visible()
        self.page.clock.run_for(THOUGHT_MS)
        self._point(self.which.get_by_role("button").nth(number))
        expect(self.which).to_be_hidden()

    # Sending

    def submit(self) -> None:
        self._point(self.submit_button)

    def report_by_enter(self) -> None:
        """Press Enter where a report is written: nothing is sent by it."""
        self._open_report()
        self.surface.locator("[name=report_kind]").first.press("Enter")
        self.unsent()

    def to_confirm(self) -> None:
        self._tab_to(self.question.get_by_role("button").first)

    def double_submit(self) -> None:
        """Press Submit twice at once by the clock of the page, however slow the machine is."""
        if self.has_scripts:
            self.page.clock.pause_at(self.surface.evaluate("Date.now() / 1000 + 1"))
        self.submit_button.dblclick()
        if self.has_scripts:
            self.page.clock.resume()

    def asked(self) -> None:
        """Expect a question before anything is sent."""
        if self.has_scripts:
            expect(self.question).to_be_visible()
        else:
            expect(self.surface.locator(f"{TASK} input[name=none]")).to_be_visible()
        assert not self.submissions()

    @property
    def question(self) -> Locator:
        return self.surface.locator(f"{TASK} [data-question]")

    def confirm(self) -> None:
        """Answer the question of the page with yes, after a thought."""
        self.asked()
        if self.has_scripts:
            # What the question shows meanwhile is not what they looked at.
            self.page.clock.run_for(THOUGHT_MS)
            self._point(self.question.get_by_role("button").first)
        else:
            self._point(self.surface.locator(f"{TASK} input[name=none]"))
            self.submit()

    def go_back_to_work(self) -> None:
        """Answer the question of the page with no."""
        self.asked()
        self.page.clock.run_for(THOUGHT_MS)
        self._point(self.question.get_by_role("button").last)
        expect(self.question).to_be_hidden()

    def confirm_if_asked(self) -> None:
        if not self.submissions() and self.question.is_visible():
            self.confirm()

    def think(self) -> None:
        self.asked()
        self.page.clock.run_for(THOUGHT_MS)

    def refused(self) -> None:
        """Expect that the page says what is missing, and that nothing is stored."""
        expect(self.surface.locator(f"{TASK} [data-problem], {TASK} [role=alert]").first).to_be_visible()
        assert not self.submissions()

    def hurry(self) -> None:
        """Press Submit five times, however the page takes it."""
        self.submit_button.click(click_count=5)

    def arrive(self) -> None:
        """Expect that the answer is stored, and that the page says so."""
        if self.place == FRAME:
            if not self.has_scripts:
                self.surface.get_by_role("button", name=self.said("Submit to the marketplace")).click()
                self.surface.get_by_role("link", name="Continue").click()
            expect(self.page.get_by_role("heading", name="Submitted")).to_be_visible()
        else:
            expect(self.page.locator(".done-mark")).to_be_visible()

    arrive_again = arrive

    def told_of_the_first(self) -> None:
        """Expect that the page says that another answer is stored already."""
        expect(self.surface.get_by_text(self.said("Already submitted")).first).to_be_visible()

    def kept(self) -> None:
        """Wait until the site has the draft of what was done so far."""
        self.page.clock.run_for(KEEPING_MS)
        for _ in range(MOST_LOOKS):
            draft = Draft.objects.filter(lease=self.lease()).first()
            if draft and marks_in(json.loads(draft.answer)) == self.surface.evaluate(MARKS):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("no draft is stored")

    def keep(self) -> None:
        """Let the page store what was done so far, whatever comes of it."""
        self.page.clock.run_for(KEEPING_MS)

    def unsent_yet(self) -> None:
        """Expect that the page waits for the network."""
        expect(self.surface.locator(TASK)).to_be_visible()
        assert not self.submissions()

    def unsent(self) -> None:
        """Expect that nothing was sent, and that the task still is there to be done."""
        expect(self.submit_button).to_be_visible()
        self.page.wait_for_load_state("networkidle")
        assert not self.submissions()
        assert not Report.objects.filter(lease__worker__identity__external_id=self.external_id).exists()
