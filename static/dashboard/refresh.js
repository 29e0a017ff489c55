// Looks every few seconds whether this page would now read differently, and changes the parts that do.

const EVERY_MS = 4000;

async function look() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected || !response.ok) return; // signed out, or a fault: the page stays as it is
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const region of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(region.id);
    if (now && now.innerHTML !== region.innerHTML && !region.contains(document.activeElement)) renew(region, now);
  }
}

// What did not change stays the same element, so that photographs do not flicker.
function renew(region, now) {
  const kept = new Map([...region.children].map((child) => [child.outerHTML, child]));
  region.replaceChildren(...[...now.children].map((child) => kept.get(child.outerHTML) ?? document.adoptNode(child)));
}

async function watch() {
  if (!document.hidden) await look().catch(() => {});
  setTimeout(watch, EVERY_MS);
}

setTimeout(watch, EVERY_MS);
