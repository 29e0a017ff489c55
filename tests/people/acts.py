"""The verbs of the scripts: what a person does in a real browser, on `link` and in the marketplace's frame."""

import os
import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext, override
from playwright.sync_api import BrowserContext, Frame, Locator, Page, Route, expect

from catalog.models import Image
from contains_task.reads import cells_by_handle
from tests.factories import unique
from tests.people.person import FRAME, GRID, Person
from tests.people.stage import Stage, Study
from tests.required import require
from workforce.models import Lease, Submission, Worker

PATIENCE_MS = int(os.environ.get("PATIENCE_MS", 60_000))
MOST_STEPS = 80
TASK = "form[data-answer]"
# Bring the first of these photographs to the middle of the screen; return the indexes of those that are now shown
# whole, once the browser has shown what it has of them.
SHOW = """async (tiles) => {
  const [first] = tiles;
  const isWhole = (tile) => {
    const bar = document.querySelector(".bar")?.getBoundingClientRect().top ?? innerHeight;
    const box = tile.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= Math.min(innerHeight, bar);
  };
  if (!isWhole(first)) first.scrollIntoView({ block: "center", behavior: "instant" });
  const shown = tiles.map((_, index) => index).filter((index) => !index || isWhole(tiles[index]));
  const images = shown.map((index) => tiles[index].querySelector("img"));
  await Promise.all(images.map((image) => image?.decode().catch(() => null)));
  return shown;
}"""
# Longer than the page's shortest look, and than the time in which a second press counts as a double click.
LOOK_MS, THOUGHT_MS = 350, 700
# Longer than a page waits before it stores a draft.
KEEPING_MS = 5000
TASK_ADDRESS = re.compile(r"/(contains|classify)/")
expect.set_options(timeout=PATIENCE_MS)


