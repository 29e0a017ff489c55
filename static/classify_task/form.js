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

// Show a problem at the group of fields where it is, and lead there.
function placeProblem(name) {
  const group = form.querySelector(`[data-group=${name}]`);
  forget("");
  group.querySelector("legend").after(problem);
  group.setAttribute("aria-describedby", problem.id);
  return group;
}

// The room of a problem stays, so that nothing moves.
function forget(visibility) {
  problem.style.visibility = visibility;
  for (const group of form.querySelectorAll("[data-group]")) group.removeAttribute("aria-describedby");
}

form.addEventListener("submit", (event) => {
  const name = missing();
  if (!name || !event.submitter?.matches(".bar [type=submit]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const group = placeProblem(name);
  problem.hidden = false;
  problem.textContent = words();
  group.focus();
});
form.addEventListener("refused", ({ detail }) => detail.group && setTimeout(() => placeProblem(detail.group).focus()));
// Only a page without scripts cannot tell by itself.
form.querySelector("[data-unloaded-mark]").hidden = true;
form.addEventListener("change", () => {
  update();
  if (!missing() && !problem.querySelector("a")) forget("hidden");
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
