"""Measure whether trying passwords slows workers down: one worker page, without and with a flood of guesses.

    .venv/bin/python benchmarks/sign_in_flood.py http://127.0.0.1:8000 'http://localhost:8000/join/BATCH?worker=you'

Takes the staff origin and the address of a worker page of a running site. Workers open that page, one after the other
in each of some threads, with a pause between. Meanwhile others try passwords at a set rate, from as many networks of
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
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60


@dataclass
class Round:
    """Seconds of each worker page of a round, and the number of guesses by the status of the answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("staff_origin")
    parser.add_argument("worker_page")
    parser.add_argument("--name", help="the account that is guessed (default: another name each time)")
    parser.add_argument("--networks", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two pages of a worker")
    parser.add_argument("--guessers", type=int, default=8)
    parser.add_argument("--per-second", type=float, default=10, help="guesses of all guessers together")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    print(f"{'round':>5} {'':8} {'pages':>7} {'p50 ms':>7} {'p95 ms':>7} {'max ms':>7}  answers to guesses")
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
    parts = urlsplit(options.worker_page)
    while time.monotonic() < end:
        start = time.perf_counter()
        status, _ = ask(parts.netloc, "GET", f"{parts.path}?{parts.query}")
        assert status < 500, status
        measured.seconds.append(time.perf_counter() - start)
        time.sleep(options.pause)


def guess(options: argparse.Namespace, measured: Round, end: float, number: int) -> None:
    host = urlsplit(options.staff_origin).netloc
    status, page = ask(host, "GET", "/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert status == 200 and token
    headers = {"Cookie": f"csrf={token[1]}", "Origin": options.staff_origin}
    time.sleep(number / options.per_second)  # not all at once
    for turn in itertools.count(number):
        if time.monotonic() >= end:
            return
        network = f"127.0.0.{1 + turn % options.networks}"
        fields = {"username": options.name or secrets.token_hex(6), "password": secrets.token_hex(6)}
        body = urlencode(fields | {"csrfmiddlewaretoken": token[1]})
        start = time.monotonic()
        measured.statuses[ask(host, "POST", "/login/", body, headers, network)[0]] += 1
        time.sleep(max(0, options.guessers / options.per_second - (time.monotonic() - start)))


def ask(
    host: str,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    network: str = "127.0.0.1",
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(f"//{host}").port or 80, timeout=TIMEOUT_SECONDS, source_address=(network, 0)
    )
    sent = {"Host": host} | (headers or {})
    if body is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


if __name__ == "__main__":
    main()
