// What explains a label: beside the images where there is room, of the focused item; in a dialog elsewhere. Fetched
// once, a moment after the focus has come to rest.

const PAUSE_MS = 250;

const aside = document.querySelector("[data-about]");
const dialog = document.querySelector("[data-about-dialog]");
const beside = matchMedia("(min-width: 90rem)");
const pages = new Map();
let current = aside.dataset.about;
let timer;

// Show what explains the focused item's label, if it stands beside the images.
export function about(index) {
  if (index === current || !beside.matches) return;
  current = index;
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const nodes = await fetched(index);
    if (nodes.length && index === current && !aside.contains(document.activeElement)) aside.replaceChildren(...nodes);
  }, PAUSE_MS);
}

// Lead to what explains a label, and come back to where the focus was.
export async function explain(index) {
  if (beside.matches && index === current) return aside.focus();
  const nodes = await fetched(index);
  if (!nodes.length || document.querySelector("dialog[open]")) return;
  dialog.querySelector("[data-about-here]").replaceChildren(...nodes);
  dialog.showModal();
}

async function fetched(index) {
  try {
    if (!pages.has(index)) {
      const address = aside.dataset.address.replace("/label/0/", `/label/${index}/`);
      const response = await fetch(address, { headers: { Accept: "text/html" }, redirect: "manual" });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      pages.set(index, [...(page.querySelector("[data-about]")?.children ?? [])]);
    }
    return pages.get(index).map((node) => document.importNode(node, true));
  } catch {
    return [];
  }
}
