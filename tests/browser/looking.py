"""Look at photographs in a browser as a person does, and submit."""

from contextlib import suppress
from typing import Any, Literal

from playwright.sync_api import Error, FrameLocator, Locator, Page, expect

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# Longer than the time in which a question takes no answer, which may be the second half of a double click.
GUARD_MS = 700
ONCE_SHOWN = "() => new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)))"
# Bring each photograph that has not been seen into view until it has; return how many have not been after so long.
SEE_EACH = """async (tiles, ms) => {
  const isUnseen = (tile) => !("seen" in tile.dataset);
  const changed = (tile) => new Promise((resolve) => new MutationObserver(resolve).observe(tile, { attributes: true }));
  const end = new Promise((resolve) => (window.realTimeout ?? setTimeout)(resolve, ms, "end"));
  for (const tile of tiles) {
    if (isUnseen(tile)) tile.scrollIntoView({ block: "center", behavior: "instant" });
    while (isUnseen(tile)) {
      if ((await Promise.race([changed(tile), end])) === "end") return tiles.filter(isUnseen).length;
    }
  }
  return 0;
}"""
MOST_MS = 60_000
# For pages on which a photograph is tried again by the person alone: as if so many tries had failed that the page's own
# next one is far away. It would come just before the person's.
NO_RETRIES = """{
  window.realTimeout = window.setTimeout;
  window.setTimeout = (act, ms, ...rest) => window.realTimeout(act, ms > 500 ? 1e6 : ms, ...rest);
}"""
# What waits already stays far away; what fails from now on is tried again as ever.
RETRIES_AGAIN = "() => { window.setTimeout = window.realTimeout; }"
MARKED = ("selected", "maybe", "main")
# Return what is marked in a page of work.
MARKS = """() => {
  const data = new FormData(document.querySelector("form[data-answer]"));
  return ["selected", "maybe", "main"].flatMap((name) => data.getAll(name).map((value) => `${name} ${value}`));
}"""


def marks_in(draft: dict[str, Any]) -> list[str]:
    """Return the marks of a draft as MARKS does those of a page."""
    return [f"{name} {value}" for name in MARKED for value in draft.get(name, [])]


def wait_until(page: Page, expression: str) -> None:
    """Wait until a script says yes. Playwright's own way to wait tries again by eval, which our pages refuse."""
    for _ in range(600):
        # Between two pages there is neither a script to ask nor an element to ask about.
        with suppress(Error):
            if page.evaluate(expression):
                return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true in a minute: {expression}, on {page.url}")


def resize(page: Page, width: int, height: int) -> None:
    """Make the window so large, and wait until the page has noticed."""
    page.set_viewport_size({"width": width, "height": height})
    wait_until(page, f"innerWidth === {width} && innerHeight === {height}")


def recolour(page: Page, scheme: Scheme) -> None:
    """Have the person prefer light or dark pages, and wait until the page has noticed."""
    page.emulate_media(color_scheme=scheme)
    wait_until(page, f"matchMedia('(prefers-color-scheme: {scheme})').matches")


def fits(page: Page) -> bool:
    """Wait until a page has come and is no wider than its window."""
    wait_until(page, "() => document.readyState === 'complete' && document.documentElement.scrollWidth <= innerWidth")
    return True


def wait_for_task(place: Page | FrameLocator) -> None:
    """Wait until a page of work is there to its end, which is the bar."""
    expect(place.locator("form[data-answer] .bar button[type=submit]")).to_be_visible()


def look(place: Page | FrameLocator) -> None:
    """Bring each photograph into view until the page has noticed. Without scripts nothing does."""
    wait_for_task(place)
    if place.locator("[name=scripts][value=none]").count():
        return
    tiles = place.locator("form [data-photograph]:not(dialog *)")
    if isinstance(place, Page):
        assert tiles.evaluate_all(SEE_EACH, MOST_MS) == 0, "photographs on the screen that are never seen"
        return
    # In a frame, the page around it has to be scrolled too.
    for tile in tiles.all():
        tile.scroll_into_view_if_needed()
        expect(tile).to_have_attribute("data-seen", "")


def submit(place: Page | FrameLocator) -> None:
    """Look at all photographs, and press Submit."""
    look(place)
    place.get_by_role("button", name="Submit", exact=True).click()


def think(answer: Locator) -> Locator:
    """Take the time that a question asks for from when the screen shows it; return the button that answers it."""
    expect(answer).to_be_visible()
    answer.evaluate(ONCE_SHOWN)
    answer.page.wait_for_timeout(GUARD_MS)
    return answer


def submit_none(page: Page, place: FrameLocator | None = None) -> None:
    """Submit a grid with nothing selected, and confirm to the page's script that this is meant."""
    where = place or page
    submit(where)
    think(where.get_by_role("button", name="Yes, that is right")).click()
