// The label browser: search as one types, the map of the hierarchy, and both as a dialog of another page.
//
// How another page lets people choose a label:
//   {% load label_dialog page_files %}
//   {% style_sheets ... 'dashboard/label_browser.css' %} {% script 'dashboard/label_browser.js' %}
//   <a class="button quiet" href="{% url 'label-search' dataset.name %}" data-choose-label>Choose a label</a>
//   {% label_dialog dataset %}                    once on the page, after the buttons or before them
// With data-choose-label="#field", the search begins with what is typed in that field.
// A press on any element with data-choose-label opens the dialog; it may come later than this script. After a choice
// the dialog closes, focus goes back to that element, and it dispatches a CustomEvent "label-chosen", which bubbles,
// with detail { index, words }: the class index as a number, and the words of the class. Without scripts the element
// is a link to the search page.

import { startMap } from "./label_map.js";
import { startSearch } from "./label_search.js";

const dialog = document.querySelector("[data-label-dialog]");
let opener = null;

// Starts the searches and maps of the page or of the dialog. Returns its maps, and what puts the focus into its search.
function start(place, onChoice) {
  const parts = (kind) => [...place.querySelectorAll(kind)].filter((part) => place === dialog || !dialog?.contains(part));
  const maps = parts("[data-label-map]").map((element) => startMap(element, onChoice));
  const [focusSearch] = parts("[data-label-search]").map((element) => startSearch(element, onChoice));
  place.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, textarea, select");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey || !focusSearch) return;
    event.preventDefault();
    focusSearch();
  });
  return { maps, focusSearch };
}

function choose(index, words) {
  const from = opener;
  dialog.close();
  from?.dispatchEvent(new CustomEvent("label-chosen", { bubbles: true, detail: { index, words } }));
}

// Search for what somebody has typed in a field of the page.
function begin(selector) {
  if (!selector) return;
  const field = dialog.querySelector("[data-search-text]");
  field.value = document.querySelector(selector).value;
  field.dispatchEvent(new Event("input"));
}

function startDialog() {
  const { maps, focusSearch } = start(dialog, choose);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-choose-label]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    opener = button;
    begin(button.dataset.chooseLabel);
    dialog.showModal();
    for (const map of maps) map.show();
    focusSearch();
  });
  dialog.addEventListener("close", () => opener?.focus());
  dialog.querySelector("[data-close-dialog]").addEventListener("click", () => dialog.close());
  // Keys of the page behind must not act while people type here.
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Escape") return;
    // In a search field it would only empty the field.
    event.preventDefault();
    dialog.close();
  });
}

for (const map of start(document.body, null).maps) map.show();
if (dialog) startDialog();
