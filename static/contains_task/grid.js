import { fill, keepSelection, say, submitByScript } from "../workforce/submit.js";
import { askBefore, watch } from "../workforce/attention.js";

const SHORTCUTS = "shortcuts off";

const form = document.querySelector("[data-answer]");
const tiles = [...form.querySelectorAll(".tile")];
const boxes = [...form.querySelectorAll("input[name=selected]")];
const maybes = [...form.querySelectorAll("input[name=maybe]")];
const keys = form.querySelector("[data-keys]");
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

// The second half of a double click would take back the first.
function once(event) {
  if (event.detail === 2 && event.target.closest(".tile label")) event.preventDefault();
}

// A press on the photograph goes from no to yes, to maybe, and back.
function cycle(event) {
  const tile = event.target.matches(".three img") && event.target.closest(".tile");
  if (!tile || event.defaultPrevented) return;
  event.preventDefault();
  const [yes, maybe] = [boxOf(tile), boxOf(tile, "maybe")];
  (maybe.checked || yes.checked ? maybe : yes).click();
}

// The enlarged view is loaded when it is first wanted.

for (const link of form.querySelectorAll(".enlarge")) link.ariaLabel += `: ${link.parentNode.querySelector("img").alt}`;

// Browsers keep a failure to load a module, by its address.
let nFailures = 0;

function enlarge(tile, act = "enlarge") {
  if (!tile) return;
  const address = form.dataset.enlarge + (nFailures ? `?${nFailures}` : "");
  import(address).then((view) => view[act](tiles.indexOf(tile)), () => {
    nFailures++;
    say(form, form.dataset[navigator.onLine ? "retry" : "away"]);
  });
}

function open(event) {
  const link = event.target.closest(".enlarge");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  enlarge(link.closest(".tile"));
}

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
toKeys.disabled = false;
toKeys.addEventListener("click", () => keys.showModal());

function go(tile, by) {
  const next = tiles[tiles.indexOf(tile) + by] ?? tile;
  boxOf(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function act(event) {
  const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
  const isArrow = key.startsWith("Arrow");
  if (ctrlKey || metaKey || altKey || (event.repeat && !isArrow) || target.matches("textarea, select, input:not([type=checkbox])")) return;
  const tile = target.closest(".tile");
  const columns = tiles.filter(({ offsetTop }) => offsetTop === tiles[0].offsetTop).length;
  const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const letter = {
    z: tile && (() => enlarge(tile)),
    m: tile && maybes.length && (() => boxOf(tile, "maybe").click()),
    "?": !form.querySelector("[data-large][open]") && (() => (keys.open ? keys.close() : keys.showModal())),
  }[key];
  let deed = letters.checked && letter;
  if (isArrow && tile && !shiftKey) deed = () => go(tile, ways[key]);
  if (key === " " && target.matches(".enlarge")) deed = () => boxOf(tile).click();
  if (!deed) return;
  event.preventDefault();
  deed();
}

document.addEventListener("keydown", act);
form.addEventListener("click", once, true);
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
// A reload opens again what was open.
enlarge(tiles[history.state?.large], "show");
