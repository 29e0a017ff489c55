// A button beside each link copies it, and a click into the link selects all of it. Both texts of the button come from
// the page.

import "./refresh.js";

const buttons = () => document.querySelectorAll("[data-copy]");

function showButtons() {
  // Browsers allow copying only on pages over https or of this machine.
  for (const button of buttons()) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(field.value);
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = button.dataset.label), 2000);
}

document.addEventListener("click", (event) => {
  if (event.target.matches("[data-copy]")) copy(event.target).catch(() => event.target.previousElementSibling.select());
  if (event.target.matches(".copy-field input")) event.target.select();
});
document.addEventListener("renewed", showButtons);
showButtons();
