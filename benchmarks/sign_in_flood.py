"""Measure whether trying passwords slows workers down: their requests, without and with a flood of guesses.

    .venv/bin/python benchmarks/sign_in_flood.py http://127.0.0.1:8000 http://localhost:8000/join/BATCH

Takes the staff origin and a study link of a running site, of a batch of grids with one task per participant and
a slot to spare for every cycle.
In each of some threads one new participant after the other presses Start, opens the page and submits one selected
photograph; each request is measured, and a pause follows. The site's limits per network (docs/settings.md) have to let
them through. Meanwhile others try passwords at a set rate, from as many networks of
this machine as `--networks` says, each guess under a new name or under `--name`. Rounds with and without the flood
alternate, so that whatever else the machine does meets both.
"""

import argparse
import http.client
import itertools
import re
import secrets
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60
# What browsers say of a form on the site's own page.
OWN = {"Sec-Fetch-Site": "same-origin"}
FIELDS = ("token", "key", "selected")


class Answer(NamedTuple):
    status: int
    location: str
    text: str


@dataclass
class Round:
    """Seconds of each worker request of a round, and the number of guesses by the status of the answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("staff_origin")
    parser.add_argument("study_link")
    parser.add_argument("--name", help="the account that is guessed (default: another name each time)")
    parser.add_argument("--networks", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two requests of a worker")
    parser.add_argument("--guessers", type=int, default=8)
    parser.add_argument("--per-second", type=float, default=10, help="guesses of all guessers together")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    print(f"{'round':>5} {'':8} {'asked':>7} {'p50 ms':>7} {'p95 ms':>7} {'max ms':>7}  answers to guesses")
    p95: dict[bool, list[float]] = {False: [], True: []}
    for number, is_flooded in itertools.product(range(1, options.rounds + 1), (False, True)):
        measured = run_round(options, is_flooded)
        p95[is_flooded].append(print_round(number, is_flooded, measured))
    ratio = statistics.median(p95[True]) / statistics.median(p95[False])
    print(f"the p95 of workers during the flood is {ratio:.2f} times that without")


def run_round(options: argparse.Namespace, is_flooded: bool) -> Round:
    measured, end = Round(), time.monotonic() + options.seconds
    threads = [threading.Thread(target=work, args=[options, measured, end]) for _ in range(options.workers)]
    if is_flooded:
        threads += [
            threading.Thread(target=guess, args=[options, measured, end, number]) for number in range(options.guessers)
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return measured


def print_round(number: int, is_flooded: bool, measured: Round) -> float:
    times = sorted(1000 * seconds for seconds in measured.seconds)
    p95 = times[int(0.95 * len(times))]
    statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(measured.statuses.items()))
    kind = "flood" if is_flooded else "quiet"
    figures = " ".join(f"{figure:>7.1f}" for figure in (statistics.median(times), p95, times[-1]))
    print(f"{number:>5} {kind:8} {len(times):>7,} {figures}  {statuses}")
    return p95


def work(options: argparse.Namespace, measured: Round, end: float) -> None:
    link = urlsplit(options.study_link)
    while time.monotonic() < end:
        for seconds in cycle(link.netloc, f"{link.path}?worker={secrets.token_hex(8)}"):
            measured.seconds.append(seconds)
            time.sleep(options.pause)


def cycle(host: str, address: str) -> Iterator[float]:
    """Yield the seconds of Start, of the page and of submitting it, for one new participant."""
    seconds, started = timed(host, "POST", address, "", OWN)
    yield seconds
    assert started.status == 303 and "/join/" not in started.location, started
    seconds, page = timed(host, "GET", started.location)
    yield seconds
    token, key, handle = (re.search(rf'name="{name}" value="([^"]+)"', page.text) for name in FIELDS)
    assert token and key and handle, page.status
    body = urlencode({"token": token[1], "key": key[1], "selected": handle[1]})
    seconds, submitted = timed(host, "POST", started.location, body, OWN)
    yield seconds
    assert submitted.status == 303, submitted.status


def timed(*request: Any) -> tuple[float, Answer]:
    start = time.perf_counter()
    answer = ask(*request)
    return time.perf_counter() - start, answer


def guess(options: argparse.Namespace, measured: Round, end: float, number: int) -> None:
    host = urlsplit(options.staff_origin).netloc
    page = ask(host, "GET", "/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert page.status == 200 and token
    headers = {"Cookie": f"csrf={token[1]}", "Origin": options.staff_origin}
    time.sleep(number / options.per_second)  # not all at once
    for turn in itertools.count(number):
        if time.monotonic() >= end:
            return
        network = f"127.0.0.{1 + turn % options.networks}"
        fields = {"username": options.name or secrets.token_hex(6), "password": secrets.token_hex(6)}
        body = urlencode(fields | {"csrfmiddlewaretoken": token[1]})
        start = time.monotonic()
        measured.statuses[ask(host, "POST", "/login/", body, headers, network).status] += 1
        time.sleep(max(0, options.guessers / options.per_second - (time.monotonic() - start)))


def ask(
    host: str,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    network: str = "127.0.0.1",
) -> Answer:
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(f"//{host}").port or 80, timeout=TIMEOUT_SECONDS, source_address=(network, 0)
    )
    sent = {"Host": host} | (headers or {})
    if body is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return Answer(answer.status, answer.getheader("Location", ""), text)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
