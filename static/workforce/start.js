// In a marketplace's frame there are no cookies, and a Start in a worker's name may be anybody's. So this browser notes
// that it was pressed, and presses it again for the next assignment under the same text.
const form = document.querySelector("[data-start]");
const { start: key } = form.dataset;
const trace = form.elements.trace;
const tried = `${key} ${location.search}`;

function attempt(step) {
  try {
    return step();
  } catch {
    return null; // a browser that stores nothing
  }
}

const note = attempt(() => localStorage.getItem(key));
if (note && !attempt(() => sessionStorage.getItem(tried))) {
  attempt(() => sessionStorage.setItem(tried, "yes"));
  if (trace) trace.checked = note === "trace";
  form.submit();
}
form.addEventListener("submit", () => attempt(() => localStorage.setItem(key, trace?.checked ? "trace" : "yes")));
document.getElementById("decline").addEventListener("submit", () => attempt(() => localStorage.removeItem(key)));
