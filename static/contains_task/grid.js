import { fill, keepSelection, say, submitByScript } from "../workforce/submit.js";

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

form.addEventListener("change", count);
form.addEventListener("click", enlarge);
large.addEventListener("click", () => large.close());
keepSelection(form);
count();
submitByScript(form);
