// The dialogs of a class page: the reason why an image is problematic, a further label, and the kind of a mistake.
// Each is a promise of what was chosen, or of null.

import { startSearch } from "../dashboard/label_search.js";

const reasons = document.querySelector("[data-reasons]");
const naming = document.querySelector("[data-naming]");
const mistakes = document.querySelector("[data-mistakes]");

// The answer is there before the next key: an event of the browser's would come later, when the dialog may be open again.
function answerOf(dialog, prepare) {
  return new Promise((resolve) => {
    dialog.finish = resolve;
    dialog.showModal();
    prepare?.();
  });
}

function close(dialog, answer) {
  const { finish } = dialog;
  dialog.finish = null;
  dialog.close();
  finish?.(answer);
}

for (const dialog of [reasons, naming, mistakes].filter(Boolean)) {
  dialog.querySelector("[data-cancel]").addEventListener("click", () => close(dialog, null));
  dialog.addEventListener("close", () => {
    // By Escape.
    if (!dialog.open) dialog.finish?.(null);
  });
}

// Digits choose; the first one, 0, says that it is none.
export function chooseReason(choice) {
  for (const button of reasons.querySelectorAll("[data-reason]")) {
    button.setAttribute("aria-pressed", button.dataset.reason === choice.dataset.reason);
  }
  return answerOf(reasons, () => reasons.querySelector("[aria-pressed=true]").focus());
}

for (const button of reasons.querySelectorAll("[data-reason]")) {
  button.addEventListener("click", () => close(reasons, button.dataset.reason));
}
reasons.addEventListener("keydown", (event) => {
  const buttons = [...reasons.querySelectorAll("[data-reason]")];
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (/^\d$/.test(event.key) && buttons[event.key]) {
    event.preventDefault();
    close(reasons, buttons[event.key].dataset.reason);
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
  }
});

// A label of the set, chosen among the classes that fit, in the label browser, or by its exact word, wnid or index; or
// words.
export function nameLabel() {
  const field = naming.querySelector("[data-label-words]");
  field.value = "";
  field.dispatchEvent(new Event("input"));
  return answerOf(naming, () => field.focus());
}

startSearch(naming.querySelector("[data-suggestions]"), (index, words) => close(naming, { index, words }));

naming.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = naming.querySelector("[data-label-words]").value.trim();
  close(naming, words ? { index: null, words } : null);
});
document.addEventListener("label-chosen", ({ detail }) => {
  if (naming.open) close(naming, { index: detail.index, words: detail.words });
});

export function chooseMistake({ category, severity }) {
  const form = mistakes.querySelector("form");
  form.reset();
  for (const [name, value] of Object.entries({ category, severity })) if (value) form.elements[name].value = value;
  if (category && !form.elements.category.value) form.elements.other.value = category;
  return answerOf(mistakes, () => form.querySelector("input:checked, input").focus());
}

mistakes?.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = event.target.elements;
  const [category, severity] = [fields.other.value.trim() || fields.category.value, fields.severity.value];
  if (category && severity) close(mistakes, { category, severity });
});
mistakes?.addEventListener("keydown", (event) => {
  if (event.target.name === "other") return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const field = mistakes.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!field) return;
  event.preventDefault();
  field.checked = true;
  const { category, severity, other } = mistakes.querySelector("form").elements;
  const words = other.value.trim() || category.value;
  if (words && severity.value) close(mistakes, { category: words, severity: severity.value });
});
