#!/usr/bin/env python3
"""Measure the page of a class: how soon it opens, how soon a verdict is stored, and what an expert waits for.

    .venv/bin/python benchmarks/review.py FOLDER [--classes 1000] [--people 8] [--seconds 60] [--think 1.5]

FOLDER is made for a site of its own (benchmarks/served.py) with a review of 40 images a class. Then experts review at
once over HTTP, as the page's script asks: each opens the page of a class, thinks for `--think` seconds (half to one
and a half of it) before each verdict, sends it alone, and goes on with the next class of a part of their own. After
that one expert works through 200 predictions on photographs in Chromium, by keyboard alone, ten keys a second: the
time from each key until the next prediction is marked and painted (two animation frames later at most), and the delay
that Chromium itself reports (Event Timing). People and site share the same processors.
"""

import argparse
import http.client
import json
import random
import re
import shutil
import statistics
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.served import Served, served  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
LIMITS_MS = {"class page": 150, "verdict": 50}
PAINTED_MS = 100
N_KEYS = 200
N_OF_A_CLASS, N_WARM = 8, 4
VERDICTS = {"c": "correct", "x": "wrong", "u": "unclear", "d": "dontknow"}
COUNT = "from review_task.models import Verdict; print(Verdict.objects.count())"
# Before the page's own scripts: the time of a key, and of the frame in which another item is marked.
WATCH = """
window.painted = []; window.events = [];
let pressed = 0;
addEventListener("keydown", () => {
  const time = performance.now();
  const before = document.querySelector("[data-item][aria-current]");
  const wait = (frames) => requestAnimationFrame(() => {
    if (document.querySelector("[data-item][aria-current]") === before && frames < 60) return wait(frames + 1);
    // The frame is painted before a task that is posted in it runs.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => painted.push(performance.now() - time);
    channel.port2.postMessage(null);
  });
  wait(0);
}, true);
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name === "keydown") events.push(entry.duration);
}).observe({ type: "event", durationThreshold: 16, buffered: true });
"""


class Expert(threading.Thread):
    """A reviewer at work until the end. `seconds` are those of the requests, by their kind."""

    def __init__(self, site: Served, number: int, think: float, end: float) -> None:
        super().__init__()
        self.site, self.number, self.think, self.end = site, number, think, end
        self.random = random.Random(number)
        self.connection = http.client.HTTPConnection(urlsplit(site.staff_origin).netloc, timeout=60)
        self.cookies = {"session": site.content["sessions"][number]}
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.n_stored, self.problem = 0, ""

    def run(self) -> None:
        n_people = len(self.site.content["sessions"])
        pages = self.site.content["pages"][self.number + 1 :: n_people]
        try:
            # The servers' first pages, which read templates, are not counted.
            for _ in range(N_WARM):
                self.ask("warm", "GET", f"/review/class/{pages[0]}/")
            self.seconds.clear()
            time.sleep(self.random.uniform(0, self.think))
            for page in pages:
                self.review(page)
                if time.monotonic() > self.end:
                    return
        except Exception as error:  # noqa: BLE001 - every one of them is a result
            self.problem = f"expert {self.number}: {error!r}"

    def review(self, page: int) -> None:
        address = f"/review/class/{page}/"
        text = self.ask("class page", "GET", address)
        token, person = (re.search(pattern, text) for pattern in (r'token" value="([^"]+)', r'data-person="(\d+)'))
        assert token and person, text[:300]
        # A class has more predictions than a benchmark has time for.
        for item, label in re.findall(r'data-item="([^"]+)" data-label="(\d+)"', text)[:N_OF_A_CLASS]:
            # Beside the images, the page explains each label once it is marked.
            self.ask("label explained", "GET", f"/review/{self.site.content['review']}/label/{label}/")
            time.sleep(self.think * self.random.uniform(0.5, 1.5))
            press = {"key": f"{time.time_ns()}", "device": "bench", "kind": "verdict", "item": item, "age": 1}
            press["verdict"] = self.random.choice(list(VERDICTS.values()))
            body = json.dumps({"person": person[1], "presses": [press]})
            headers = {"Content-Type": "application/json", "X-CSRFToken": token[1], "Sec-Fetch-Site": "same-origin"}
            answer = json.loads(self.ask("verdict", "POST", f"{address}presses/", body, headers))
            assert answer["answers"][press["key"]]["verdict"] == press["verdict"], answer
            self.n_stored += 1
            if time.monotonic() > self.end:
                return

    def ask(self, kind: str, method: str, address: str, body: str | None = None, headers: dict | None = None) -> str:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} | (headers or {})
        begin = time.perf_counter()
        try:
            self.connection.request(method, address, body, sent)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server ends a connection that is quiet for long.
            self.connection.close()
            begin = time.perf_counter()
            self.connection.request(method, address, body, sent)
            answer = self.connection.getresponse()
        content = answer.read().decode()
        self.seconds[kind].append(time.perf_counter() - begin)
        assert answer.status == 200, (kind, answer.status, content[:300])
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return content


