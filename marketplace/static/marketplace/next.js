// Goes on by itself, once, and only straight after a HIT was handed in: coming back to this page accepts nothing.
const form = document.getElementById("next");
const auto = document.getElementById("auto");
const justDone = sessionStorage.getItem("handed-in");
sessionStorage.removeItem("handed-in");
if (form && auto.checked && justDone === form.dataset.after) {
  form.requestSubmit();
}
