// Keys of a page: each does what the element with that key in data-keys does. Fields get the focus, all else is clicked.
// Without this script the same buttons, links and fields are there for the mouse and the Tab key.

const isText = (element) => element.matches("textarea, select, input:not([type=radio], [type=checkbox])");
let isLeaving = false;

addEventListener("pageshow", () => (isLeaving = false));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (isText(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const element = document.querySelector(`[data-keys~="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!element || isLeaving) return;
  event.preventDefault();
  if (isText(element)) return element.focus();
  // A second press before the next page has come would be meant for what is there now.
  isLeaving = element.matches("a[href]:not([target]), button") && (!element.form || isValid(element));
  element.click();
});

function isValid(button) {
  return button.formNoValidate || button.form.checkValidity();
}
