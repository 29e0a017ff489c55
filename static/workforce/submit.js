// Submit an answer without leaving the page. All pages of a task have the same key, so that a retry never stores it twice.
// Until then it is a draft (drafts.js). Without this script the form posts itself.
// Every text for people comes from the page, in the data attributes of the form.

import "./clock.js";
import { facts, pausedMs, rest, SHORTEST_LOOK_MS } from "./attention.js";
import { end, hold, meet, version } from "./drafts.js";

export { keepSelection } from "./drafts.js";

const LONGEST_WAIT_SECONDS = 30;
// In a marketplace's frame the answer then goes to the marketplace instead, so that the worker is paid.
const MOST_TRIES = 4;
// A site that accepts a request and never answers counts as unavailable.
const LONGEST_ANSWER_SECONDS = 20;

export function submitByScript(form) {
  const button = form.querySelector(".bar button[type=submit]");
  const label = button.textContent;

  document.querySelector("[data-enter]").addEventListener("click", (event) => event.preventDefault());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    button.textContent = form.dataset.saving;
    noteOf(form).textContent = "";
    hold(true);
    send(form, 0);
  });
  form.addEventListener("submitted", (event) => {
    button.textContent = form.dataset.saved;
    say(form, form.dataset.next);
    const { next, hand_over: handOver } = event.detail;
    if (handOver) post(handOver.action, handOver.fields);
    else location.assign(next);
  });
  form.addEventListener("refused", (event) => {
    hold(false);
    button.textContent = label;
    if (event.detail.saved) end(event);
    explain(form, event.detail);
    rest(button);
  });
  reportByScript(form);
  // A page from the browser's back-forward cache still holds the earlier answer.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

const noteOf = (form) => form.querySelector("[data-note]");

// Say something in the bar, unless a way on stands there.
export function say(form, text) {
  if (!noteOf(form).querySelector("a")) noteOf(form).textContent = text;
}

// Put values into the {placeholders} of a text.
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

async function send(form, tries) {
  try {
    const response = await ask(fields(form));
    if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`);
    const body = await response.json().catch((error) => {
      if (error.name !== "SyntaxError") throw error; // a response that was cut off counts as none
      return { message: fill(form.dataset.refused, { status: response.status }) };
    });
    if (body.draft && meet(body.draft)) return send(form, tries);
    // Something else answered in the name of the site.
    if (response.ok && !body.next && !body.hand_over) throw response;
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
    signal: AbortSignal.timeout?.(LONGEST_ANSWER_SECONDS * 1000),
  });
}

// Send a problem report beside the work: nothing else on the page changes. The form of the report stands at the link, and
// focus goes into it and back.
function reportByScript(form) {
  const section = document.querySelector("#report");
  const link = section.querySelector("summary");
  const button = section.querySelector("[data-report]");
  const outcome = section.querySelector("[data-reported]");
  // Unless the person is in it already.
  const enter = () => section.open && !section.querySelector(":focus:not(summary)") && section.querySelector("input").focus();
  link.addEventListener("click", () => setTimeout(enter));
  section.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    section.open = false;
    link.focus();
  });
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const tell = (text, kind) => {
      outcome.className = `said ${kind}`;
      outcome.hidden = false;
      outcome.textContent = text;
    };
    tell(button.dataset.sending, "");
    const reply = await report(form);
    tell(reply?.reported ?? reply?.message ?? button.dataset.unsent, reply?.reported ? "success" : "warning");
    button.disabled = false;
    if (reply?.reported) clearReport(section);
    else section.querySelector("input").focus();
  });
}

function clearReport(section) {
  for (const field of section.querySelectorAll("[name=report_kind], [name=report_words]")) {
    if (field.type === "radio") field.checked = false;
    else field.value = "";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

// Return the site's reply to a report, or null if the site does not answer.
async function report(form) {
  const data = new FormData(form);
  const [token, kind, words] = ["token", "report_kind", "report_words"].map((name) => data.get(name));
  try {
    const response = await ask({ token, report: "yes", report_kind: kind ?? "", report_words: words });
    const reply = await response.json();
    if (reply.reported) document.querySelector("[data-unfinished]")?.removeAttribute("hidden");
    return reply;
  } catch {
    return null;
  }
}

// Send the whole answer to the marketplace while our site is unavailable; the site fetches it from there later.
function handOverUnsaved(form) {
  const { selected, maybe, main: chosen, photographs } = fields(form);
  // A single label needs no choice.
  const main = chosen ?? (form.elements.main && !selected[1] && selected[0]);
  const { assignment: assignmentId, lease, handOver } = form.dataset;
  const unseen = Object.keys(photographs).filter((handle) => {
    const [isLoaded, seenMs] = photographs[handle];
    return !isLoaded || seenMs < SHORTEST_LOOK_MS;
  });
  const copy = { assignmentId, lease, selected: selected.join(" ") || "none" };
  const more = { maybe: maybe.join(" "), main, unseen: unseen.join(" ") };
  say(form, form.dataset.moving);
  post(handOver, { ...copy, ...Object.fromEntries(Object.entries(more).filter(([, value]) => value)) });
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
  const answer = { token, key, selected, maybe, main, none, version, paused_seconds: Math.round(pausedMs() / 1000), ...facts() };
  return form.moments ? { ...answer, trace: form.moments } : answer;
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
  const spot = form.querySelector("[data-problem]") ?? noteOf(form);
  spot.hidden = false;
  spot.textContent = [title, message].filter(Boolean).join(": ");
  if (address) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = text;
    spot.append(" ", link);
    link.focus({ preventScroll: true });
  }
  spot.scrollIntoView({ block: "nearest" });
}
