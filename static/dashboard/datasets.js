// A button beside each address copies it; a click into the address selects all of it.

import "./refresh.js";

const buttons = () => document.querySelectorAll("[data-copy]");

function offer() {
  // Browsers let only pages over https, or of this machine, copy.
  for (const button of buttons()) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(field.value);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

document.addEventListener("click", (event) => {
  if (event.target.matches("[data-copy]")) copy(event.target).catch(() => event.target.previousElementSibling.select());
  if (event.target.matches(".copy-field input")) event.target.select();
});
document.addEventListener("renewed", offer);
offer();
