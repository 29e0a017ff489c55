import { fill, keepSelection, say, submitByScript } from "../workforce/submit.js";
import { watch } from "../workforce/attention.js";

const form = document.querySelector("[data-answer]");
const boxes = [...form.querySelectorAll("input[name=selected]")];
const mains = [...form.querySelectorAll("input[name=main]")];
const hint = form.querySelector("[data-hint]");
const selected = () => boxes.filter((box) => box.checked).map((box) => box.value);

// Offer the selected labels as the main object, if there are several. A label that is not selected is not marked either;
// nothing here marks one.
function offerMains() {
  const values = selected();
  for (const main of mains) {
    const isSelected = values.includes(main.value);
    if (!isSelected) main.checked = false;
    main.disabled = main.closest("label").hidden = !isSelected || values.length < 2;
  }
  const { none, single, several } = hint.dataset;
  hint.textContent = [none, single][values.length] ?? several;
}

const missing = () => {
  const n = selected().length;
  if (!n) return "selected";
  return n > 1 && !mains.some((main) => main.checked) ? "main" : "";
};

function words() {
  const { noneSelected, oneSelected, noMain, complete } = form.dataset;
  const n = selected().length;
  return fill({ selected: noneSelected, main: noMain }[missing()] ?? (n > 1 ? complete : oneSelected), { n });
}

function update() {
  offerMains();
  say(form, words());
}

const problem = form.querySelector("[data-problem]");
let group = problem.closest("[data-group]");

// Show a problem at the group of fields where it is, and lead there.
function placeProblem(name) {
  mend(true);
  group = form.querySelector(`[data-group=${name}]`);
  group.querySelector("legend").after(problem);
  mend(false);
  group.focus();
  // On a low screen the group alone may fill the view.
  problem.scrollIntoView({ block: "nearest" });
}

// A problem that is mended stays in its room, so that nothing moves.
function mend(isMended) {
  problem.classList.toggle("mended", isMended);
  group?.setAttribute("aria-describedby", isMended ? "" : problem.id);
}

form.addEventListener("submit", (event) => {
  const name = missing();
  if (!name || !event.submitter?.matches(".bar [type=submit]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  problem.hidden = false;
  problem.textContent = words();
  placeProblem(name);
});
form.addEventListener("refused", ({ detail }) => {
  if (detail.group) return setTimeout(placeProblem, 0, detail.group);
  mend(true);
  group = null;
  problem.classList.remove("mended");
});
// Only a page without scripts cannot tell by itself.
form.querySelector("[data-unloaded-mark]").hidden = true;
form.addEventListener("change", () => {
  update();
  if (group) mend(missing() !== group.dataset.group);
});
watch(form);
keepSelection(form);
update();
submitByScript(form);

// The enlarged view. Back closes it, as do Escape and the button.
const large = form.querySelector("[data-large]");
const view = large.querySelector("[data-view]");
const zoom = large.querySelector("[data-zoom]");

function setNear(isNear) {
  view.classList.toggle("near", isNear);
  zoom.textContent = isNear ? zoom.dataset.farther : zoom.dataset.nearer;
}

form.querySelector("[data-enlarge]").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  view.querySelector("img").src = event.currentTarget.href;
  setNear(false);
  history.pushState({ large: true }, "");
  large.showModal();
});
for (const part of [zoom, view]) part.addEventListener("click", () => setNear(!view.classList.contains("near")));
large.querySelector("[data-close]").addEventListener("click", () => large.close());
large.addEventListener("close", () => history.state?.large && history.back());
addEventListener("popstate", () => large.close());
