import { handInByScript, keepTicks, say } from "../submit.js";

const form = document.querySelector("[data-answer]");
const boxes = [...form.querySelectorAll("input[name=selected]")];

function count() {
  const ticked = boxes.filter((box) => box.checked).length;
  say(form, ticked ? `${ticked} of ${boxes.length} ticked` : `None of ${boxes.length} ticked yet`);
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
keepTicks(form);
count();
handInByScript(form);
