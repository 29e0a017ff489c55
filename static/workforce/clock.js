// The time that is left of a task: said in its last fifth only, to the minute and at last to the second.
// It is the site's time. The two clocks of this device measure what has passed since; where they disagree (it slept, or
// was set), and before anything is said to be over, the site is asked again.

const MOST_SECONDS = 5; // of disagreement
const LAST_SECONDS = 120; // are counted down
const RETRY_SECONDS = 30;
const clock = document.querySelector("[data-clock]");
const times = () => [performance.now() / 1000, Date.now() / 1000];
let left = Number(clock?.dataset.clock);
let since = times();

function passed() {
  const [running, said] = times().map((time, n) => time - since[n]);
  return { seconds: Math.max(running, said), agree: Math.abs(running - said) < MOST_SECONDS };
}

async function tick() {
  const { seconds, agree } = passed();
  const now = Math.floor(left - seconds);
  if (now > 0 && agree) return show(now);
  show(0);
  await ask();
}

function show(seconds) {
  const { last, minutes, time } = clock.dataset;
  clock.hidden = !seconds || seconds > last;
  const text =
    seconds > LAST_SECONDS
      ? minutes.replace("{n}", Math.floor(seconds / 60))
      : time.replace("{time}", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
  if (clock.textContent !== text) clock.textContent = text;
  if (seconds) setTimeout(tick, Math.max(1, Math.min(seconds - last, 60)) * 1000);
}

// Its page says how long the task is still held; a page without says that it is not.
async function ask() {
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) throw new Error();
    // The study link may have led to another task, whose time is no time of this one.
    const seconds = response.redirected ? 0 : Number((await response.text()).match(/data-clock="(\d+)"/)?.[1] ?? 0);
    [left, since] = [seconds, times()];
    if (seconds) return show(seconds);
    clock.textContent = clock.dataset.over;
    clock.hidden = false;
  } catch {
    setTimeout(ask, RETRY_SECONDS * 1000);
  }
}

if (clock) tick();
