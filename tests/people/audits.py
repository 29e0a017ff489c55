"""Audits of a page, asked of the page itself: WCAG 2.2 AA, as far as a page can be measured."""

from playwright.sync_api import Frame, Page

# 2.4.11: the control with the focus, or its label, is to be seen: nothing else lies over most of it.
# Returns "" if it is so, else what lies there.
COVERS_FOCUS = """() => {
  const control = document.activeElement;
  if (!control || control === document.body) return "";
  const shown = (box) => box.width > 4 && box.height > 4;
  const place = [control, ...(control.labels ?? [])].find((each) => shown(each.getBoundingClientRect()));
  if (!place) return `nothing is shown of ${control.outerHTML.slice(0, 90)}`;
  const box = place.getBoundingClientRect();
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  if (right - left < 2 || bottom - top < 2) return `outside the screen: ${control.outerHTML.slice(0, 90)}`;
  const steps = [0.1, 0.3, 0.5, 0.7, 0.9];
  const belongs = (other) =>
    other && (place.contains(other) || other.contains(place) || other.closest("label") === place);
  const free = steps.flatMap((x) => steps.map((y) => [left + x * (right - left), top + y * (bottom - top)]))
    .filter(([x, y]) => belongs(document.elementFromPoint(x, y)));
  if (free.length >= 12) return "";
  const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return `${control.outerHTML.slice(0, 90)} lies under ${over?.outerHTML.slice(0, 90)}`;
}"""

# 2.5.8: 24 pixels for each control, or so much room around its middle, if it does not stand in a line of text. Returns
# those without.
SMALL_TARGETS = """() => {
  const isShown = (control) => control.type !== "hidden" && !control.disabled && control.checkVisibility()
    && !control.closest("[aria-hidden=true], .unseen, .skip")
    && !(control.tagName === "A" && getComputedStyle(control).display === "inline");
  const boxOf = (control) => [control, ...(control.labels ?? [])].map((place) => place.getBoundingClientRect())
    .sort((one, other) => other.width * other.height - one.width * one.height)[0];
  const controls = [...document.querySelectorAll("a, button, input, select, summary, textarea")].filter(isShown);
  const boxes = controls.map(boxOf);
  const far = (x, y, { left, right, top, bottom }) =>
    Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
  return controls.filter((control, index) => {
    const { left, top, width, height } = boxes[index];
    if (width >= 24 && height >= 24) return false;
    const [x, y] = [left + width / 2, top + height / 2];
    return boxes.some((box, other) => other !== index && far(x, y, box) < 12);
  }).map((control) => control.outerHTML.slice(0, 120));
}"""

# 1.4.3: text against what is painted behind it. Returns texts whose contrast is too low.
LOW_CONTRAST = """() => {
  const numbers = (colour) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const mixed = ([r, g, b, a], under) => [r, g, b].map((value, n) => value * a + under[n] * (1 - a));
  const light = (rgb) => rgb.map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, n) => sum + value * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(numbers(getComputedStyle(each).backgroundColor));
    }
    const page = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((under, layer) => mixed(layer, under), page);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest(":disabled, noscript, script, style, .skip, .unseen, [aria-hidden=true]")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const [one, two] = [light(mixed(numbers(style.color), ground)), light(ground)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) low.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 60)}`);
  }
  return low;
}"""

# 3.1.2: texts of the study that are in another language than the page.
WITHOUT_LANGUAGE = """(words) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const bad = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const isForeign = walker.currentNode.data.includes(words) && element.checkVisibility();
    if (isForeign && element.closest("[lang]").lang !== "en") bad.push(element.outerHTML.slice(0, 160));
  }
  return bad;
}"""

# What moves, or would: 2.3.3 asks that it does not if a person wants that.
MOVES = """() => [...document.querySelectorAll("*")].filter((element) => {
  const style = getComputedStyle(element);
  const lasts = (times) => times.split(",").some((time) => parseFloat(time) > 0.01);
  return lasts(style.transitionDuration) || (style.animationName !== "none" && lasts(style.animationDuration))
    || style.scrollBehavior === "smooth";
}).map((element) => element.outerHTML.slice(0, 100))"""

WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


# Which control has the focus, by its place among all, and what lies over it.
STOP = f"() => [[...document.querySelectorAll('*')].indexOf(document.activeElement), ({COVERS_FOCUS})()]"


def focus_stops(page: Page, surface: Page | Frame, most: int = 80, key: str = "Tab") -> list[str]:
    """Press Tab through the page, and return what lies over a control that has the focus."""
    covered: list[str] = []
    seen: set[int] = set()
    for _ in range(most):
        page.keyboard.press(key)
        place, cover = surface.evaluate(STOP)
        if place in seen:
            break
        seen.add(place)
        covered += filter(None, [cover])
    assert len(seen) > 1, "Tab leads nowhere"
    return covered
