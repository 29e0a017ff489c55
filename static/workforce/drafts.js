// The draft of an answer: kept on the site, so that a reload, another tab or another device goes on with it, and in this
// tab while the site cannot be reached. A draft is no answer. If two tabs differ, the person says which one to keep.

import { facts, guard, isGuarded, resume } from "./attention.js";

const FIELDS = ["selected", "maybe", "main", "report_kind", "report_words"];
const PAUSE_MS = 1500;
const LONGEST_PAUSE_MS = 60_000;
const LONGEST_REPLY_MS = 20_000;
// Of a draft without its token: the site takes no more, nor does a request that outlives its page.
const MOST_CHARACTERS = 31_000;

export let version = 0; // of the site's draft from which this page goes on
let saved; // what that draft says
let savedLooks = "";
let sentLooks = "";
const unanswered = new Set(); // sent, and maybe saved
let form;
let other; // a draft that says something else, while the person has not chosen
let timer;
let pause = PAUSE_MS;
let isSaving = false;
let isHeld = false;
let isOver = false;

// What the person filled in.
function content() {
  const data = new FormData(form);
  return Object.fromEntries(FIELDS.map((name) => [name, data.getAll(name).filter(Boolean)]));
}

const words = (draft) => JSON.stringify(FIELDS.map((name) => [draft[name] ?? []].flat()));
const own = () => words(content());

function whole() {
  const draft = { ...content(), ...facts() };
  while (JSON.stringify(draft).length > MOST_CHARACTERS && draft.marks.length) draft.marks = draft.marks.slice(0, draft.marks.length / 2);
  return draft;
}

// Go on from an earlier visit, and keep the selection from now on.
export function keepSelection(kept) {
  form = kept;
  const stored = attempt(() => JSON.parse(form.dataset.draft));
  const local = attempt(() => JSON.parse(sessionStorage.getItem(storageKey())));
  for (const text of local?.sent ?? []) unanswered.add(text);
  saved = words(stored?.content ?? {});
  version = stored?.version ?? 0;
  for (const type of ["change", "input"]) document.addEventListener(type, ({ target }) => target.form === form && noteChange());
  form.addEventListener("submitted", end);
  document.addEventListener("visibilitychange", () => document.hidden && save(true));
  addEventListener("pagehide", () => save(true));
  addEventListener("online", () => later(0));
  for (const type of ["online", "offline"]) addEventListener(type, showOffline);
  showOffline();
  const fields = [...form.elements].filter(({ name }) => FIELDS.includes(name));
  // The site asks again, without scripts: that selection is the newest.
  if (fields.some((field) => field.defaultChecked)) {
    if (stored && own() !== saved) choose(stored, form.dataset.begun);
    return noteChange();
  }
  // Selected before this script ran: that is newer than any draft.
  const early = fields.filter((field) => field.checked);
  begin(stored, local);
  early.filter((field) => !field.checked).forEach((field) => field.click());
}

function begin(stored, local) {
  const isNewer = local && (!stored || local.isUnsaved && (local.version >= version || unanswered.has(saved)));
  // In a marketplace's frame anybody may have opened the page in the person's name: ask, unless this tab saved the draft.
  const isForeign = stored && form.dataset.handOver && words(local?.content ?? {}) !== saved;
  if (isNewer) apply(local.content);
  else if (local && stored && (isForeign || local.isUnsaved) && words(local.content) !== saved) {
    apply(local.content);
    choose(stored);
  } else if (isForeign && saved !== words({})) choose(stored, form.dataset.begun);
  else if (stored) apply(stored.content);
  if (own() !== saved) noteChange();
}

function noteChange() {
  remember();
  if (own() !== saved) later();
}

function later(ms = pause) {
  if (!ms) clearTimeout(timer);
  if (!ms || !timer) timer = setTimeout(save, ms, false);
}

// Put a draft's selection into the page, and what the page knew of its photographs.
function apply(draft) {
  for (const field of form.elements) {
    if (!FIELDS.includes(field.name)) continue;
    const values = [draft[field.name] ?? []].flat();
    if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
    else field.value = values[0] ?? "";
  }
  attempt(() => resume(draft));
  form.dispatchEvent(new Event("change"));
}

