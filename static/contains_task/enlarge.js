// The enlarged view of a grid's photographs, loaded when it is first wanted. It is a step of the browser's history, so
// that Back closes it.

const LARGEST = 8;
const DOUBLE_PRESS = 2.5;
const SWIPE = 60;
const PAN = 80;

const large = document.querySelector("[data-large]");
const tiles = [...document.querySelectorAll(".tile")];
const stage = large.querySelector(".stage");
const picks = [...large.querySelectorAll("[data-pick]")];
const where = large.querySelector("[data-where]");
const boxOf = (tile, name = "selected") => tile.querySelector(`[name=${name}]`);

let picture;
let shown = 0;
let zoom = 1;

export function enlarge(index) {
  history.scrollRestoration = "manual";
  history.pushState({ large: index }, "");
  show(index);
}

export function show(index) {
  const tile = tiles[index];
  if (!tile) return;
  shown = index;
  const { alt } = tile.querySelector("img");
  // Its own element and frame: the one before would stay painted until it has loaded, and is perhaps tried again later.
  picture = Object.assign(new Image(), { alt, src: tile.querySelector(".enlarge").href });
  const frame = document.createElement("span");
  frame.style.display = "contents";
  // Looking at it here is looking at it.
  frame.dataset.photograph = tile.dataset.photograph;
  frame.append(picture);
  stage.replaceChildren(frame);
  zoomTo(1);
  for (const pick of picks) {
    pick.checked = boxOf(tile, pick.dataset.pick).checked;
    pick.setAttribute("aria-label", `${pick.parentNode.textContent.trim()}: ${alt}`);
  }
  const focused = document.activeElement;
  for (const button of large.querySelectorAll("[data-step]")) button.disabled = !tiles[index + Number(button.dataset.step)];
  const isOpen = large.open;
  if (!isOpen) large.showModal();
  if (!isOpen || focused.disabled) picks[0].focus();
  where.textContent = alt;
}

function step(by) {
  if (!tiles[shown + by]) return;
  history.replaceState({ large: shown + by }, "");
  show(shown + by);
}

function hide() {
  stage.replaceChildren();
  boxOf(tiles[shown]).focus();
  if (history.state?.large !== undefined) history.back();
}

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

// Move the photograph under the view; at its border, go on to the next.
function pan(x, y) {
  const { scrollLeft } = stage;
  stage.scrollBy(x * PAN, y * PAN);
  if (x && stage.scrollLeft === scrollLeft) step(x);
}

// One finger or the mouse moves the photograph, or steps on if all of it is shown; two fingers zoom.

const points = new Map();

function press({ target, pointerId, clientX, clientY }) {
  if (target.closest("button")) return;
  stage.setPointerCapture(pointerId);
  points.set(pointerId, { clientX, clientY, from: clientX });
}

function move(event) {
  const { pointerId, clientX, clientY } = event;
  const last = points.get(pointerId);
  if (!last) return;
  const [, other] = [...points].find(([id]) => id !== pointerId) ?? [];
  const far = (point) => Math.hypot(point.clientX - other.clientX, point.clientY - other.clientY);
  if (other) zoomAt(zoom * far(event) / (far(last) || 1), other);
  else stage.scrollBy(last.clientX - clientX, last.clientY - clientY);
  points.set(pointerId, { ...last, clientX, clientY, from: other ? NaN : last.from });
}

function lift({ pointerId, clientX, type }) {
  const way = clientX - points.get(pointerId)?.from;
  if (points.size === 1 && zoom === 1 && type === "pointerup" && Math.abs(way) > SWIPE) step(-Math.sign(way));
  points.delete(pointerId);
}

function turn(event) {
  event.preventDefault();
  zoomAt(zoom * Math.exp(-event.deltaY / 300), event);
}

stage.addEventListener("pointerdown", press);
stage.addEventListener("pointermove", move);
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);
stage.addEventListener("dragstart", (event) => event.preventDefault());
stage.addEventListener("dblclick", (event) => zoomAt(zoom > 1 ? 1 : DOUBLE_PRESS, event));
stage.addEventListener("wheel", turn, { passive: false });

large.addEventListener("click", ({ target }) => {
  const { step: by, zoom: factor, close } = target.dataset;
  if (by) step(Number(by));
  if (factor) zoomTo(zoom * factor);
  if (close !== undefined) large.close();
});
large.addEventListener("change", ({ target }) => {
  const box = boxOf(tiles[shown], target.dataset.pick);
  if (box.checked !== target.checked) box.click();
  for (const pick of picks) pick.checked = boxOf(tiles[shown], pick.dataset.pick).checked;
});
large.addEventListener("keydown", (event) => {
  const acts = {
    ArrowLeft: () => pan(-1, 0),
    ArrowRight: () => pan(1, 0),
    ArrowUp: () => pan(0, -1),
    ArrowDown: () => pan(0, 1),
    z: () => large.close(),
    "+": () => zoomTo(zoom * 2),
    "-": () => zoomTo(zoom / 2),
  };
  const { key, ctrlKey, metaKey, altKey } = event;
  const isLetter = key.length === 1 && !document.querySelector("[data-letters]").checked;
  if (!acts[key] || ctrlKey || metaKey || altKey || isLetter) return;
  event.preventDefault();
  event.stopPropagation();
  acts[key]();
});
large.addEventListener("close", hide);
addEventListener("popstate", ({ state }) => {
  if (state?.large !== undefined) return show(state.large);
  if (large.open) large.close();
  history.scrollRestoration = "auto";
});