class Acts:
    """A person at work. Each method is a verb; its words are those that follow it in the script."""

    def __init__(self, stage: Stage, study: Study, person: Person, place: str) -> None:
        self.stage, self.study, self.person, self.place = stage, study, person, place
        self.problems: list[str] = []
        self.contexts: list[BrowserContext] = []
        self.blocked: set[str] = set()
        self.expects_refusals = False
        self.language = str(person.device.get("locale", "en"))[:2]
        self.has_scripts = person.device.get("java_script_enabled", True)
        self.external_id = require(stage.marketplace).worker() if place == FRAME else unique("person")
        self._address = ""
        self.device()

    @property
    def address(self) -> str:
        """Return where the person finds the task; on a marketplace they accept it first."""
        if not self._address and self.place == FRAME:
            self._address = self.stage.accept(self.study, self.external_id)
        return self._address or self.stage.link(self.study, self.external_id)

    # What is there

    @property
    def surface(self) -> Page | Frame:
        """Return what shows our pages: the page itself, or the frame of the marketplace's page."""
        if self.place != FRAME:
            return self.page
        element = require(self.page.wait_for_selector("#task"))
        return require(element.content_frame())

    @property
    def tiles(self) -> Locator:
        return self.surface.locator(f"{TASK} .tile")

    def tile(self, number: str | int) -> Locator:
        return self.tiles.nth(int(number) - 1)

    @property
    def submit_button(self) -> Locator:
        return self.surface.locator(f"{TASK} .bar button[type=submit]")

    def box_of_label(self, index: str) -> Locator:
        return self.surface.locator(f"{TASK} input[name=selected][value='{index}']")

    def said(self, text: str) -> str:
        """Return a text of the site in the person's language."""
        with override(self.language):
            return gettext(text)

    def worker(self) -> Worker | None:
        return Worker.objects.filter(identity__external_id=self.external_id).first()

    def submissions(self) -> list[Submission]:
        return list(Submission.objects.filter(worker__identity__external_id=self.external_id))

    def lease(self) -> Lease:
        return Lease.objects.select_related("hit").get(worker__identity__external_id=self.external_id, state="active")

    def images_in_order(self) -> list[Image]:
        """Return the photographs of the person's grid in the order of the page."""
        lease = Lease.objects.select_related("hit").filter(worker__identity__external_id=self.external_id).first()
        images = Image.objects.in_bulk([cell.image_id for cell in cells_by_handle(require(lease)).values()])
        return [images[cell.image_id] for cell in cells_by_handle(require(lease)).values()]

    # Running

    def run(self, script: str) -> None:
        for line in script.split(";"):
            verb, *words = line.split()
            getattr(self, verb)(*words)

    def leave(self) -> None:
        for context in self.contexts:
            context.close()

    # Devices, pages, network

    def device(self, **options: Any) -> None:
        """Take another device, or the first one: a browser that shares nothing with the others."""
        self.context = self.stage.browser.new_context(**(options or self.person.device))
        self.context.set_default_timeout(PATIENCE_MS)
        if self.has_scripts:
            # Time passes as it does, and faster when a person looks or waits.
            self.context.clock.install()
        if self.place == FRAME:
            marketplace = require(self.stage.marketplace)
            cookie = marketplace.ask("session", worker=self.external_id)["cookie"]
            self.context.add_cookies([{"name": "marketplace_session", "value": cookie, "url": marketplace.url}])
        self.contexts.append(self.context)
        self.tab()

    def tab(self) -> None:
        """Open another tab of the device."""
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: Any) -> None:
        # The browser itself reports requests that failed; people who lose their network, or are refused, expect that.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(message.text)

    def _photograph(self, route: Route) -> None:
        if not self.blocked:
            return route.continue_()
        name = route.request.url.rpartition("/")[2].partition(".")[0]
        lease = Lease.objects.select_related("hit").filter(worker__identity__external_id=self.external_id).first()
        numbers = {"all"}
        if lease is not None and self.study.task == GRID:
            handles = list(cells_by_handle(lease))
            numbers |= {str(handles.index(name) + 1)} if name in handles else set()
        return route.abort() if numbers & self.blocked else route.continue_()

    def use(self, number: str) -> None:
        """Go to another tab of the device."""
        self.page = self.context.pages[int(number) - 1]
        self.page.bring_to_front()

    def at_desk(self) -> None:
        """Go on at a computer."""
        self.device(viewport={"width": 1280, "height": 720})

    def turn_screen(self) -> None:
        size = require(self.page.viewport_size)
        self.page.set_viewport_size({"width": size["height"], "height": size["width"]})

    def block(self, *numbers: str) -> None:
        """Have these photographs, or all, not arrive."""
        self.blocked = set(numbers)

    def unblock(self) -> None:
        self.blocked = set()

    def offline(self) -> None:
        self.context.set_offline(True)

    def online(self) -> None:
        self.context.set_offline(False)

    def zoom(self, percent: str) -> None:
        """Zoom the page, which leaves so much less room for it."""
        size = require(self.page.viewport_size)
        factor = int(percent) / 100
        self.page.set_viewport_size({"width": int(size["width"] / factor), "height": int(size["height"] / factor)})

    def lose_reply(self) -> None:
        """Have the next answer arrive, and its receipt be lost."""
        self._disturb_next_post(lambda route: (route.fetch(), route.abort()))

    def fail_once(self) -> None:
        """Have the site fail at the next answer."""
        self._disturb_next_post(lambda route: route.fulfill(status=503, body="Not ready"))

    def _disturb_next_post(self, disturb: Callable[[Route], object]) -> None:
        undisturbed = [True]

        def handle(route: Route) -> object:
            if route.request.method == "POST" and undisturbed:
                undisturbed.clear()
                return disturb(route)
            return route.continue_()

        self.context.route(TASK_ADDRESS, handle)

    def site_away(self) -> None:
        """Have our site answer nothing more; the marketplace still does."""
        self.context.route(f"{self.stage.worker_origin}/**", lambda route: route.abort())

    def hide(self, is_hidden: str = "true") -> None:
        """Look at something else: what a browser does when another tab is brought to the front."""
        for surface in {self.page, self.surface}:
            surface.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: {is_hidden}, configurable: true }})")
            surface.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def show(self) -> None:
        self.hide("false")

    def reload(self) -> None:
        self.page.reload()
        self._loaded()

    def back(self) -> None:
        self.page.go_back()

    def forward(self) -> None:
        self.page.go_forward()

    def wait(self, seconds: str) -> None:
        """Let so much time pass, by the page's clock."""
        self.page.clock.fast_forward(int(seconds) * 1000)

    # The way to the task

    def open(self) -> None:
        self.page.goto(self.address)

    def start(self) -> None:
        """Open the task and press Start, if the page asks for it."""
        self.open()
        expect(self.start_button.or_(self.surface.locator(TASK)).first).to_be_visible()
        if self.start_button.count():
            self.agree()
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

    def resume(self) -> None:
        """Open the task again, and go on with what was begun, if the page asks."""
        self.open()
        self._loaded()
        if self.place == FRAME:
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

    def _loaded(self) -> None:
        expect(self.submit_button).to_be_visible()
        self.surface.wait_for_load_state("load")

    # Looking and selecting

    def see(self, *numbers: str) -> None:
        """Look at these photographs, or at all."""
        if not self.has_scripts:
            return
        tiles = self.tiles if self.study.task == GRID else self.surface.locator(f"{TASK} .subject")
        left = tiles.element_handles()
        left = left if "all" in numbers else [left[int(number) - 1] for number in numbers]
        while left:
            shown = self.surface.evaluate(SHOW, left)
            self.page.clock.run_for(LOOK_MS)
            left = [tile for index, tile in enumerate(left) if index not in shown]

    def select(self, *numbers: str) -> None:
        """Select photographs or labels by pointing at them, or take the selection back."""
        for number in numbers:
            if self.study.task == GRID:
                self.see(number)
                self._point(self.tile(number).locator("img").first)
            else:
                self._point(self.box_of_label(number))

    unselect = select

    def maybe(self, *numbers: str) -> None:
        """Press the word of the third answer of these photographs."""
        self._press_box("maybe", numbers)

    def yes(self, *numbers: str) -> None:
        self._press_box("selected", numbers)

    def _press_box(self, name: str, numbers: tuple[str, ...]) -> None:
        for number in numbers:
            self.see(number)
            self._point(self.tile(number).locator(f"input[name={name}]"))

    def to_maybe(self, number: str) -> None:
        self._tab_to(self.tile(number).locator("input[name=maybe]"))

    def _point(self, target: Locator) -> None:
        target.tap() if self.person.device.get("has_touch") else target.click()

    def hear(self) -> None:
        """Go through the controls of the task in their order, as a screen reader does."""
        for box in self.surface.locator(f"{TASK} input[name=selected]").all():
            box.focus()
            self.page.clock.run_for(LOOK_MS)

    def tick_by_name(self, number: str) -> None:
        """Select what is announced by this name: the photograph of this number, or the label of this index."""
        pattern = {GRID: rf"^{self.said('photograph %(number)s') % {'number': number}}\b"}
        name = re.compile(pattern.get(self.study.task, rf"^thing {number}\b"))
        self.surface.get_by_role("checkbox", name=name).press("Space")

    def main_by_name(self, index: str) -> None:
        self.surface.get_by_role("radio", name=re.compile(rf"\bthing {index}$")).press("Space")

    def press_submit(self) -> None:
        self.surface.get_by_role("button", name=self.said("Submit"), exact=True).press("Enter")

    def not_loaded(self, *numbers: str) -> None:
        """Say of these photographs that they did not load."""
        for number in numbers:
            self.surface.locator(f"{TASK} input[name=unloaded]").nth(int(number) - 1).check()

    def enlarge(self, number: str = "1") -> None:
        place = self.tile(number) if self.study.task == GRID else self.surface.locator(f"{TASK} .subject")
        place.locator("a").first.click()
        expect(self.surface.get_by_role("dialog")).to_be_visible()

    def report(self) -> None:
        """Report a problem beside the work."""
        self._open_report()
        self.surface.locator("[name=report_kind]").first.check()
        self.surface.locator("[data-report]").click()
        expect(self.surface.locator("[data-reported]")).to_be_visible()

    def report_by_enter(self) -> None:
        """Press Enter where a report is written: nothing is sent by it."""
        self._open_report()
        self.surface.locator("[name=report_kind]").first.press("Enter")
        self.unsent()

    def _open_report(self) -> None:
        self.surface.locator("#report summary").click()
        expect(self.surface.locator("[name=report_kind]").first).to_be_visible()

    def choose_main(self, index: str) -> None:
        self._point(self.surface.locator(f"{TASK} input[name=main][value='{index}']"))

    # The keyboard

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def to_photograph(self, number: str) -> None:
        """Go to a photograph's checkbox by the keyboard alone."""
        self._tab_to(self.tile(number).locator("input[name=selected]"))

    def to_label(self, index: str) -> None:
        self._tab_to(self.box_of_label(index))

    def to_main(self) -> None:
        """Go to the group of the main object, wherever the keyboard enters it."""
        self._tab_to(self.surface.locator(f"{TASK} input[name=main]"))

    def arrow_to_main(self, index: str) -> None:
        """Go to a main object by the arrows, within the group of main objects, and choose it."""
        target = self.surface.locator(f"{TASK} input[name=main][value='{index}']")
        self._tab_to(target, "ArrowDown")
        if not target.is_checked():
            self.page.keyboard.press("Space")

    def main_by_keys(self, index: str) -> None:
        self.to_main()
        self.arrow_to_main(index)

    def to_confirm(self) -> None:
        self._tab_to(self.question.get_by_role("button").first)

    def to_submit(self) -> None:
        self._tab_to(self.submit_button)

    def _tab_to(self, target: Locator, key: str = "Tab") -> None:
        for _ in range(MOST_STEPS):
            if target.evaluate_all("found => found.includes(document.activeElement)"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{MOST_STEPS} times {key} do not lead to {target}")

    # Sending

    def submit(self) -> None:
        self._point(self.submit_button)

    def double_submit(self) -> None:
        self.submit_button.dblclick()

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

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        self.page.wait_for_load_state("networkidle")

    def kept(self) -> None:
        """Wait until the page has stored what was done so far."""
        self.page.clock.run_for(KEEPING_MS)
        self.page.wait_for_load_state("networkidle")

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