// Save the draft; as the page is left, also what it knows of its photographs.
async function save(isLast) {
  clearTimeout(timer);
  timer = 0;
  remember();
  const draft = whole();
  const [text, looks] = [words(draft), JSON.stringify(draft.photographs)];
  if (isOver || other || (!isLast && (isHeld || isSaving)) || (text === saved && (!isLast || looks === savedLooks))) return;
  if (isSaving && unanswered.has(text) && looks === sentLooks) return;
  isSaving = true;
  unanswered.add(text);
  remember();
  sentLooks = looks;
  try {
    const response = await fetch(location.href, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: form.elements.token.value, draft: version, ...draft }),
      keepalive: isLast,
      signal: AbortSignal.timeout?.(LONGEST_REPLY_MS),
    });
    if (response.status === 429 || response.status >= 500) throw new Error(`status ${response.status}`);
    const body = await response.json();
    pause = PAUSE_MS;
    if (body.version) {
      [version, saved, savedLooks] = [body.version, text, looks];
      unanswered.clear();
    } else if (body.draft) meet(body.draft);
    else refuse(response.status, body);
  } catch {
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
  isSaving = false;
  if (!isOver) noteChange();
}

function refuse(status, body) {
  isOver = true;
  if (status === 409) form.dispatchEvent(new CustomEvent("refused", { detail: body }));
}

// Return whether this page goes on from a draft of the site's. One that says something else is never overwritten: an
// untouched page takes it, and otherwise the person chooses.
export function meet(draft) {
  const theirs = words(draft.content);
  if ([own(), saved, ...unanswered].includes(theirs)) {
    goOnFrom(draft);
    return true;
  }
  if (own() === saved && !form.dataset.handOver) {
    take(draft);
    form.querySelector("[data-note]").textContent = form.dataset.changed;
  } else choose(draft);
  return false;
}

function goOnFrom(draft) {
  [version, saved] = [draft.version, words(draft.content)];
  unanswered.clear();
}

function take(draft) {
  goOnFrom(draft);
  apply(draft.content);
}

function choose(draft, title = form.dataset.changed) {
  const dialog = document.querySelector("[data-which]");
  const [heading, takeIt, keepIt] = dialog.querySelectorAll("h2, button");
  guard();
  const decide = (act) => () => {
    if (isGuarded()) return;
    other = null;
    dialog.close();
    act(draft);
    later(0);
  };
  other = draft;
  heading.textContent = title;
  for (const [button, act, { selected = [], maybe = [] }] of [[takeIt, take, draft.content], [keepIt, goOnFrom, content()]]) {
    button.textContent = button.dataset.text.replace("{n}", selected.length + maybe.length);
    button.onclick = decide(act);
  }
  dialog.oncancel = (event) => event.preventDefault();
  dialog.onclose = () => other && dialog.showModal();
  if (!dialog.open) dialog.showModal();
  // No answer is ready to be pressed.
  heading.focus();
}

// While an answer is on its way, its draft is not saved.
export function hold(isOn) {
  isHeld = isOn;
  if (!isOn) noteChange();
}

// The answer is stored: show it, if it is not this page's.
export function end({ detail } = {}) {
  isOver = true;
  attempt(() => sessionStorage.removeItem(storageKey()));
  if (detail?.saved) apply(detail.saved);
}

// In this tab and for this lease only. A browser may refuse to store anything (in another site's frame).
function remember() {
  if (isOver) return;
  const kept = { version, content: whole(), isUnsaved: own() !== saved, sent: [...unanswered] };
  attempt(() => sessionStorage.setItem(storageKey(), JSON.stringify(kept)));
}

// A work token is the ids of lease and assignment, and a signature.
const storageKey = () => `draft ${form.elements.token.value.split(":")[0]}`;

function showOffline() {
  const banner = document.querySelector("[data-offline-banner]");
  banner.hidden = navigator.onLine;
  // A status is read out when its text changes.
  setTimeout(() => (banner.textContent = navigator.onLine ? "" : form.dataset.away), 100);
}

function attempt(step) {
  try {
    return step();
  } catch {
    return null;
  }
}
