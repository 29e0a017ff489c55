// Accepts the next HIT automatically, once, right after a submission: coming back to this page accepts nothing.
const form = document.getElementById("next");
const auto = document.getElementById("auto");
const justSubmitted = sessionStorage.getItem("submitted");
sessionStorage.removeItem("submitted");
if (form && auto.checked && justSubmitted === form.dataset.after) {
  form.requestSubmit();
}
