import { fill, keepSelection, say, submitByScript } from "../workforce/submit.js";
import { askBefore, watch } from "../workforce/attention.js";

const SHORTCUTS = "shortcuts off";
const LARGEST = 8;
const SWIPE = 60;

const form = document.querySelector("[data-answer]");
const tiles = [...form.querySelectorAll(".tile")];
const boxes = [...form.querySelectorAll("input[name=selected]")];
const maybes = [...form.querySelectorAll("input[name=maybe]")];
const [large, keys] = form.querySelectorAll("dialog");
const stage = large.querySelector(".stage");
const picture = large.querySelector("img");
const picks = [...large.querySelectorAll("[data-pick]")];
const boxOf = (tile, name = "selected") => tile.querySelector(`[name=${name}]`);

// The answers

function count() {
  const [n, maybe] = [boxes, maybes].map((several) => several.filter((box) => box.checked).length);
  const { noneSelected, someSelected } = form.dataset;
  say(form, fill(n + maybe ? someSelected : noneSelected, { n, maybe, total: boxes.length }));
}

// An untouched grid may be an accident.
function none() {
  if ([...boxes, ...maybes].some((box) => box.checked)) return null;
  const { none: text, yesNone: yes, back: no } = form.dataset;
  return { text, yes, no, confirm: () => setNone(true) };
}

function setNone(isConfirmed) {
  form.querySelector("input[type=hidden][name=none]")?.remove();
  if (isConfirmed) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "none", value: "yes" }));
}

// Yes and maybe exclude each other.
function exclude({ name, value, checked }) {
  const others = { selected: maybes, maybe: boxes }[name] ?? [];
  const other = checked && others.find((box) => box.value === value);
  if (other) other.checked = false;
}

function press(box) {
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

// A press on the photograph goes from no to yes, to maybe, and back.
function cycle(event) {
  const tile = event.target.matches(".three img") && event.target.closest(".tile");
  if (!tile) return;
  event.preventDefault();
  const [yes, maybe] = [boxOf(tile), boxOf(tile, "maybe")];
  press(maybe.checked || yes.checked ? maybe : yes);
}

// The enlarged view. It is a step of the browser's history, so that Back closes it.

let shown = 0;
let zoom = 1;

function open(event) {
  const link = event.target.closest(".enlarge");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  enlarge(tiles.indexOf(link.closest(".tile")));
}

function enlarge(index) {
  history.scrollRestoration = "manual";
  history.pushState({ large: index }, "");
  show(index);
}

function show(index) {
  const tile = tiles[index];
  if (!tile) return;
  shown = index;
  stage.dataset.photograph = tile.dataset.photograph;
  stage.querySelector(".retry")?.remove();
  const link = tile.querySelector(".enlarge");
  picture.src = link.href;
  picture.alt = tile.querySelector("img").alt;
  zoomTo(1);
  for (const pick of picks) pick.checked = boxOf(tile, pick.dataset.pick).checked;
  for (const button of large.querySelectorAll("[data-step]")) button.disabled = !tiles[index + Number(button.dataset.step)];
  if (large.open) return;
  large.showModal();
  picks[0].focus();
}

function step(by) {
  if (!tiles[shown + by]) return;
  history.replaceState({ large: shown + by }, "");
  show(shown + by);
}

function hide() {
  delete stage.dataset.photograph;
  picture.removeAttribute("src");
  boxOf(tiles[shown]).focus();
  if (history.state?.large !== undefined) history.back();
}

addEventListener("popstate", ({ state }) => {
  if (state?.large !== undefined) return show(state.large);
  if (large.open) large.close();
  history.scrollRestoration = "auto";
});

// Keep the point of the photograph at (x, y) of the stage where it is.
function zoomTo(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const size = Math.min(LARGEST, Math.max(1, factor));
  const [left, top] = [(stage.scrollLeft + x) * size / zoom - x, (stage.scrollTop + y) * size / zoom - y];
  picture.style.width = picture.style.height = `${size * 100}%`;
  zoom = size;
  stage.scrollTo(left, top);
}

function zoomAt(factor, { clientX, clientY }) {
  const { left, top } = stage.getBoundingClientRect();
  zoomTo(factor, clientX - left, clientY - top);
}

const points = new Map();

function move(event) {
  const last = points.get(event.pointerId);
  if (!last) return;
  const other = [...points.values()].find(({ pointerId }) => pointerId !== event.pointerId);
  const far = (point) => Math.hypot(point.clientX - other.clientX, point.clientY - other.clientY);
  if (other) zoomAt(zoom * far(event) / (far(last) || 1), other);
  else stage.scrollBy(last.clientX - event.clientX, last.clientY - event.clientY);
  points.set(event.pointerId, Object.assign(event, { fromX: last.fromX }));
}

function lift(event) {
  const way = event.clientX - points.get(event.pointerId)?.fromX;
  if (points.size === 1 && zoom === 1 && event.type === "pointerup" && Math.abs(way) > SWIPE) step(-Math.sign(way));
  points.delete(event.pointerId);
}

stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  points.set(event.pointerId, Object.assign(event, { fromX: event.clientX }));
});
stage.addEventListener("pointermove", move);
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);
stage.addEventListener("dragstart", (event) => event.preventDefault());
stage.addEventListener("dblclick", (event) => zoomAt(zoom > 1 ? 1 : 2.5, event));
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(zoom * Math.exp(-event.deltaY / 300), event);
}, { passive: false });

