"""The verbs of the scripts: what a person does in a real browser, on `link` and in the marketplace's frame."""

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

PATIENCE_MS = 30_000
MOST_STEPS = 80
TASK = "form[data-answer]"
# Look at each of these for as long as a person does at least: loaded or not, at least half of it on the screen.
LOOK = """async (tiles) => {
  const frames = async (n) => { for (; n; n--) await new Promise(requestAnimationFrame) };
  const shown = (tile) => {
    const { top, bottom, height } = tile.getBoundingClientRect();
    return Math.min(bottom, innerHeight - bar()) - Math.max(top, head()) > 0.9 * height;
  };
  const bar = () => document.querySelector(".bar")?.offsetHeight ?? 0;
  const head = () => document.querySelector("[data-sticky]")?.offsetHeight ?? 0;
  const left = new Set(tiles);
  while (left.size) {
    const [first] = left;
    if (!shown(first)) first.scrollIntoView({ block: "center", behavior: "instant" });
    await frames(2);
    const here = [...left].filter((tile) => tile === first || shown(tile));
    await Promise.all(here.map((tile) => tile.querySelector("img")?.decode().catch(() => null)));
    await new Promise((done) => setTimeout(done, 180));
    for (const tile of here) left.delete(tile);
  }
}"""


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
        if place == FRAME:
            marketplace = require(stage.marketplace)
            self.external_id = marketplace.worker()
            self.address = self._accepted()
        else:
            self.external_id = unique("person")
            self.address = f"{stage.worker_origin}/join/{study.batch.public_id}?worker={self.external_id}"
        self.device()

    def _accepted(self) -> str:
        marketplace = require(self.stage.marketplace)
        assignment = marketplace.accept(self.external_id, self.stage.hit_to_accept(self.study))
        return f"{marketplace.url}/tasks/{assignment}/"

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

    def worker(self) -> Worker:
        return Worker.objects.get(identity__external_id=self.external_id)

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

    def device(self) -> None:
        """Take another device, or the first one: a browser that shares nothing with the others."""
        self.context = self.stage.browser.new_context(**self.person.device)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.route("**/*.jpg*", self._photograph)
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
        if self.clock:
            self.page.clock.install()

    clock = False

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

    def close(self) -> None:
        self.page.close()

    def turn(self, number: str) -> None:
        """Go back to another device."""
        self.context = self.contexts[int(number) - 1]
        self.page = self.context.pages[-1]

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

    def reload(self) -> None:
        self.page.reload()
        self._loaded()

    def back(self) -> None:
        self.page.go_back()

    def forward(self) -> None:
        self.page.go_forward()

    def wait(self, seconds: str) -> None:
        """Let so much time pass, by the page's clock. The script begins with `watch`."""
        self.page.clock.fast_forward(int(seconds) * 1000)

    def watch(self) -> None:
        """Turn the clocks of this device's pages by hand from now on."""
        self.clock = True
        self.page.clock.install()

    # The way to the task

    def open(self) -> None:
        self.page.goto(self.address)

    def start(self) -> None:
        """Open the task and press Start, if the page asks for it."""
        self.open()
        start = self.surface.get_by_role("button", name=self.said("Start"), exact=True)
        expect(start.or_(self.surface.locator(TASK)).first).to_be_visible()
        if start.count():
            start.click()
        self._loaded()

    def resume(self) -> None:
        """Open the task again, and find it begun."""
        self.open()
        self._loaded()

    def _loaded(self) -> None:
        expect(self.submit_button).to_be_visible()
        self.surface.wait_for_load_state("load")

    # Looking and selecting

    def see(self, *numbers: str) -> None:
        """Look at these photographs, or at all."""
        if not self.has_scripts:
            return
        tiles = self.tiles if self.study.task == GRID else self.surface.locator(f"{TASK} .subject")
        handles = tiles.element_handles()
        chosen = handles if "all" in numbers else [handles[int(number) - 1] for number in numbers]
        self.surface.evaluate(LOOK, chosen)

    def select(self, *numbers: str) -> None:
        """Select photographs or labels by pointing at them, or take the selection back."""
        for number in numbers:
            if self.study.task == GRID:
                self.see(number)
                self._point(self.tile(number).locator("img").first)
            else:
                self._point(self.box_of_label(number))

    unselect = select

    def _point(self, target: Locator) -> None:
        target.tap() if self.person.device.get("has_touch") else target.click()

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

    def confirm_none(self) -> None:
        """Say that no photograph is meant."""
        ask = self.surface.locator(f"{TASK} [name=none]")
        expect(ask.first).to_be_visible()
        self._point(ask.first)

    def arrive(self) -> None:
        """Expect that the answer is stored, and that the page says so."""
        if self.place == FRAME:
            if not self.has_scripts:
                self.surface.get_by_role("button", name=self.said("Submit to the marketplace")).click()
                self.surface.get_by_role("link", name="Continue").click()
            expect(self.page.get_by_role("heading", name="Submitted")).to_be_visible()
        else:
            expect(self.page.locator(".done-mark")).to_be_visible()

    def unsent(self) -> None:
        """Expect that nothing was sent, and that the task still is there to be done."""
        expect(self.submit_button).to_be_visible()
        self.page.wait_for_load_state("networkidle")
        assert not self.submissions()


VERBS: dict[str, Callable[..., None]] = {
    name: verb for name, verb in vars(Acts).items() if callable(verb) and not name.startswith("_")
}
