import { handInByScript, keepTicks, say } from "../submit.js";

const form = document.querySelector("[data-answer]");
const boxes = [...form.querySelectorAll("input[name=selected]")];
const mains = [...form.querySelectorAll("input[name=main]")];
const partner = (input) => (input.name === "main" ? boxes : mains).find((other) => other.value === input.value);

// Tick and main mark tell one story: the main object is ticked, what is not ticked is not main, and a single one is main.
function agree(changed) {
  if (changed.name === "main" && changed.checked) partner(changed).checked = true;
  if (changed.name === "selected" && !changed.checked) partner(changed).checked = false;
  const ticked = boxes.filter((box) => box.checked);
  if (ticked.length === 1) partner(ticked[0]).checked = true;
}

function tell() {
  const ticked = boxes.filter((box) => box.checked).length;
  const main = mains.some((mark) => mark.checked);
  if (!ticked) say(form, "Tick at least one label.");
  else if (!main) say(form, `${ticked} ticked. Which one is the main object?`);
  else say(form, `${ticked} object${ticked > 1 ? "s" : ""} ticked, main object marked.`);
}

form.addEventListener("change", (event) => {
  agree(event.target);
  tell();
});
keepTicks(form);
tell();
handInByScript(form);
