// A class page by keyboard: one key is a verdict, which is shown at once and kept until the site has stored it
// (outbox.js). Without this script the page is a form with a button.
// Every text for people comes from the page, in the data attributes of the form.

import { add, listen, settled, waiting } from "./outbox.js";
import { about, explain } from "./about.js";
import { chooseReason, chooseMistake, nameLabel } from "./dialogs.js";

const VERDICTS = { c: "correct", x: "wrong", w: "wrong", u: "unclear", d: "dontknow" };
const MOST_STEPS = 500;
const IMAGES_AHEAD = 4;

const form = document.querySelector("[data-review]");
const address = form.dataset.say;
const isReadOnly = form.dataset.closed !== undefined;
const asksWhy = form.dataset.stage === "mistakes";
const status = document.querySelector("[data-status]");
const done = document.querySelector("[data-done]");
const counter = document.querySelector("[data-counter]");
const images = [...form.querySelectorAll("[data-image]")].map((card) => ({ id: card.dataset.image, card, items: [] }));
const items = images.flatMap((image) => {
  image.items = [...image.card.querySelectorAll("[data-item]")].map((row) => ({ id: row.dataset.item, row, image, radios: [...row.querySelectorAll("input[type=radio]")], ...judged(row) }));
  return image.items;
});
const itemById = new Map(items.map((item) => [item.id, item]));
const imageById = new Map(images.map((image) => [image.id, image]));
const undoKey = `review undo ${form.dataset.person} ${form.dataset.page}`;
let steps = attempt(() => JSON.parse(sessionStorage.getItem(undoKey))) ?? [];
let current = null;

function attempt(step) {
  try {
    return step();
  } catch {
    return null;
  }
}

// What the site says, whatever the browser has filled in again on the way back to the page.
function judged(row) {
  const { verdict = "unreviewed", category = "", severity = "" } = row.dataset;
  return { verdict, category, severity, stored: { verdict, category, severity }, n: 0 };
}

// What is seen

function paint(item) {
  for (const radio of item.radios) radio.checked = radio.value === item.verdict;
  item.row.dataset.verdict = item.verdict;
  item.row.toggleAttribute("data-waiting", item.n > 0);
  const why = item.row.querySelector("[data-why]");
  if (why) why.textContent = item.category && `${item.category}, ${item.severity}`;
}

function count() {
  const n = items.filter(({ verdict }) => verdict !== "unreviewed").length;
  const text = counter.dataset.text.replace("{n}", n).replace("{total}", items.length);
  if (counter.textContent !== text) counter.textContent = text;
  counter.parentElement.querySelector("progress").value = n;
  done.hidden = n < items.length;
}

function say(text) {
  status.textContent = text ?? "";
}

const isOpen = ({ verdict }) => verdict === "unreviewed";

function inView({ row, image }) {
  const { top, bottom } = row.getBoundingClientRect();
  return bottom > coveredBy(image) && top < innerHeight - barHeight();
}

// Where the image stands above its labels, it stays in view and covers what scrolls below it.
function coveredBy({ card }) {
  const photo = card.firstElementChild;
  return photo.offsetWidth > 0.8 * card.offsetWidth ? photo.offsetHeight : 0;
}

const barHeight = () => document.querySelector("[data-bar]").offsetHeight;

// Make an item the one that keys mean: marked, focused, and in view with its image.
function go(item, focuses = true) {
  if (current && current !== item) current.row.removeAttribute("aria-current");
  current = item;
  if (!item) return;
  item.row.setAttribute("aria-current", "true");
  about(item.row.dataset.label);
  if (!focuses) return;
  item.row.focus({ preventScroll: true });
  bringIntoView(item);
  fetchAhead(item.image);
}

function bringIntoView({ row, image }) {
  const room = innerHeight - barHeight();
  const cover = coveredBy(image);
  const card = image.card.getBoundingClientRect();
  const { top, bottom } = row.getBoundingClientRect();
  // The image too, where the window has room for it.
  const picture = image.card.querySelector("img")?.getBoundingClientRect() ?? card;
  const isWhole = picture.bottom <= room || picture.height + 8 > room;
  if (card.top >= 0 ? bottom <= room && isWhole : cover && top >= cover && bottom <= room) return;
  // The card from its top on if that keeps the item in view; else as much of it as does.
  scrollBy({ top: bottom - card.top + 8 <= room ? card.top - 8 : bottom - room + 8, behavior: "instant" });
  const after = row.getBoundingClientRect().top;
  if (after < cover) scrollBy({ top: after - cover - 8, behavior: "instant" });
}

function fetchAhead(image) {
  const from = images.indexOf(image);
  for (const { card } of images.slice(from, from + IMAGES_AHEAD)) {
    const picture = card.querySelector("img[loading=lazy]");
    if (picture) picture.loading = "eager";
  }
}

// What is pressed

