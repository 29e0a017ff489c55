// Handing in without leaving the page: one key per page load, so that sending again can never store twice.
// Until then what is ticked outlives a reload. Without this script the form posts itself.

const LONGEST_WAIT_SECONDS = 30;
// On a page in a marketplace's frame: then the marketplace takes the answer instead, and the person is paid.
const MOST_TRIES = 4;
// A site that takes a request and never answers is as good as away.
const LONGEST_ANSWER_SECONDS = 20;
// So long people look at photographs without moving.
const LONGEST_LOOK_SECONDS = 60;
const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchmove", "change"];

export function handInByScript(form) {
  const button = form.querySelector("button[type=submit]");
  const label = button.textContent;
  let sending = false;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.disabled = true;
    button.textContent = "Saving…";
    send(form, 0);
  });
  form.addEventListener("handed-in", (event) => {
    forget(form);
    button.textContent = "Saved";
    say(form, "Saved. Going on…");
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
  // A page that the browser kept from before and shows again has an answer of the past in it.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// How long the page was out of sight, or nobody touched it: that is not counted as work. After a reload, what was before
// is not known any more and counts as work: an error in favour of the worker.
let pausedMs = 0;
let lastSign = performance.now();

function noteSign() {
  const since = performance.now() - lastSign;
  if (since > LONGEST_LOOK_SECONDS * 1000) pausedMs += since - LONGEST_LOOK_SECONDS * 1000;
  lastSign += since;
}

for (const sign of SIGNS_OF_LIFE) addEventListener(sign, noteSign, { passive: true, capture: true });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return noteSign();
  pausedMs += performance.now() - lastSign;
  lastSign = performance.now();
});

export function say(form, words) {
  form.querySelector("[data-note]").textContent = words;
}

// Ticks as they stood before a reload, kept by this tab alone, for this lease alone. The browser may refuse to keep
// anything (a page in another site's frame): then nothing is kept, and nothing else is different.
export function keepTicks(form) {
  const marks = [...form.querySelectorAll("[name=selected], [name=main]")];
  const kept = recall(form);
  // What the site itself has ticked, when it asks again, is newer.
  if (kept.length && !marks.some((mark) => mark.defaultChecked)) {
    for (const mark of marks) mark.checked = kept.includes(`${mark.name} ${mark.value}`);
  }
  form.addEventListener("change", () => {
    const ticked = marks.filter((mark) => mark.checked).map((mark) => `${mark.name} ${mark.value}`);
    attempt(() => sessionStorage.setItem(place(form), JSON.stringify(ticked)));
  });
}

function recall(form) {
  const kept = attempt(() => JSON.parse(sessionStorage.getItem(place(form))));
  return Array.isArray(kept) ? kept : [];
}

function forget(form) {
  attempt(() => sessionStorage.removeItem(place(form)));
}

// A work token is its lease's name and a signature.
function place(form) {
  return `ticked ${form.elements.token.value.split(":")[0]}`;
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
      if (error.name !== "SyntaxError") throw error; // the answer was cut off: as good as none
      return { message: `The answer was refused (${response.status}).` };
    });
    form.dispatchEvent(new CustomEvent(response.ok ? "handed-in" : "refused", { detail: body }));
  } catch {
    if (form.dataset.handOver && tries + 1 >= MOST_TRIES && navigator.onLine) return handOverUnsaved(form);
    await wait(form, tries);
    send(form, tries + 1);
  }
}

// What stops a request that is not answered in time also stops a body that never ends.
function ask(content) {
  return fetch(location.href, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(LONGEST_ANSWER_SECONDS * 1000),
  });
}

// A problem is told of beside the work: nothing on the page changes by it.
function reportByScript(form) {
  const place = form.querySelector("#report");
  const button = place.querySelector("[data-report]");
  const told = place.querySelector("[data-reported]");
  document.querySelector("[data-to-report]")?.addEventListener("click", () => (place.open = true));
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.hidden = false;
    told.textContent = "Sending…";
    told.textContent = await report(form);
    button.disabled = false;
  });
}

// What to say of it.
async function report(form) {
  const data = new FormData(form);
  const [token, kind, words] = ["token", "report_kind", "report_words"].map((name) => data.get(name));
  try {
    const response = await ask({ token, report: "yes", report_kind: kind ?? "", report_words: words });
    const { reported, message } = await response.json();
    document.querySelector("[data-unfinished]")?.toggleAttribute("hidden", !reported);
    return reported ?? message;
  } catch {
    return "The site does not answer, so nobody was told yet. What you ticked is kept on this page.";
  }
}

// Our site is away: the whole answer goes to the marketplace, from where it is fetched later.
function handOverUnsaved(form) {
  const { selected, main } = fields(form);
  const { assignment: assignmentId, lease, handOver } = form.dataset;
  const copy = { assignmentId, lease, selected: selected.join(" ") || "none" };
  say(form, "The site does not answer. Handing your answer in to the marketplace…");
  post(handOver, main ? { ...copy, main } : copy);
}

// It must be a form: a marketplace takes the frame itself to its next page.
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
  const [token, key, main] = ["token", "key", "main"].map((name) => data.get(name));
  return { token, key, selected: data.getAll("selected"), main, paused_seconds: Math.round(pausedMs / 1000) };
}

// Doubling waits, cut short when the browser says that it is online again.
function wait(form, tries) {
  const seconds = Math.min(2 ** tries, LONGEST_WAIT_SECONDS);
  const reason = navigator.onLine ? "The site does not answer" : "You are offline";
  say(form, `${reason}. Your answer is kept on this page; trying again in ${seconds} s.`);
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    window.addEventListener("online", resolve, { once: true });
  });
}

function explain(form, { title, message, next_url: address, next_text: words }) {
  const spot = form.querySelector("[data-problem]") ?? form.querySelector("[data-note]");
  spot.hidden = false;
  spot.textContent = [title, message].filter(Boolean).join(": ");
  if (address) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = words;
    spot.append(" ", link);
  }
  spot.scrollIntoView({ block: "nearest" });
}
