// Which photographs of a page of work loaded, how long each was in view, and what was selected when. The site stores it
// with the answer. Also what is asked before an answer is sent. Texts come from the page.

const TICK_MS = 100;
// As SHORTEST_LOOK_MS of the site.
export const SHORTEST_LOOK_MS = 100;
// People look at photographs for this long without moving.
const LONGEST_LOOK_MS = 60_000;
const LONGEST_RETRY_SECONDS = 30;
const MOST_RETRIES = 9;
const MOST_MARKS = 2000;
// The second half of a double click answers no question.
const GUARD_MS = 600;
// A question stays for as long as it takes to read it.
const SHORTEST_QUESTION_MS = 2000;
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchmove", "change"];

const photographs = new Map(); // by handle
const marks = [];
const inputs = new Set();
const checks = [];
const waived = new Set(); // not to be judged, as the person said
let form;
let inView = new Set();

// Time in which the page was hidden or untouched does not count as work. A reload goes on from the draft: pauses
// that no draft has count as work, an error in the worker's favour.
let pausedFor = 0;
let [openBefore, pausedBefore] = [0, 0]; // on earlier visits to this page
const sinceOpened = () => Math.round(openBefore + performance.now());
let lastSign = performance.now();

export function pausedMs() {
  const since = performance.now() - lastSign;
  return pausedFor + (document.hidden ? since : Math.max(0, since - LONGEST_LOOK_MS));
}

function noteSign() {
  const since = performance.now() - lastSign;
  pausedFor += Math.max(0, since - LONGEST_LOOK_MS);
  lastSign += since;
}

for (const sign of SIGNS) addEventListener(sign, noteSign, { passive: true, capture: true });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return noteSign();
  pausedFor += performance.now() - lastSign;
  lastSign = performance.now();
});

addEventListener("pointerdown", ({ pointerType }) => pointerType && inputs.add(pointerType), true);
addEventListener("keydown", () => inputs.add("keyboard"), true);

// Watch the photographs of a form: the image in each [data-photograph]. Its value is the handle, or that of its checkbox.
export function watch(watched) {
  form = watched;
  // What did not load is known here.
  for (const box of form.querySelectorAll("[name=unloaded]")) box.closest("label").hidden = true;
  checks.push(missing);
  for (const image of images(form)) {
    frameOf(image).dataset.photograph ||= frameOf(image).querySelector("[name=selected]").value;
    recordOf(image);
    outer.observe(image);
  }
  form.addEventListener("load", ({ target }) => settle(target), true);
  form.addEventListener("error", ({ target }) => settle(target), true);
  form.addEventListener("focusin", ({ target }) => requestAnimationFrame(() => setTimeout(glance, 0, target)));
  form.addEventListener("change", mark);
  form.addEventListener("submit", askFirst);
  form.addEventListener("refused", forget);
  addEventListener("online", () => images(form).filter(isBroken).forEach(retryAnew));
  setInterval(look, TICK_MS);
}

const images = (place) => [...place.querySelectorAll("[data-photograph] img")];
const frameOf = (image) => image.closest("[data-photograph]");
const isLoaded = (image) => image.complete && image.naturalWidth > 0;
const isBroken = (image) => image.complete && !image.naturalWidth && image.hasAttribute("src");

function recordOf(image) {
  const handle = frameOf(image).dataset.photograph;
  if (!photographs.has(handle)) photographs.set(handle, { loaded: 0, seenMs: 0, tries: 0 });
  return photographs.get(handle);
}

// Loading, and loading again

function settle(image) {
  if (image.tagName !== "IMG" || !frameOf(image)) return;
  const record = recordOf(image);
  if (isLoaded(image)) {
    record.loaded = 1;
    const button = frameOf(image).querySelector(".retry");
    if (button?.matches(":focus")) frameOf(image).querySelector("input, a")?.focus();
    button?.remove();
  } else if (isBroken(image) && !record.timer) {
    record.isMet = true; // also while it is tried again
    offerRetry(image);
    if (record.tries >= MOST_RETRIES) return;
    const seconds = Math.min(2 ** record.tries++, LONGEST_RETRY_SECONDS);
    record.timer = setTimeout(retry, seconds * 1000, image);
  }
}

function retryAnew(image) {
  recordOf(image).tries = 0;
  retry(image);
}

function retry(image) {
  const record = recordOf(image);
  clearTimeout(record.timer);
  record.timer = 0;
  image.src = image.getAttribute("src");
}

