// Search for classes as one types. Without this script the form leads to a page with the same results.

const PAUSE_MS = 80;

// Starts a search. `onChoice` gets the index and words of a class that is chosen; without it, results are links. Enter
// in the field chooses the first result where the search has a form of its own; elsewhere Enter is the page's.
// Returns a function that puts the focus into the field.
export function startSearch(element, onChoice) {
  const field = element.querySelector("[data-search-text]");
  const status = element.querySelector("[data-search-status]");
  const list = element.querySelector("[data-search-hits]");
  const isPage = !onChoice;
  let timer;
  let asked = null;
  let shown = field.value.trim();

  async function search() {
    const text = field.value.trim();
    asked?.abort();
    if (text === shown) return;
    if (!text) {
      shown = text;
      return show(text, []);
    }
    asked = new AbortController();
    try {
      const address = `${element.dataset.matches}?${new URLSearchParams({ text })}`;
      const response = await fetch(address, { signal: asked.signal, headers: { Accept: "application/json" } });
      if (!response.ok || response.redirected) throw new Error(response.statusText);
      const { hits } = await response.json();
      shown = text;
      show(text, hits);
    } catch (error) {
      if (error.name !== "AbortError") status.textContent = element.dataset.failed;
    }
  }

  function show(text, hits) {
    list.replaceChildren(...hits.map(item));
    const words = hits.length ? element.dataset.some.replace("{n}", hits.length) : element.dataset.none;
    status.textContent = text ? words : "";
    if (isPage && list.closest("[data-label-search]").parentElement.querySelector("[data-label-map]") === null) {
      const address = new URL(location.href);
      address.search = text ? new URLSearchParams({ text }) : "";
      history.replaceState(null, "", address);
    }
  }

  function item(hit) {
    const link = document.createElement("a");
    link.href = hit.address;
    Object.assign(link.dataset, { index: hit.index, words: hit.words });
    link.append(part("hit-words", hit.words));
    if (hit.reason) link.append(" ", part("tag", hit.reason));
    link.append(part("hit-gloss soft", hit.gloss));
    const row = document.createElement("li");
    row.append(link);
    return row;
  }

  async function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    // Nobody is led to results of what stood in the field before, which give way to others in a moment.
    const isAhead = document.activeElement === field && field.value.trim() !== shown;
    if (!isAhead && !list.querySelector("a")) return;
    event.preventDefault();
    clearTimeout(timer);
    await search();
    if (field.value.trim() !== shown) return;
    const links = [...list.querySelectorAll("a")];
    const next = links.indexOf(document.activeElement) + step;
    if (next < 0) field.focus();
    else links[Math.min(next, links.length - 1)]?.focus();
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    if (field.value.trim()) timer = setTimeout(search, PAUSE_MS);
    else search();
  });
  element.addEventListener("keydown", move);
  element.querySelector("[data-search-form]")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    await search();
    // Enter in the field takes the first result where a choice is what people came for.
    if (onChoice) list.querySelector("a")?.click();
  });
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!onChoice || !link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    onChoice(Number(link.dataset.index), link.dataset.words);
  });
  // Typed before this script came.
  search();
  return () => {
    field.focus();
    field.select();
  };
}

function part(name, words) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = words;
  return element;
}
