// In a marketplace's frame there are no cookies, and a Start in a worker's name may be anybody's. So this browser notes
// that its Start was pressed, and presses it again for the next assignment under the same text.
const form = document.querySelector("[data-start]");
const { start: key } = form.dataset;
const { trace } = form.elements;

function attempt(step) {
  try {
    return step();
  } catch {
    return null; // a browser that stores nothing
  }
}

form.addEventListener("submit", ({ submitter }) => {
  // Enter in the checkbox presses a button that sends nothing.
  if (submitter.formMethod !== "dialog") attempt(() => localStorage.setItem(key, trace?.checked ? "trace" : "yes"));
});
document.getElementById("decline").addEventListener("submit", () => attempt(() => localStorage.removeItem(key)));
const note = attempt(() => localStorage.getItem(key));
if (note) {
  if (trace) trace.checked = note === "trace";
  form.submit();
}