function offerRetry(image) {
  const place = frameOf(image);
  if (place.querySelector(".retry")) return;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "retry", textContent: form.dataset.retry });
  button.setAttribute("aria-label", `${image.alt}: ${form.dataset.retry}`);
  button.addEventListener("click", () => retryAnew(image));
  place.append(button);
}

// Looking

// Parts of this page outside the visible part of a page around it. Its changes alone are reported, hence the steps.
const outer = new IntersectionObserver(
  (entries) => entries.forEach(({ target, intersectionRect: { width, height } }) => areas.set(target, width * height)),
  { threshold: Array.from({ length: 21 }, (_, step) => step / 20) },
);
const areas = new WeakMap();

// Half of the photograph lies in the visible part of the page, or fills half of that part.
function isInView(image, view) {
  const box = image.getBoundingClientRect();
  const width = Math.min(box.right, view.right) - Math.max(box.left, view.left);
  const height = Math.min(box.bottom, view.bottom) - Math.max(box.top, view.top);
  const enough = Math.min(box.width * box.height, (view.right - view.left) * (view.bottom - view.top)) / 2;
  return width > 0 && height > 0 && Math.min(width * height, areas.get(image) ?? Infinity) >= enough;
}

// The visible part of the page, also of one enlarged by two fingers: above the bar.
function visiblePart() {
  const { offsetLeft: left, offsetTop: top, width, height } = visualViewport;
  const bar = form.querySelector(".bar").getBoundingClientRect().top;
  return { left, top, right: left + width, bottom: Math.min(top + height, Math.max(bar, 0)) };
}

let lastLook = performance.now();

function look() {
  const passed = Math.min(performance.now() - lastLook, 3 * TICK_MS);
  lastLook = performance.now();
  const before = inView;
  inView = new Set();
  if (document.hidden) return;
  const dialog = document.querySelector("dialog[open]");
  const view = dialog ? { left: 0, top: 0, right: innerWidth, bottom: innerHeight } : visiblePart();
  for (const image of images(dialog ?? form)) {
    if (!isInView(image, view)) continue;
    const record = recordOf(image);
    record.isMet = true;
    settle(image);
    if (!isLoaded(image)) continue;
    inView.add(image);
    if (before.has(image)) see(image, record.seenMs + passed);
  }
  if (asked?.check !== missing || performance.now() - askedAt < SHORTEST_QUESTION_MS || missing()) return;
  closeQuestion();
  rest(submitButton());
}

// Who goes through the page by keyboard has seen each photograph whose checkbox was focused.
function glance(target) {
  const image = target.closest?.("[data-photograph]")?.querySelector("img");
  if (image && isInView(image, visiblePart())) count(image);
}

function count(image) {
  if (!isLoaded(image)) return;
  recordOf(image).loaded = 1;
  see(image, Math.max(recordOf(image).seenMs, SHORTEST_LOOK_MS));
}

function see(image, ms) {
  recordOf(image).seenMs = ms;
  if (ms >= SHORTEST_LOOK_MS) frameOf(image).dataset.seen = "";
}

function mark({ target }) {
  const { name, value, checked, type } = target;
  const states = { selected: 1, maybe: 2 };
  const image = checked && target.closest("[data-photograph]")?.querySelector("img");
  if (image) count(image);
  forget();
  const since = sinceOpened();
  if (marks.length >= MOST_MARKS) return;
  if (name in states) marks.push([since, value, checked ? states[name] : 0]);
  if (name === "main" && type === "radio") marks.push([since, "main", value]);
}

// Return what the page knows of itself, for the site.
export function facts() {
  const openMs = sinceOpened();
  return {
    photographs: Object.fromEntries(
      [...photographs].map(([handle, { loaded, seenMs }]) => [handle, [loaded, waived.has(handle) ? 0 : Math.round(seenMs)]]),
    ),
    marks,
    page: {
      active_ms: Math.max(0, Math.round(openMs - pausedBefore - pausedMs())),
      open_ms: openMs,
      input: [...inputs],
      viewport: [innerWidth, innerHeight, devicePixelRatio],
    },
  };
}

