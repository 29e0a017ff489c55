import { fill, keepSelection, say, submitByScript } from "../workforce/submit.js";

const form = document.querySelector("[data-answer]");
const boxes = [...form.querySelectorAll("input[name=selected]")];
const mains = [...form.querySelectorAll("input[name=main]")];
const partner = (input) => (input.name === "main" ? boxes : mains).find((other) => other.value === input.value);

// Keep selection and main mark in agreement: the main label is selected, and a single selected label is the main one.
function agree(changed) {
  if (changed.name === "main" && changed.checked) partner(changed).checked = true;
  if (changed.name === "selected" && !changed.checked) partner(changed).checked = false;
  const selected = boxes.filter((box) => box.checked);
  if (selected.length === 1) partner(selected[0]).checked = true;
}

function describe() {
  const n = boxes.filter((box) => box.checked).length;
  const { noneSelected, noMain, complete } = form.dataset;
  const text = mains.some((mark) => mark.checked) ? complete : noMain;
  say(form, fill(n ? text : noneSelected, { n }));
}

form.addEventListener("change", (event) => {
  agree(event.target);
  describe();
});
keepSelection(form);
describe();
submitByScript(form);
