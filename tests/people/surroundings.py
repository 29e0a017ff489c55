"""The surroundings of a person at work: devices, tabs, the network, time; and what stands on the page."""

import os
import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext, override
from playwright.sync_api import BrowserContext, Frame, Locator, Page, Route, expect

from catalog.models import Image
from contains_task.reads import cells_by_handle
from tests.browser.looking import resize
from tests.browsers import new_context
from tests.factories import unique
from tests.people.person import FRAME, GRID, Person
from tests.people.stage import Stage, Study
from tests.required import require
from workforce.models import Lease, Submission, Worker

PATIENCE_MS = int(os.environ.get("PATIENCE_MS", 60_000))
TASK = "form[data-answer]"
TASK_ADDRESS, PHOTOGRAPH_ADDRESS = re.compile(r"/(contains|classify)/"), re.compile(r"//localhost:\d+(/\w\w)?/i/")
expect.set_options(timeout=PATIENCE_MS)


class Surroundings:
    """A person's devices, and the pages on them."""

    def __init__(self, stage: Stage, study: Study, person: Person, place: str) -> None:
        self.stage, self.study, self.person, self.place = stage, study, person, place
        self.problems: list[str] = []
        self.contexts: list[BrowserContext] = []
        self.blocked: set[str] = set()
        # Photographs that the script has shown to the person, by number.
        self.looked: set[int] = set()
        self.language = str(person.device.get("locale", "en"))[:2]
        self.has_scripts = person.device.get("java_script_enabled", True)
        self.external_id = require(stage.marketplace).worker() if place == FRAME else unique("person")
        self._address = ""
        self._frames: dict[Page, Frame] = {}
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
        frame = self._frames.get(self.page)
        if not frame or frame.is_detached():
            element = require(self.page.wait_for_selector("#task"))
            frame = self._frames[self.page] = require(element.content_frame())
        return frame

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

    def lease(self) -> Lease | None:
        return Lease.objects.select_related("hit").filter(worker__identity__external_id=self.external_id).first()

    def images_in_order(self) -> list[Image]:
        """Return the photographs of the person's grid in the order of the page."""
        cells = cells_by_handle(require(self.lease())).values()
        images = Image.objects.in_bulk([cell.image_id for cell in cells])
        return [images[cell.image_id] for cell in cells]

    def leave(self) -> None:
        for context in self.contexts:
            context.close()

    # Devices, pages, network

    def device(self, **options: Any) -> None:
        """Take another device, or the first one: a browser that shares nothing with the others."""
        options = options or dict(self.person.device)
        self.context = new_context(self.stage.browser, **options)
        self.has_touch = options.get("has_touch", False)
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
        """Let a photograph pass, unless the script blocks it, or all."""
        name = route.request.url.rpartition("/")[2].partition(".")[0]
        lease = self.lease() if self.blocked else None
        handles = list(cells_by_handle(lease)) if lease and self.study.task == GRID else []
        numbers = {"all", *(str(number) for number, handle in enumerate(handles, start=1) if handle == name)}
        if numbers & self.blocked:
            return route.abort()
        return route.continue_()

    def use(self, number: str) -> None:
        """Go to another tab of the device."""
        self.page = self.context.pages[int(number) - 1]
        self.page.bring_to_front()

    def at_desk(self) -> None:
        """Go on at a computer."""
        self.device(viewport={"width": 1280, "height": 720})

    def turn_screen(self) -> None:
        size = require(self.page.viewport_size)
        self.resize(size["height"], size["width"])

    def block(self, *numbers: str) -> None:
        """Have these photographs, or all, not arrive."""
        if not self.blocked:
            self.context.route(PHOTOGRAPH_ADDRESS, self._photograph)
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
        self.resize(int(size["width"] / factor), int(size["height"] / factor))

    def resize(self, width: int, height: int) -> None:
        """Make the window so large, and wait until the page has noticed."""
        resize(self.page, width, height)

    def lose_reply(self) -> None:
        """Have the next answer arrive, and its receipt be lost."""

        def lose(route: Route) -> None:
            route.fetch()
            route.abort()

        self._disturb_next_post(lose)

    def fail_once(self) -> None:
        """Have the site fail at the next answer."""
        self._disturb_next_post(lambda route: route.fulfill(status=503, body="Not ready"))

    def _disturb_next_post(self, disturb: Callable[[Route], None]) -> None:
        undisturbed = [True]

        def handle(route: Route) -> None:
            is_answer = route.request.method == "POST" and '"draft"' not in (route.request.post_data or "")
            if is_answer and undisturbed:
                undisturbed.clear()
                disturb(route)
            else:
                route.continue_()

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

    def back(self) -> None:
        self.page.go_back()

    def forward(self) -> None:
        self.page.go_forward()

    def wait(self, seconds: str) -> None:
        """Let so much time pass, by the page's clock."""
        self.page.clock.fast_forward(int(seconds) * 1000)

    def live_through(self, seconds: str) -> None:
        """Let so much time pass second by second, each with time for a request to fail."""
        for _ in range(int(seconds)):
            self.page.clock.run_for(1000)
            self.page.wait_for_timeout(50)

    def _loaded(self) -> None:
        expect(self.submit_button).to_be_visible()
        self.surface.wait_for_load_state("load")
