// A coarse trace, only if both the study and the person agreed: where the pointer is, and how far the page is scrolled,
// in percent, at most once a second and only when something changed. The form carries it; submit.js sends it.
const MOST_MOMENTS = 90; // within 2 kB
const form = document.querySelector("form[data-trace]");
const begin = performance.now();
const moments = (form.moments = []);
let pointer = [0, 0];

addEventListener("pointermove", ({ clientX, clientY }) => {
  pointer = [percent(clientX, innerWidth), percent(clientY, innerHeight)];
});
const timer = setInterval(() => {
  const { scrollHeight } = document.documentElement;
  const moment = [...pointer, percent(scrollY, scrollHeight - innerHeight)];
  if (!document.hidden && String(moment) !== String(moments.at(-1)?.slice(1))) {
    moments.push([Math.round((performance.now() - begin) / 1000), ...moment]);
  }
  if (moments.length >= MOST_MOMENTS) clearInterval(timer);
}, 1000);

function percent(part, whole) {
  return whole > 0 ? Math.min(100, Math.max(0, Math.round((100 * part) / whole))) : 0;
}
