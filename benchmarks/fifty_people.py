#!/usr/bin/env python3
"""Fifty people at once: how long each of their requests takes, and whether everything they sent is there (T22).

    .venv/bin/python benchmarks/fifty_people.py FOLDER [--people 50] [--seconds 300] [--think 20] [--port 8661]

FOLDER is made for a site of its own (benchmarks/served.py), with the processes of ./run. Each person starts, loads the
page of a grid with its style sheet, its script and its 48 photographs, looks at it for a while (between a half and one
and a half of `--think` seconds), submits by JSON as the page's script does, and goes on with the next task. They come
within the first `--think` seconds. `--seconds 75` is the short form. The people take a part of the same processors.
"""

import argparse
import http.client
import json
import os
import random
import re
import statistics
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.served import Served, served  # noqa: E402

N_TILES = 48
LONGEST_SECONDS = 1.0
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
JSON = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
BROWSER = {"Accept-Encoding": "identity", "Accept": "image/webp,*/*"}
COUNT = """
from workforce.models import Submission
from contains_task.models import ContainsVote
print(Submission.objects.count(), ContainsVote.objects.count())
"""


class Person(threading.Thread):
    """Somebody at work until the end. `seconds` are those of the requests, by their kind."""

    def __init__(self, site: Served, name: str, think: float, end: float) -> None:
        super().__init__()
        self.name, self.think, self.end = name, think, end
        self.random = random.Random(name)
        self.join_address = f"/join/{site.batch}?worker={name}"
        self.connection = http.client.HTTPConnection(urlsplit(site.origin).netloc, timeout=60)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.acknowledged = 0
        self.problem = ""

    def run(self) -> None:
        try:
            time.sleep(self.random.uniform(0, self.think))
            address = self.ask("start", 303, "POST", self.join_address, "", FORM)[0]
            while time.monotonic() < self.end and "/contains/" in address:
                address = self.task(address)
        except Exception as error:  # noqa: BLE001 - every one of them is a result
            self.problem = f"{self.name}: {error!r}"

    def task(self, address: str) -> str:
        """Do one task, and return the address of the next."""
        page = self.ask("page", 200, "GET", address)[1]
        for file in re.findall(r'(?:src|href)="(/static/[^"]+\.(?:css|js))"', page):
            self.ask("static file", 200, "GET", file)
        photographs = re.findall(r'<img src="(/i/[^"]+)"', page)
        assert len(photographs) == N_TILES, page[:300]
        for photograph in photographs:
            self.ask("photograph", 200, "GET", photograph)
        # The server ends a connection that is quiet for so long; the next request opens one.
        self.connection.close()
        time.sleep(self.think * self.random.uniform(0.5, 1.5))
        token, key, handle = (
            re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("token", "key", "selected")
        )
        assert token and key and handle, page[:300]
        answer = {"token": token[1], "key": key[1], "selected": [handle[1]]}
        stored = self.ask("submit", 200, "POST", address, json.dumps(answer), JSON)[1]
        self.acknowledged += 1
        following: str = json.loads(stored)["next"]
        return following

    def ask(self, kind: str, status: int, method: str, address: str, body: str = "", headers: dict | None = None):
        begin = time.perf_counter()
        self.connection.request(method, address, body or None, BROWSER | (headers or {}))
        answer = self.connection.getresponse()
        content = answer.read()
        self.seconds[kind].append(time.perf_counter() - begin)
        assert answer.status == status, (kind, answer.status, content[:300])
        return answer.headers.get("Location", ""), content.decode(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--think", type=float, default=20)
    parser.add_argument("--port", type=int, default=8661)
    options = parser.parse_args()
    grids = int(options.people * (2 + options.seconds / options.think) / 9) + 1
    with served(options.folder, options.port, grids=grids) as site:
        end = time.monotonic() + options.seconds
        people = [Person(site, f"person{n}", options.think, end) for n in range(options.people)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        stored = tuple(map(int, site.ask(COUNT).split()))
    report(people, stored)


def report(people: list[Person], stored: tuple[int, ...]) -> None:
    acknowledged = sum(person.acknowledged for person in people)
    kinds = sorted({kind for person in people for kind in person.seconds})
    for kind in kinds:
        times = sorted(1000 * seconds for person in people for seconds in person.seconds[kind])
        p95 = times[int(0.95 * (len(times) - 1))]
        print(
            f"{kind:12} {len(times):7,}  p50 {statistics.median(times):6.1f}  p95 {p95:6.1f}  max {times[-1]:7.1f} ms"
        )
    late = sum(seconds > LONGEST_SECONDS for person in people for kind in kinds for seconds in person.seconds[kind])
    print(f"{late} requests over {LONGEST_SECONDS:g} s; {acknowledged} answers acknowledged, {stored[0]} stored")
    print(f"{stored[1]} votes, {N_TILES} each; load {os.getloadavg()[0]:.1f}")
    problems = [person.problem for person in people if person.problem]
    print("\n".join(problems[:5]))
    if problems or stored != (acknowledged, acknowledged * N_TILES):
        raise SystemExit("something is lost or failed")


if __name__ == "__main__":
    main()
