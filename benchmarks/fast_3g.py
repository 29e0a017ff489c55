#!/usr/bin/env python3
"""Measure how soon photographs of a grid are seen: Chromium under "Fast 3G", as a phone and as a desktop.

    .venv/bin/python benchmarks/fast_3g.py FOLDER [--runs 5] [--port 8660]

FOLDER is made for a site of its own (benchmarks/served.py). Chromium's own throttling adds 562.5 ms to every request
and lets 1.44 Mbit/s through, as its developer tools do under that name. Every run is a new person with an empty cache
who opens the page of a first task. Painted: Element Timing's time of a tile, from the start of the navigation; tiles
below the first screen are not painted yet, so "ten tiles" are ten that are loaded and decoded. Medians of all runs.
"""

import argparse
import http.client
import os
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.served import Served, served  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FAST_3G = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
SCREENS: dict[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
    },
    "desktop": {"viewport": {"width": 1440, "height": 900}},
}
# Before the page: mark every photograph, and keep when it was painted and when it was ready.
WATCH = """
window.painted = []; window.ready = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) painted.push(entry.renderTime || entry.loadTime);
}).observe({ type: "element", buffered: true });
const mark = (image) => {
  image.setAttribute("elementtiming", "tile");
  image.addEventListener("load", () => image.decode().then(() => ready.push(performance.now())));
};
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) {
    if (node.matches?.(".grid img")) mark(node);
  }
}).observe(document, { childList: true, subtree: true });
"""
ENOUGH = "() => painted.length > 0 && ready.length >= 10"
FIGURES = """() => {
  const transferred = (pattern) => performance.getEntriesByType("resource")
    .filter(({ name }) => pattern.test(name)).reduce((sum, { transferSize }) => sum + transferSize, 0);
  const [page] = performance.getEntriesByType("navigation");
  return {
    first: Math.min(...painted), ten: ready.sort((a, b) => a - b)[9], html: page.responseEnd,
    kB: (page.transferSize + transferred(/static/)) / 1000, tiles: transferred(/[/]i[/]/) / 1000,
  };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--port", type=int, default=8660)
    options = parser.parse_args()
    with served(options.folder, options.port, grids=8) as site, sync_playwright() as playwright:
        program = next(filter(None, map(shutil.which, BROWSERS)))
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for screen in SCREENS:
            look(site, browser, screen, -1)  # the servers' first pages are not counted
            runs = [look(site, browser, screen, run) for run in range(options.runs)]
            report(screen, runs)
        browser.close()


def look(site: Served, browser: Browser, screen: str, run: int) -> dict[str, float]:
    """Open a first task's page once, and return the milliseconds and kilobytes of it."""
    address = started(site, f"{screen}{run}")
    context = browser.new_context(**SCREENS[screen])
    page = context.new_page()
    page.add_init_script(WATCH)
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", FAST_3G)
    page.goto(address, wait_until="commit")
    page.wait_for_function(ENOUGH)
    page.wait_for_load_state("load")
    figures: dict[str, float] = page.evaluate(FIGURES)
    context.close()
    return figures


def started(site: Served, name: str) -> str:
    """Press Start as a new person, and return the address of the task."""
    connection = http.client.HTTPConnection(urlsplit(site.origin).netloc)
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/join/{site.batch}?worker={name}", "", headers)
    answer = connection.getresponse()
    assert answer.status == 303, answer.read()[:500]
    return site.origin + str(answer.headers["Location"])


def report(screen: str, runs: list[dict[str, float]]) -> None:
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    seconds = ", ".join(f"{words} {middle[name] / 1000:.2f} s" for name, words in TIMES.items())
    sizes = f"page, style sheet and scripts {middle['kB']:.1f} kB with headers, tiles {middle['tiles']:.0f} kB"
    first = [run["first"] / 1000 for run in runs]
    spread = f"first tile {min(first):.2f} to {max(first):.2f} s"
    print(f"{screen}: {seconds}; {sizes}; {spread}; load {os.getloadavg()[0]:.1f}", flush=True)


TIMES = {"html": "HTML", "first": "first tile painted", "ten": "ten tiles"}

if __name__ == "__main__":
    main()
