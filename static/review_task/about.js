// What explains the label of the focused item, beside the images: fetched once, a moment after the focus has come to rest.

const PAUSE_MS = 250;

const aside = document.querySelector("[data-about]");
const pages = new Map();
let current = aside?.dataset.about;
let timer;

export function about(index) {
  if (!aside || index === current || !matchMedia("(min-width: 90rem)").matches) return;
  current = index;
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE_MS, index);
}

async function show(index) {
  const words = pages.get(index) ?? (await fetched(index));
  if (!words || index !== current || aside.contains(document.activeElement)) return;
  pages.set(index, words);
  aside.replaceChildren(...words.map((node) => node.cloneNode(true)));
}

async function fetched(index) {
  try {
    const response = await fetch(aside.dataset.address.replace("/0/", `/${index}/`), { headers: { Accept: "text/html" }, redirect: "manual" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return [...(page.querySelector("[data-about]")?.children ?? [])];
  } catch {
    return null;
  }
}
