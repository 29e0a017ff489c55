// Submit an answer without leaving the page: one key per page load, so that a retry never stores it twice.
// Until then the selection survives a reload. Without this script the form posts itself.
// Every text for people comes from the page, in the data attributes of the form.

import { facts, pausedMs } from "./attention.js";

const LONGEST_WAIT_SECONDS = 30;
// In a marketplace's frame the answer then goes to the marketplace instead, so that the worker is paid.
const MOST_TRIES = 4;
// A site that accepts a request and never answers counts as unavailable.
const LONGEST_ANSWER_SECONDS = 20;

export function submitByScript(form) {
  const button = form.querySelector(".bar button[type=submit]");
  const label = button.textContent;
  let sending = false;

  form.querySelector("[data-enter]").addEventListener("click", (event) => event.preventDefault());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.disabled = true;
    button.textContent = form.dataset.saving;
    send(form, 0);
  });
  form.addEventListener("submitted", (event) => {
    forget(form);
    button.textContent = form.dataset.saved;
    say(form, form.dataset.next);
    const { next, hand_over: handOver } = event.detail;
    if (handOver) post(handOver.action, handOver.fields);
    else location.assign(next);
  });
  form.addEventListener("refused", (event) => {
    sending = false;
    button.disabled = false;
    button.textContent = label;
    explain(form, event.detail);
  });
  reportByScript(form);
  // A page from the browser's back-forward cache still holds the earlier answer.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

export function say(form, text) {
  form.querySelector("[data-note]").textContent = text;
}

// Put values into the {placeholders} of a text.
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Keep the selection over a reload, in this tab and for this lease only. A browser may refuse to store anything (in
// another site's frame); then only this is lost.
export function keepSelection(form) {
  const marks = [...form.querySelectorAll("[name=selected], [name=main]")];
  const stored = recall(form);
  // A selection in the page itself is newer: the site asks again.
  if (stored.length && !marks.some((mark) => mark.defaultChecked)) {
    for (const mark of marks) mark.checked = stored.includes(`${mark.name} ${mark.value}`);
  }
  form.addEventListener("change", () => {
    const selected = marks.filter((mark) => mark.checked).map((mark) => `${mark.name} ${mark.value}`);
    attempt(() => sessionStorage.setItem(storageKey(form), JSON.stringify(selected)));
  });
}

function recall(form) {
  const stored = attempt(() => JSON.parse(sessionStorage.getItem(storageKey(form))));
  return Array.isArray(stored) ? stored : [];
}

function forget(form) {
  attempt(() => sessionStorage.removeItem(storageKey(form)));
}

// A work token is the lease's id and a signature.
function storageKey(form) {
  return `selection ${form.elements.token.value.split(":")[0]}`;
}

function attempt(step) {
  try {
    return step();
  } catch {
    return null;
  }
}

async function send(form, tries) {
  try {
    const response = await ask(fields(form));
    if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`);
    const body = await response.json().catch((error) => {
      if (error.name !== "SyntaxError") throw error; // a response that was cut off counts as none
      return { message: fill(form.dataset.refused, { status: response.status }) };
    });
    form.dispatchEvent(new CustomEvent(response.ok ? "submitted" : "refused", { detail: body }));
  } catch {
    if (form.dataset.handOver && tries + 1 >= MOST_TRIES && navigator.onLine) return handOverUnsaved(form);
    await wait(form, tries);
    send(form, tries + 1);
  }
}

// The time limit also stops a body that never ends.
function ask(content) {
  return fetch(location.href, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(LONGEST_ANSWER_SECONDS * 1000),
  });
}

// Send a problem report beside the work: nothing else on the page changes.
function reportByScript(form) {
  const section = form.querySelector("#report");
  const button = section.querySelector("[data-report]");
  const outcome = section.querySelector("[data-reported]");
  document.querySelector("[data-to-report]")?.addEventListener("click", () => (section.open = true));
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    outcome.hidden = false;
    outcome.textContent = button.dataset.sending;
    outcome.textContent = (await report(form)) ?? button.dataset.unsent;
    button.disabled = false;
  });
}

// Return the site's reply to a report, or null if the site does not answer.
async function report(form) {
  const data = new FormData(form);
  const [token, kind, words] = ["token", "report_kind", "report_words"].map((name) => data.get(name));
  try {
    const response = await ask({ token, report: "yes", report_kind: kind ?? "", report_words: words });
    const { reported, message } = await response.json();
    document.querySelector("[data-unfinished]")?.toggleAttribute("hidden", !reported);
    return reported ?? message;
  } catch {
    return null;
  }
}

// Send the whole answer to the marketplace while our site is unavailable; the site fetches it from there later.
function handOverUnsaved(form) {
  const { selected, main } = fields(form);
  const { assignment: assignmentId, lease, handOver } = form.dataset;
  const copy = { assignmentId, lease, selected: selected.join(" ") || "none" };
  say(form, form.dataset.moving);
  post(handOver, main ? { ...copy, main } : copy);
}

// A form, since the marketplace replaces the frame by its own next page.
function post(action, fields) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}

function fields(form) {
  const data = new FormData(form);
  const [token, key, main, none] = ["token", "key", "main", "none"].map((name) => data.get(name));
  const [selected, maybe] = ["selected", "maybe"].map((name) => data.getAll(name));
  return { token, key, selected, maybe, main, none, paused_seconds: Math.round(pausedMs() / 1000), ...facts() };
}

// Wait twice as long each time, but no longer once the browser is online again.
function wait(form, tries) {
  const seconds = Math.min(2 ** tries, LONGEST_WAIT_SECONDS);
  const { silent, offline } = form.dataset;
  say(form, fill(navigator.onLine ? silent : offline, { seconds }));
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    window.addEventListener("online", resolve, { once: true });
  });
}

function explain(form, { title, message, next_url: address, next_text: text }) {
  const spot = form.querySelector("[data-problem]") ?? form.querySelector("[data-note]");
  spot.hidden = false;
  spot.textContent = [title, message].filter(Boolean).join(": ");
  if (address) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = text;
    spot.append(" ", link);
  }
  spot.scrollIntoView({ block: "nearest" });
}
