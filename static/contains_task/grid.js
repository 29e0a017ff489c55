import { fill, keepSelection, say, submitByScript } from "../submit.js";
import { askBefore, watch } from "../workforce/attention.js";

const form = document.querySelector("[data-answer]");
const boxes = [...form.querySelectorAll("input[name=selected]")];

function count() {
  const n = boxes.filter((box) => box.checked).length;
  const { noneSelected, someSelected } = form.dataset;
  say(form, fill(n ? someSelected : noneSelected, { n, total: boxes.length }));
}

const large = form.querySelector("[data-large]");
const picture = large.querySelector("img");

function enlarge(event) {
  const link = event.target.closest(".enlarge");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  picture.src = link.href;
  picture.alt = link.getAttribute("aria-label");
  large.showModal();
}

// An untouched grid may be an accident: one press of Submit more.
function none() {
  if (boxes.some((box) => box.checked)) return null;
  const { none: text, yesNone: yes, back: no } = form.dataset;
  return { text, yes, no, confirm: () => setNone(true) };
}

function setNone(isConfirmed) {
  form.querySelector("input[type=hidden][name=none]")?.remove();
  if (isConfirmed) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "none", value: "yes" }));
}

form.addEventListener("change", () => setNone(false));
form.addEventListener("change", count);
form.addEventListener("click", enlarge);
large.addEventListener("click", () => large.close());
watch(form);
askBefore(none);
keepSelection(form);
count();
submitByScript(form);