// Go on from the facts of an earlier visit to the same page.
export function resume({ photographs: looks, marks: earlier, page }) {
  for (const [handle, [loaded, seenMs]] of Object.entries(looks ?? {})) {
    const record = photographs.get(handle);
    if (!record) continue;
    record.loaded ||= loaded;
    see(form.querySelector(`[data-photograph="${handle}"] img`), Math.max(record.seenMs, seenMs));
  }
  if (openBefore) return;
  marks.unshift(...(earlier ?? []));
  const { open_ms: openMs = 0, active_ms: activeMs = 0, input = [] } = page ?? {};
  openBefore += openMs;
  // The working time begins anew when a lease is renewed, so these are no pauses of it.
  pausedBefore += Math.max(0, openMs - activeMs);
  input.forEach((kind) => inputs.add(kind));
}

// Questions before an answer is sent

// Ask before the form is sent: `check` returns null, or a question { text, yes, no, confirm, place }.
export function askBefore(check) {
  checks.push(check);
}

const confirmed = new Set();

function forget() {
  confirmed.clear();
  waived.clear();
}

const submitButton = () => form.querySelector(".bar button[type=submit]");
let asked = null;
let askedAt = 0;

function askFirst(event) {
  const isEnter = event.submitter?.formMethod === "dialog";
  const check = !isEnter && checks.find((each) => !confirmed.has(each) && each());
  if (!isEnter && !check) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (check) openQuestion(check);
}

function openQuestion(check) {
  const bar = form.querySelector(".bar");
  const question = form.querySelector("[data-question]");
  asked = { check, ...check() };
  const { text, yes, no, place = question } = asked;
  const [confirm, back] = question.querySelectorAll("button");
  guard();
  bar.classList.add("asking");
  question.hidden = false;
  question.querySelector("[data-asked]").textContent = text;
  confirm.textContent = yes;
  back.textContent = no;
  confirm.onclick = () => answerQuestion(true);
  back.onclick = () => answerQuestion(false, place);
  question.onkeydown = ({ key }) => {
    if (key === "Escape") closeQuestion(true);
  };
  form.addEventListener("change", () => closeQuestion(), { once: true });
  lead(place);
}

// What was pressed before the screen shows a question answers none, nor does what comes just after.
export function guard() {
  askedAt = Infinity;
  requestAnimationFrame(() => setTimeout(() => (askedAt = performance.now())));
}

export const isGuarded = () => performance.now() - askedAt < GUARD_MS;

function lead(place) {
  const target = place.matches("[tabindex]") ? place : place.querySelector(".retry") ?? place.querySelector("input, a, button");
  target?.focus({ preventScroll: true });
  place.scrollIntoView({ block: place.closest(".bar") ? "nearest" : "center" });
}

function answerQuestion(isConfirmed, place) {
  if (!asked || isGuarded()) return;
  const { check, confirm } = asked;
  closeQuestion(!isConfirmed);
  if (!isConfirmed) return place.closest(".bar") || lead(place);
  confirmed.add(check);
  confirm?.();
  form.requestSubmit(submitButton());
}

function closeQuestion(isFocusKept) {
  if (!asked) return;
  asked = null;
  form.querySelector("[data-question]").hidden = true;
  form.querySelector(".bar").classList.remove("asking");
  if (isFocusKept) submitButton().focus({ preventScroll: true });
}

// What has just changed under a finger takes no press.
export function rest(button) {
  button.disabled = true;
  setTimeout(() => {
    button.disabled = false;
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
  }, GUARD_MS);
}

// Photographs that the person could not judge, as a question.
function missing() {
  const tiles = images(form).filter((image) => !image.closest("dialog"));
  const unloaded = tiles.filter((image) => !recordOf(image).loaded && (recordOf(image).isMet || isBroken(image)));
  const unseen = tiles.filter((image) => !unloaded.includes(image) && recordOf(image).seenMs < SHORTEST_LOOK_MS);
  if (!unloaded.length && !unseen.length) return null;
  unloaded.forEach(offerRetry);
  const { unloaded: unloadedText, unseen: unseenText, anyway, look: no } = form.dataset;
  const text = [numbered(unloadedText, unloaded.length), numbered(unseenText, unseen.length)].filter(Boolean).join(" ");
  const confirm = () => [...unloaded, ...unseen].forEach((image) => waived.add(frameOf(image).dataset.photograph));
  return { text, yes: anyway, no, confirm, place: frameOf(unloaded[0] ?? unseen[0]) };
}

// Put a number into a text that has a form for one and a form for several.
function numbered(text, n) {
  return n && text.split("|")[n > 1 ? 1 : 0].replace("{n}", n);
}