function press(item, { verdict, category = "", severity = "" }, isUndo = false) {
  const before = { verdict: item.verdict, category: item.category, severity: item.severity };
  const isSame = item.verdict === verdict && item.category === category && item.severity === severity;
  Object.assign(item, { verdict, category, severity });
  item.n += 1;
  paint(item);
  count();
  if (!isSame) remember({ kind: "verdict", id: item.id, before, isUndo });
  // Also a verdict that is here already: another device may have changed it since.
  add({ address, kind: "verdict", item: item.id, verdict, category, severity });
}

function remember(step) {
  if (step.isUndo) return;
  steps = [...steps.slice(-MOST_STEPS), step];
  attempt(() => sessionStorage.setItem(undoKey, JSON.stringify(steps)));
}

async function judge(verdict) {
  const item = current;
  if (!item) return say(done.hidden ? form.dataset.none : form.dataset.complete);
  if (!inView(item)) {
    // Nobody judges what is not there to be seen.
    go(item);
    return say(form.dataset.outOfView);
  }
  let why = {};
  if (asksWhy && verdict === "wrong") {
    why = await chooseMistake(item);
    if (!why) return go(item);
  }
  press(item, { verdict, ...why });
  say(`${item.row.dataset.words}: ${item.row.querySelector(`[value=${verdict}] + span`).textContent}`);
  goOn(item);
}

function goOn(item) {
  const from = items.indexOf(item);
  const next = items.slice(from + 1).find(isOpen) ?? items.find(isOpen);
  if (next) return go(next);
  // No key may hit an item by accident any more. The page stays where it is: somebody still looks at the last image.
  go(null);
  done.hidden = false;
  document.querySelector("[data-next]").focus({ preventScroll: true });
  say(form.dataset.complete);
}

function undo() {
  const step = steps.pop();
  if (!step) return say(form.dataset.nothingToUndo);
  attempt(() => sessionStorage.setItem(undoKey, JSON.stringify(steps)));
  if (step.kind === "verdict") {
    const item = itemById.get(step.id);
    press(item, step.before, true);
    go(item);
  } else {
    const image = imageById.get(step.id);
    if (step.kind === "problem") mark(image, step.before, true);
    else further(image, { ...step.label, isSet: !step.label.isSet }, true);
    go(image.items.find((item) => item === current) ?? image.items[0]);
  }
  say(form.dataset.undone);
}

// Problems and further labels of an image

const choiceOf = (image) => image.card.querySelector("[data-problem]");

function mark(image, reason, isUndo = false) {
  const choice = choiceOf(image);
  const before = choice.dataset.reason;
  if (reason === before) return;
  choice.value = choice.dataset.reason = reason;
  image.card.toggleAttribute("data-problematic", reason !== "");
  remember({ kind: "problem", id: image.id, before, isUndo });
  add({ address, kind: "problem", image: image.id, reason: reason || before, isSet: reason !== "" });
}

function further(image, label, isUndo = false) {
  const list = image.card.querySelector("[data-further]");
  const same = [...list.children].find((entry) => entry.dataset.index === String(label.index ?? "") && entry.dataset.words === label.words);
  if (Boolean(same) === label.isSet) return;
  if (same) same.remove();
  else list.append(entryOf(label));
  remember({ kind: "label", id: image.id, label, isUndo });
  add({ address, kind: "label", image: image.id, index: label.index ?? null, words: label.words, isSet: label.isSet });
}

function entryOf({ index, words }) {
  const entry = document.querySelector("[data-further-entry]").content.firstElementChild.cloneNode(true);
  entry.dataset.index = index ?? "";
  entry.dataset.words = words;
  entry.querySelector("[data-name]").textContent = words;
  const button = entry.querySelector("button");
  button.setAttribute("aria-label", button.dataset.text.replace("{words}", words));
  return entry;
}

const imageOf = (node) => imageById.get(node.closest("[data-image]").dataset.image);
const currentImage = () => (current ?? items[0])?.image;

async function askForReason(image) {
  const item = current;
  const reason = await chooseReason(choiceOf(image));
  if (reason !== null) mark(image, reason);
  go(item ?? image.items[0]);
}

async function askForLabel(image) {
  const item = current;
  const label = await nameLabel();
  if (label) further(image, { ...label, isSet: true });
  go(item ?? image.items[0]);
}

// What becomes of it

listen({
  // Pressed in another tab.
  added(row) {
    if (row.address !== address) return;
    show(row);
    count();
  },
  stored(row, answer) {
    if (row.address !== address || row.kind !== "verdict") return;
    const item = itemById.get(row.item);
    if (!item) return;
    item.n = Math.max(0, item.n - 1);
    item.stored = { verdict: answer?.verdict ?? row.verdict, category: row.category, severity: row.severity };
    if (answer?.isLate && !item.n) {
      Object.assign(item, item.stored);
      say(form.dataset.late.replace("{words}", item.row.dataset.words));
      count();
    }
    paint(item);
  },
  refused(row, answer) {
    const problem = document.querySelector("[data-refused]");
    problem.hidden = false;
    problem.textContent = problem.dataset.text.replace("{message}", answer.message);
    if (row.address !== address || row.kind !== "verdict") return;
    const item = itemById.get(row.item);
    if (!item) return;
    item.n = Math.max(0, item.n - 1);
    if (!item.n) Object.assign(item, item.stored);
    paint(item);
    count();
  },
});