large.addEventListener("click", ({ target }) => {
  const { step: by, zoom: factor, close } = target.dataset;
  if (by) step(Number(by));
  if (factor) zoomTo(zoom * factor);
  if (close !== undefined) large.close();
});
large.addEventListener("change", ({ target }) => {
  const box = boxOf(tiles[shown], target.dataset.pick);
  if (box && box.checked !== target.checked) press(box);
  for (const pick of picks) pick.checked = boxOf(tiles[shown], pick.dataset.pick).checked;
});
large.addEventListener("close", hide);

// Keys

function attempt(step) {
  try {
    return step();
  } catch {
    return null; // storage is refused in some frames
  }
}

const letters = keys.querySelector("[data-letters]");
letters.checked = !attempt(() => localStorage.getItem(SHORTCUTS));
letters.addEventListener("change", () => attempt(() => localStorage.setItem(SHORTCUTS, letters.checked ? "" : "yes")));
keys.addEventListener("click", ({ target }) => "close" in target.dataset && keys.close());
const toKeys = document.querySelector("[data-to-keys]");
toKeys.hidden = false;
toKeys.addEventListener("click", () => keys.showModal());

function go(tile, by) {
  const next = tiles[tiles.indexOf(tile) + by];
  boxOf(next ?? tile).focus({ preventScroll: true });
  (next ?? tile).scrollIntoView({ block: "nearest" });
}

function act(event) {
  const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (ctrlKey || metaKey || altKey || target.matches("textarea, select, input:not([type=checkbox])")) return;
  const tile = target.closest(".tile");
  const columns = tiles.filter(({ offsetTop }) => offsetTop === tiles[0].offsetTop).length;
  const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const sideways = { ArrowLeft: -1, ArrowRight: 1 };
  const open = form.querySelector("dialog[open]");
  const acts = {
    z: () => (open ? open === large && large.close() : tile && enlarge(tiles.indexOf(tile))),
    m: () => tile && maybes.length && press(boxOf(tile, "maybe")),
    "?": () => (open ? open === keys && keys.close() : keys.showModal()),
    "+": () => open === large && zoomTo(zoom * 2),
    "-": () => open === large && zoomTo(zoom / 2),
    " ": () => press(boxOf(tile)),
  };
  let deed = letters.checked && key !== " " && acts[key];
  if (key in ways && tile && !shiftKey) deed = () => go(tile, ways[key]);
  if (key in sideways && open === large) deed = () => step(sideways[key]);
  if (key === " " && target.matches(".enlarge")) deed = acts[key];
  if (!deed) return;
  event.preventDefault();
  deed();
}

document.addEventListener("keydown", act);
form.addEventListener("click", open);
form.addEventListener("click", cycle);
form.addEventListener("change", ({ target }) => {
  exclude(target);
  setNone(false);
  count();
});
watch(form);
askBefore(none);
keepSelection(form);
count();
submitByScript(form);
if (history.state?.large !== undefined) show(history.state.large);
