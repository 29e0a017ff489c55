// What a reviewer pressed, until the site has stored it. Each press is a row of its own in the browser's storage: it
// outlives the page, and two tabs never overwrite each other's. Rows are sent in the order in which they were pressed,
// by one tab at a time, and each has a key, so that a row sent twice is stored once.
// Every text for people comes from the page, in the data attributes of the element [data-outbox].

const MOST_AT_ONCE = 40;
const LONGEST_ANSWER_MS = 20_000;
const LONGEST_WAIT_MS = 30_000;

const root = document.querySelector("[data-outbox]");
const note = root.querySelector("[data-saving]");
const person = root.dataset.person;
const prefix = `review ${person} `;
// Of this browser, so that its own rows are told from those of another device.
const device = attempt(() => localStorage.getItem("review-device")) ?? newName();
attempt(() => localStorage.setItem("review-device", device));
const tab = newName();
let token = root.querySelector("[name=csrfmiddlewaretoken]").value;

// Where the browser refuses to store anything, rows live as long as the page.
const memory = new Map();
const listeners = [];
let lastTime = 0;
let timer;
let wait = 0;
let isDraining = false;
let state = "stored";
let isSignedOut = false;

function newName() {
  return Math.random().toString(36).slice(2, 12);
}

function attempt(step) {
  try {
    return step();
  } catch {
    return null;
  }
}

// Tell what becomes of rows: {added, stored, refused}, each called with a row.
export function listen(listener) {
  listeners.push(listener);
}

function tell(what, ...details) {
  for (const listener of listeners) listener[what]?.(...details);
}

// The rows that wait, in the order of their pressing.
export function waiting() {
  const keys = attempt(() => Object.keys(localStorage)) ?? [];
  const rows = keys.filter((key) => key.startsWith(prefix)).map((key) => [key, attempt(() => JSON.parse(localStorage.getItem(key)))]);
  return [...rows, ...memory].filter(([, row]) => row && !row.refused).sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row);
}

// Keep what was pressed, and send it.
export function add(press) {
  lastTime = Math.max(Date.now(), lastTime + 1);
  const row = { ...press, key: `${lastTime}.${tab}`, device, at: lastTime };
  const written = attempt(() => (localStorage.setItem(prefix + row.key, JSON.stringify(row)), true));
  if (!written) memory.set(prefix + row.key, row);
  show("storing");
  // The next picture comes first.
  setTimeout(drain);
  return row;
}

function remove(row) {
  attempt(() => localStorage.removeItem(prefix + row.key));
  memory.delete(prefix + row.key);
}

// Send what waits, unless another tab does so already. A row leaves the browser only when the site has answered for it.
export async function drain() {
  if (isDraining) return;
  isDraining = true;
  clearTimeout(timer);
  try {
    if (navigator.locks) await navigator.locks.request(prefix, sendAll);
    else await sendAll();
    wait = 0;
    isSignedOut = false;
  } catch (problem) {
    wait = Math.min(Math.max(2 * wait, 1000), LONGEST_WAIT_MS);
    timer = setTimeout(drain, wait);
    show(problem.state ?? (navigator.onLine ? "silent" : "offline"));
  }
  isDraining = false;
  if (!wait) waiting().length ? drain() : show("stored");
}

async function sendAll() {
  for (let rows = portion(); rows.length; rows = portion()) {
    show("storing");
    const answers = await post(rows);
    for (const row of rows) {
      if (answers[row.key]?.message) refuse(row, answers[row.key]);
      else {
        remove(row);
        tell("stored", row, answers[row.key]);
      }
    }
  }
}

// The first rows of one page.
function portion() {
  const rows = waiting();
  const end = rows.findIndex((row) => row.address !== rows[0].address);
  return rows.slice(0, Math.min(end < 0 ? rows.length : end, MOST_AT_ONCE));
}

async function post(rows, isLast = false) {
  const now = Date.now();
  const presses = rows.map(({ address, at, ...press }) => ({ ...press, age: Math.max(0, now - at) }));
  const response = await fetch(rows[0].address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ person, presses }),
    redirect: "manual",
    keepalive: isLast,
    signal: AbortSignal.timeout?.(LONGEST_ANSWER_MS),
  });
  if (response.type === "opaqueredirect") throw Object.assign(new Error("signed out"), { state: "signedOut" });
  if (response.status === 403) await renewToken();
  if (response.status === 404) return Object.fromEntries(rows.map(({ key }) => [key, { message: root.dataset.gone }]));
  const { answers } = await response.json();
  // Something else may answer in the name of the site.
  if (!answers || rows.some(({ key }) => !answers[key])) throw new Error(`status ${response.status}`);
  return answers;
}

// The page's token is void after a new sign-in: take the one of today, if the same person is signed in.
async function renewToken() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
  if (response.type === "opaqueredirect") throw Object.assign(new Error("signed out"), { state: "signedOut" });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-outbox]");
  if (fresh && fresh.dataset.person !== person) throw Object.assign(new Error("another person"), { state: "otherPerson" });
  if (!fresh) throw Object.assign(new Error("no access"), { state: "noAccess" });
  token = fresh.querySelector("[name=csrfmiddlewaretoken]").value;
  throw new Error("again");
}

function refuse(row, answer) {
  // Other tabs show it as well, before it goes.
  attempt(() => localStorage.getItem(prefix + row.key) && localStorage.setItem(prefix + row.key, JSON.stringify({ ...row, refused: answer })));
  remove(row);
  tell("refused", row, answer);
}

function show(name) {
  state = name;
  const n = waiting().length;
  note.dataset.saving = n ? state : "stored";
  const text = n ? root.dataset[n === 1 ? `${state}One` : state] ?? root.dataset[state] ?? "" : root.dataset.stored;
  const words = text.replace("{n}", n);
  if (note.textContent !== words) note.textContent = words;
  root.querySelector("[data-sign-in]").hidden = !(n && state === "signedOut");
}

// Wait until nothing waits any more; false if the site does not take it now.
export async function settled(ms = 10_000) {
  const end = performance.now() + ms;
  drain();
  while (waiting().length && performance.now() < end && !wait) await new Promise((resolve) => setTimeout(resolve, 25));
  return !waiting().length;
}

addEventListener("storage", ({ key, oldValue, newValue }) => {
  if (!key?.startsWith(prefix)) return;
  const [before, after] = [oldValue, newValue].map((text) => attempt(() => JSON.parse(text)));
  if (after?.refused) tell("refused", after, after.refused);
  else if (after) tell("added", after);
  else if (before && !before.refused) tell("stored", before, null);
  show(waiting().length ? state === "stored" ? "storing" : state : "stored");
});
addEventListener("online", drain);
addEventListener("offline", () => show("offline"));
addEventListener("focus", () => wait && drain());
addEventListener("beforeunload", (event) => {
  if (waiting().length) event.preventDefault();
});
// The rows stay until they are answered for; this is only sooner.
addEventListener("pagehide", () => {
  const rows = portion();
  if (rows.length && navigator.onLine) attempt(() => post(rows, true).catch(() => null));
});
show("storing");
drain();
