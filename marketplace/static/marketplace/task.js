// The running timer, and the next page after the page in the frame has submitted.
const WARN_AT = 0.75;
const timer = document.getElementById("timer");
const words = document.getElementById("timer-words");
const bar = document.getElementById("timer-bar");
const warning = document.getElementById("warning");
const over = document.getElementById("over");
const allowed = Number(timer.dataset.allowed);
// The server says how much has passed; from then on only differences of this clock count.
const begun = Date.now() - Number(timer.dataset.elapsed) * 1000;

const clock = (seconds) => {
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

const show = () => {
  const elapsed = Math.min(allowed, Math.max(0, Math.floor((Date.now() - begun) / 1000)));
  words.textContent = timer.dataset.words.replace("{elapsed}", clock(elapsed)).replace("{allowed}", clock(allowed));
  bar.value = elapsed;
  timer.classList.toggle("late", elapsed >= allowed * WARN_AT);
  if (elapsed >= allowed) {
    warning.hidden = true;
    over.hidden = false;
    clearInterval(ticking);
  } else if (elapsed >= allowed * WARN_AT && !warning.dataset.shown) {
    warning.dataset.shown = "yes";
    warning.textContent = warning.dataset.words.replace("{remaining}", clock(allowed - elapsed));
    warning.hidden = false;
    setTimeout(() => { warning.hidden = true; }, 20000);
  }
};

const ticking = setInterval(show, 1000);
bar.hidden = false;
show();
document.addEventListener("visibilitychange", show);

const next = document.getElementById("next-page").dataset;
const auto = document.getElementById("auto");
const frame = document.getElementById("task");
document.getElementById("auto-line").hidden = false;
window.addEventListener("message", (event) => {
  const isOurs = event.origin === window.location.origin && event.source === frame.contentWindow;
  if (!isOurs || event.data?.submitted !== next.assignment) return;
  sessionStorage.setItem("submitted", next.assignment);
  window.location.replace(auto.checked ? `${next.href}?auto=1` : next.href);
});
