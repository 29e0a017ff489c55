// Looks every few seconds whether this page would now read differently, and changes what does. While nothing changes
// it looks less and less often; while something on it is under way, every second.

const UNDER_WAY_MS = 1000;
const SHORTEST_MS = 4000;
const LONGEST_MS = 30_000;
// Attributes that the reader or the page's own script sets.
const OURS = ["open", "hidden"];

async function look() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected || !response.ok) return false; // signed out, or a fault: the page stays as it is
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const renewed = [...document.querySelectorAll("[data-live]")].filter((region) => {
    const now = fresh.getElementById(region.id);
    return now && renew(region, now);
  });
  if (renewed.length) document.dispatchEvent(new Event("renewed"));
  return renewed.length > 0;
}

// Makes an element what it would be now, down to the text that changed: so photographs do not flicker, what is folded
// open stays open, and what has the focus keeps it. Says whether anything changed.
function renew(old, now) {
  let changed = false;
  for (const { name, value } of now.attributes) {
    if (OURS.includes(name) || old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    changed = true;
  }
  for (const { name } of [...old.attributes]) {
    if (OURS.includes(name) || now.hasAttribute(name)) continue;
    old.removeAttribute(name);
    changed = true;
  }
  if (old.matches("[data-copy]")) return changed;
  const before = [...old.childNodes];
  const after = [...now.childNodes];
  if (before.length === after.length && before.every((node, at) => alike(node, after[at]))) {
    return before.map((node, at) => renewNode(node, after[at])).some(Boolean) || changed;
  }
  if (old.contains(document.activeElement) && old !== document.activeElement) return changed; // later
  const kept = new Map([...old.children].map((child) => [child.outerHTML, child]));
  old.replaceChildren(...after.map((node) => kept.get(node.outerHTML) ?? document.adoptNode(node)));
  return true;
}

function alike(node, other) {
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
  const changed = !document.hidden && (await look().catch(() => false));
  pause = changed ? SHORTEST_MS : Math.min(1.4 * pause, LONGEST_MS);
  timer = setTimeout(watch, next());
}

function next() {
  return document.querySelector("[data-unfinished]") ? UNDER_WAY_MS : pause;
}

// Who comes back to the page wants to see it as it is.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    pause = SHORTEST_MS;
    watch();
  }
});
timer = setTimeout(watch, next());
