"""A person's eyes and hands: looking, pointing, typing."""

import re

from playwright.sync_api import Locator, expect

from tests.people.person import GRID
from tests.people.surroundings import TASK, Surroundings

MOST_STEPS = 80
# Bring the first of these photographs to the middle of the screen; return the indexes of those that are now shown
# whole, once the browser has shown what it has of them.
SHOW = """async (tiles) => {
  const [first] = tiles;
  const bar = document.querySelector(".bar");
  const bottom = () => Math.min(innerHeight, bar?.getBoundingClientRect().top ?? innerHeight);
  const isWhole = (tile) => {
    const box = tile.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= bottom();
  };
  if (!isWhole(first)) {
    // To the middle of what the bar leaves free.
    const { top, height } = first.getBoundingClientRect();
    scrollBy({ top: top + height / 2 - bottom() / 2, behavior: "instant" });
  }
  const shown = tiles.map((_, index) => index).filter((index) => !index || isWhole(tiles[index]));
  const images = shown.map((index) => tiles[index].querySelector("img"));
  await Promise.all(images.map((image) => image?.decode().catch(() => null)));
  return shown;
}"""
# The numbers of the photographs of which at least half is on the screen, above the bar.
ON_SCREEN = """() => {
  const bottom = Math.min(innerHeight, document.querySelector(".bar")?.getBoundingClientRect().top ?? innerHeight);
  const share = ({ top, bottom: end, height }) => (Math.min(end, bottom) - Math.max(top, 0)) / height;
  const images = [...document.querySelectorAll("form[data-answer] .tile img")];
  return images.flatMap((image, index) => (share(image.getBoundingClientRect()) >= 0.5 ? [index + 1] : []));
}"""
# Longer than the page's shortest look, and than the time in which a second press counts as a double click.
LOOK_MS, THOUGHT_MS = 350, 700


class Hands(Surroundings):
    """Verbs of looking, pointing and typing."""

    def see(self, *numbers: str) -> None:
        """Look at these photographs, or at all."""
        if not self.has_scripts:
            return
        tiles = self.tiles if self.study.task == GRID else self.surface.locator(f"{TASK} .subject")
        left = tiles.element_handles()
        left = left if "all" in numbers else [left[int(number) - 1] for number in numbers]
        while left:
            shown = self.surface.evaluate(SHOW, left)
            self.glance(LOOK_MS)
            left = [tile for index, tile in enumerate(left) if index not in shown]

    def glance(self, ms: int) -> None:
        """Let some time pass, and note which photographs are on the screen meanwhile."""
        self.page.clock.run_for(ms)
        if self.study.task == GRID:
            self.looked |= set(self.surface.evaluate(ON_SCREEN))

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
        target.tap() if self.has_touch else target.click()

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
