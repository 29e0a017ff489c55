// Fetches this page every few seconds and updates the parts that have changed. While nothing changes it fetches less
// and less often; while work on it is in progress, every second.

const IN_PROGRESS_MS = 1000;
const SHORTEST_MS = 4000;
const LONGEST_MS = 30_000;
// Attributes set by the reader or the page's own script.
const LOCAL_ATTRIBUTES = ["open", "hidden"];

async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected || !response.ok) return false; // signed out, or a fault: the page stays as it is
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const renewed = [...document.querySelectorAll("[data-live]")].filter((region) => {
    const update = fresh.getElementById(region.id);
    return update && renew(region, update);
  });
  if (renewed.length) document.dispatchEvent(new Event("renewed"));
  return renewed.length > 0;
}

// Updates an element down to the text that changed, so that photographs do not flicker, open details stay open, and the
// focus stays. Returns whether anything changed.
function renew(old, fresh) {
  let changed = false;
  for (const { name, value } of fresh.attributes) {
    if (LOCAL_ATTRIBUTES.includes(name) || old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    changed = true;
  }
  for (const { name } of [...old.attributes]) {
    if (LOCAL_ATTRIBUTES.includes(name) || fresh.hasAttribute(name)) continue;
    old.removeAttribute(name);
    changed = true;
  }
  if (old.matches("[data-copy]")) return changed;
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  if (before.length === after.length && before.every((node, index) => sameKind(node, after[index]))) {
    return before.map((node, index) => renewNode(node, after[index])).some(Boolean) || changed;
  }
  if (old.contains(document.activeElement) && old !== document.activeElement) return changed; // later
  const children = new Map([...old.children].map((child) => [child.outerHTML, child]));
  old.replaceChildren(...after.map((node) => children.get(node.outerHTML) ?? document.adoptNode(node)));
  return true;
}

function sameKind(node, other) {
  return node.nodeName === other.nodeName && (node.id ?? "") === (other.id ?? "");
}

function renewNode(node, other) {
  if (node.nodeType === Node.ELEMENT_NODE) return renew(node, other);
  if (node.nodeValue === other.nodeValue) return false;
  node.nodeValue = other.nodeValue;
  return true;
}

let pause = SHORTEST_MS;
let timer;

async function watch() {
  clearTimeout(timer);
  const changed = !document.hidden && (await refresh().catch(() => false));
  pause = changed ? SHORTEST_MS : Math.min(1.4 * pause, LONGEST_MS);
  timer = setTimeout(watch, next());
}

function next() {
  return document.querySelector("[data-unfinished]") ? IN_PROGRESS_MS : pause;
}

// A reader who returns to the page sees its current state at once.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    pause = SHORTEST_MS;
    watch();
  }
});
timer = setTimeout(watch, next());