def by_keyboard(site: Served, screenshots: Path | None) -> tuple[dict[str, list[float]], bool]:
    """Return what an expert in a browser waits for, and whether all that was pressed is stored."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(viewport={"width": 1600, "height": 950})
        session = {"name": "session", "value": site.content["sessions"][0], "url": site.staff_origin}
        context.add_cookies([cast(Any, session)])
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"{site.staff_origin}/review/class/{site.content['pages'][0]}/")
        page.wait_for_selector("[data-scripts]")
        chance = random.Random(3)
        for number in range(N_KEYS):
            page.keyboard.press(chance.choice(list(VERDICTS)))
            page.wait_for_timeout(100)
            if screenshots and number == 60:
                page.screenshot(path=screenshots / "review.png")
        page.wait_for_selector("[data-saving=stored]", timeout=60_000)
        figures: dict[str, list[float]] = page.evaluate("({ painted, events })")
        n_judged = page.locator("[data-item]:not([data-verdict=unreviewed])").count()
        browser.close()
    return figures, n_judged == N_KEYS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=1.5)
    parser.add_argument("--port", type=int, default=8662)
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    size = [str(options.classes), str(options.people)]
    with served(options.folder, options.port, script="review_study.py", arguments=size) as site:
        figures = site.content
        print(f"{figures['n_images']} images, {figures['n_items']} predictions: opened in {figures['seconds']:.1f} s")
        end = time.monotonic() + options.seconds
        experts = [Expert(site, number, options.think, end) for number in range(options.people)]
        for expert in experts:
            expert.start()
        for expert in experts:
            expert.join()
        n_rows = int(site.ask(COUNT))
        is_good = report_requests(experts, n_rows)
        is_good &= report_keys(*by_keyboard(site, options.screenshots))
    sys.exit(0 if is_good else 1)


def report_requests(experts: list[Expert], n_rows: int) -> bool:
    n_stored = sum(expert.n_stored for expert in experts)
    is_good = n_stored == n_rows and not any(expert.problem for expert in experts)
    for kind in sorted({kind for expert in experts for kind in expert.seconds}):
        times = [1000 * second for expert in experts for second in expert.seconds[kind]]
        p95, limit = quantile(times, 0.95), LIMITS_MS.get(kind)
        is_good &= limit is None or p95 < limit
        words = f" (limit {limit} ms)" if limit else ""
        print(f"{kind}: n={len(times)} median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms{words}")
    print(f"verdicts: {n_stored} acknowledged, {n_rows} stored")
    for expert in experts:
        if expert.problem:
            print(expert.problem)
    return is_good


def report_keys(figures: dict[str, Any], is_stored: bool) -> bool:
    painted, events = figures["painted"], figures["events"]
    slowest = max(painted)
    middle = statistics.median(painted)
    print(f"keys: n={len(painted)} median {middle:.0f} ms, slowest {slowest:.0f} ms (limit {PAINTED_MS} ms)")
    # Event Timing reports those of 16 ms and more, in steps of 8.
    print(f"keys by Event Timing: n={len(events)} slowest {max(events, default=0):.0f} ms")
    print("all stored" if is_stored else "NOT all stored")
    return bool(slowest <= PAINTED_MS and is_stored)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
