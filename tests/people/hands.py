"""A person's eyes and hands: looking, pointing, typing."""

import re

from playwright.sync_api import Locator, expect

from tests.people.person import FRAME, GRID
from tests.people.surroundings import TASK, Surroundings

MOST_STEPS, MOST_LOOKS = 80, 600
# Bring a photograph to the middle of what the bar leaves free; return how far below the top of the page that is.
BRING = """(tiles, number) => {
  const tile = tiles[number];
  const bottom = Math.min(innerHeight, document.querySelector(".bar")?.getBoundingClientRect().top ?? innerHeight);
  const middle = () => {
    const { top, height } = tile.getBoundingClientRect();
    return top + height / 2;
  };
  const { top, bottom: end } = tile.getBoundingClientRect();
  if (top < 0 || end > bottom) scrollBy({ top: middle() - bottom / 2, behavior: "instant" });
  return middle();
}"""
# Bring that place of a page in a frame to the middle of the screen, as far as the page around it lets.
BRING_IN_FRAME = """(middle) => {
  const frame = document.querySelector("#task").getBoundingClientRect();
  if (frame.top < 0 || frame.bottom > innerHeight) {
    scrollBy({ top: frame.top + middle - innerHeight / 2, behavior: "instant" });
  }
}"""
# Return how much of each photograph, or of a screen that it fills, is shown above the bar, also by a page around this
# one. The browser has then shown so much, and has told the page.
SHARES = """(tiles, numbers) => new Promise((resolve) => {
  const images = numbers.map((number) => tiles[number].querySelector("img"));
  if (!images.length) return resolve([]);
  const bar = document.querySelector(".bar");
  const bottom = () => Math.min(innerHeight, bar?.getBoundingClientRect().top ?? innerHeight);
  const share = ({ boundingClientRect: box, intersectionRect: part }) => {
    const area = Math.min(box.width * box.height, innerWidth * bottom());
    return area ? (part.width * Math.max(0, Math.min(part.bottom, bottom()) - part.top)) / area : 1;
  };
  const observer = new IntersectionObserver((entries) => {
    observer.disconnect();
    const shares = new Map(entries.map((entry) => [entry.target, share(entry)]));
    resolve(images.map((image) => shares.get(image)));
  });
  for (const image of images) observer.observe(image);
})"""
HALF, WHOLE = 0.5, 0.99
# Photographs that are on their way arrive, or fail.
ARRIVE = """(tiles, numbers) => Promise.all(
  numbers.map((number) => tiles[number].querySelector("img").decode().catch(() => null)))"""
ARE_THERE = """(tiles) => tiles.every((tile) => tile.querySelector("img").naturalWidth)"""
# Longer than the page's shortest look, and than the time in which a second press counts as a double click.
LOOK_MS, THOUGHT_MS = 350, 700


class Hands(Surroundings):
    """Verbs of looking, pointing and typing."""

    @property
    def photographs(self) -> Locator:
        return self.tiles if self.study.task == GRID else self.surface.locator(f"{TASK} .subject")

    def see(self, *numbers: str) -> None:
        """Look at these photographs, or at all."""
        if not self.has_scripts:
            return
        photographs = self.photographs
        left = list(range(photographs.count())) if "all" in numbers else [int(number) - 1 for number in numbers]
        while left:
            shares = self._bring(photographs, left)
            shown = [tile for tile, share in zip(left, shares, strict=True) if tile == left[0] or share >= WHOLE]
            photographs.evaluate_all(ARRIVE, shown)
            self.glance(LOOK_MS)
            left = [tile for tile in left if tile not in shown]

    def _bring(self, photographs: Locator, tiles: list[int]) -> list[float]:
        """Bring the first of these photographs, by their places, on the screen; return how much is shown of each."""
        for _ in range(MOST_STEPS):
            middle = photographs.evaluate_all(BRING, tiles[0])
            if self.place == FRAME:
                self.page.evaluate(BRING_IN_FRAME, middle)
            shares: list[float] = photographs.evaluate_all(SHARES, tiles)
            if shares[0] >= HALF:
                return shares
        raise AssertionError(f"{MOST_STEPS} times scrolling do not show the photograph")

    def glance(self, ms: int) -> None:
        """Let some time pass, and note which photographs are on the screen meanwhile."""
        photographs = self.photographs
        tiles = list(range(photographs.count()))
        photographs.evaluate_all(SHARES, tiles)
        self.page.clock.run_for(ms)
        if self.study.task == GRID:
            shares = photographs.evaluate_all(SHARES, tiles)
            self.looked |= {number for number, share in enumerate(shares, start=1) if share >= HALF}

    def photographs_come(self) -> None:
        """Wait until all photographs are there."""
        for _ in range(MOST_LOOKS):
            if self.photographs.evaluate_all(ARE_THERE):
                return
            self.page.clock.run_for(1000)
            self.page.wait_for_timeout(50)
        raise AssertionError("some photographs never come")

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

    def _point(self, target: Locator, timeout: float | None = None) -> None:
        target.tap(timeout=timeout) if self.has_touch else target.click(timeout=timeout)

    def hear(self) -> None:
        """Go through the controls of the task in their order, as a screen reader does."""
        for number, box in enumerate(self.surface.locator(f"{TASK} input[name=selected]").all()):
            box.focus()
            if self.study.task == GRID:
                self.photographs.evaluate_all(ARRIVE, [number])
            self.glance(LOOK_MS)

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

    def to_submit(self) -> None:
        self._tab_to(self.submit_button)

    def _tab_to(self, target: Locator, key: str = "Tab") -> None:
        for _ in range(MOST_STEPS):
            if target.evaluate_all("found => found.includes(document.activeElement)"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{MOST_STEPS} times {key} do not lead to {target}")
