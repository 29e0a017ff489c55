// Says what is too large before it is sent, and how much of it has been. Without this the form works as forms do.

const form = document.querySelector("[data-upload]");
const input = form.querySelector("[type=file]");
const problem = form.querySelector(".field-problem");
const bar = form.querySelector("[data-sending]");
const button = form.querySelector("[type=submit]");

function tooMuch() {
  const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
  if (bytes > form.dataset.mostBytes) {
    return `These are ${(bytes / 2 ** 20).toFixed(0)} MiB, more than are taken at a time: send fewer, or smaller archives.`;
  }
  if (input.files.length > form.dataset.mostFiles) {
    return `These are ${input.files.length} files, more than are taken at a time: put them into an archive.`;
  }
  return "";
}

function tell(words) {
  problem.textContent = words;
  problem.hidden = !words;
  input.toggleAttribute("aria-invalid", Boolean(words));
}

function send() {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.upload.addEventListener("progress", (event) => (bar.value = event.loaded / event.total));
  request.addEventListener("load", () => {
    // Where all is well the answer is the same page, found by a redirect.
    if (request.status === 200) return location.replace(request.responseURL);
    const said = request.response?.querySelector("#files-problem:not([hidden]), .problem, .note p");
    stop(said?.textContent ?? "The site did not take it. Reload the page and try again.");
  });
  request.addEventListener("error", () => stop("The connection broke before all was sent. Nothing was imported: try again."));
  request.open("POST", location.href);
  button.disabled = true;
  bar.hidden = false;
  request.send(new FormData(form));
}

function stop(words) {
  tell(words);
  button.disabled = false;
  bar.hidden = true;
}

input.addEventListener("change", () => tell(tooMuch()));
// Chosen before this script was there.
if (input.files.length) tell(tooMuch());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  tell(tooMuch());
  if (problem.hidden) send();
});
