// Rejects files that are too large before the upload, and shows its progress. Without this script the form still works.
// All texts come from the form's data attributes.

const form = document.querySelector("[data-upload]");
const input = form.querySelector("[type=file]");
const problem = form.querySelector(".field-problem");
const bar = form.querySelector("[data-sending]");
const button = form.querySelector("[type=submit]");

function limitProblem() {
  const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
  if (bytes > form.dataset.mostBytes) {
    return form.dataset.tooLarge.replace("{n_mebibytes}", (bytes / 2 ** 20).toFixed(0));
  }
  if (input.files.length > form.dataset.mostFiles) {
    return form.dataset.tooMany.replace("{n_files}", input.files.length);
  }
  return "";
}

function showProblem(words) {
  problem.textContent = words;
  problem.hidden = !words;
  input.toggleAttribute("aria-invalid", Boolean(words));
}

function upload() {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.upload.addEventListener("progress", (event) => (bar.value = event.loaded / event.total));
  request.addEventListener("load", () => {
    // After a successful upload a redirect leads back to this page.
    if (request.status === 200) return location.replace(request.responseURL);
    const message = request.response?.querySelector("#files-problem:not([hidden]), .problem, .note p");
    stop(message?.textContent ?? form.dataset.rejected);
  });
  request.addEventListener("error", () => stop(form.dataset.interrupted));
  request.open("POST", location.href);
  button.disabled = true;
  bar.hidden = false;
  request.send(new FormData(form));
}

function stop(words) {
  showProblem(words);
  button.disabled = false;
  bar.hidden = true;
}

input.addEventListener("change", () => showProblem(limitProblem()));
// The files may be chosen before this script is loaded.
if (input.files.length) showProblem(limitProblem());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  showProblem(limitProblem());
  if (problem.hidden) upload();
});