function show(row) {
  if (row.kind === "verdict") {
    const item = itemById.get(row.item);
    if (!item) return;
    Object.assign(item, { verdict: row.verdict, category: row.category, severity: row.severity });
    item.n += 1;
    paint(item);
  } else if (imageById.has(row.image)) {
    const image = imageById.get(row.image);
    if (row.kind === "problem") {
      const choice = choiceOf(image);
      choice.value = choice.dataset.reason = row.isSet ? row.reason : "";
      image.card.toggleAttribute("data-problematic", row.isSet);
    } else {
      const list = image.card.querySelector("[data-further]");
      const same = [...list.children].find((entry) => entry.dataset.index === String(row.index ?? "") && entry.dataset.words === row.words);
      if (same && !row.isSet) same.remove();
      if (!same && row.isSet) list.append(entryOf(row));
    }
  }
}

// Keys and pointers

function move(step) {
  const from = current ? items.indexOf(current) : step > 0 ? -1 : items.length;
  go(items[Math.min(Math.max(from + step, 0), items.length - 1)]);
}

function moveImage(step) {
  const from = current ? images.indexOf(current.image) : step > 0 ? -1 : images.length;
  const image = images[Math.min(Math.max(from + step, 0), images.length - 1)];
  go(image.items.find(isOpen) ?? image.items[0]);
}

async function nextPage() {
  const link = document.querySelector("[data-next]");
  say(form.dataset.leaving);
  if (await settled()) location.assign(link.href);
  else say(form.dataset.notStored);
}

const KEYS = {
  arrowdown: () => move(1),
  arrowup: () => move(-1),
  arrowright: () => moveImage(1),
  arrowleft: () => moveImage(-1),
};
const COMMANDS = {
  z: undo,
  backspace: undo,
  p: () => currentImage() && askForReason(currentImage()),
  l: () => currentImage() && askForLabel(currentImage()),
  g: () => explain((current ?? items[0])?.row.dataset.label),
  "/": () => document.querySelector("[data-search]")?.focus(),
  n: nextPage,
  "?": () => document.querySelector("[data-help]").showModal(),
};

// The letter of a key, also on keyboards of other scripts.
function letter({ key, code }) {
  const isForeign = key.length === 1 && key.charCodeAt(0) > 127;
  return isForeign && /^Key[A-Z]$/.test(code) ? code[3].toLowerCase() : key.toLowerCase();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=radio]), textarea, select, summary, [contenteditable]")) return event.key === "Escape" && current && go(current);
  const key = letter(event);
  const act = KEYS[key] ?? COMMANDS[key] ?? (VERDICTS[key] && (() => judge(VERDICTS[key])));
  if (!act || (isReadOnly && !KEYS[key] && !["g", "/", "n", "?"].includes(key))) return;
  // A link or button keeps the keys that are its own; none of ours is.
  event.preventDefault();
  // A key that is held down is pressed once; only arrows go on.
  if (event.repeat && !KEYS[key]) return;
  act();
});

form.addEventListener("focusin", ({ target }) => {
  const row = target.closest("[data-item]");
  if (row && row !== current?.row) go(itemById.get(row.dataset.item), false);
});
form.addEventListener("click", (event) => {
  const { target } = event;
  const row = target.closest("[data-item]");
  if (row && !target.closest("a, input, label, button")) go(itemById.get(row.dataset.item));
  const link = target.closest("[data-about-link]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    explain(row.dataset.label);
  }
  const adder = target.closest("[data-add-label]");
  if (adder) askForLabel(imageOf(adder));
  const gone = target.closest("[data-remove-label]");
  if (gone) {
    const { index, words } = gone.closest("li").dataset;
    further(imageOf(gone), { index: index === "" ? null : Number(index), words, isSet: false });
  }
});
form.addEventListener("change", async ({ target }) => {
  if (target.matches("[data-problem]")) return mark(imageOf(target), target.value);
  if (target.type !== "radio") return;
  const item = itemById.get(target.closest("[data-item]").dataset.item);
  const verdict = target.value;
  if (asksWhy && verdict === "wrong") {
    const why = await chooseMistake(item);
    if (why) press(item, { verdict, ...why });
    else paint(item);
  } else press(item, { verdict });
});
// What was pressed is sent as it is pressed; Enter in a field sends no form.
form.addEventListener("submit", (event) => event.preventDefault());
document.querySelector("[data-next]")?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  nextPage();
});
for (const button of document.querySelectorAll("[data-press]")) {
  button.addEventListener("click", () => COMMANDS[button.dataset.press]());
}
form.addEventListener("error", ({ target }) => target.closest?.(".review-photo")?.setAttribute("data-missing", ""), true);
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// What waits since an earlier visit comes on top of what the site has stored.
for (const item of items) paint(item);
for (const row of waiting()) if (row.address === address) show(row);
for (const choice of form.querySelectorAll("[data-problem]")) choice.value = choice.dataset.reason;
form.setAttribute("data-scripts", "");
count();
if (!location.hash && !isReadOnly) {
  const first = items.find(isOpen);
  if (first) go(first);
}
