"""People at work over real HTTP, who write down what they did before and after they did it.

Each line of the operations log is one event of one submit: `invoke` before the first try, then `ok` (acknowledged),
`fail` (refused) or `info` (nobody knows: it may be stored or not). A try that got no answer, or an answer that says
"our fault", is repeated with the same key, as the page's script does.
"""

import http.client
import json
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.required import require

IMAGE = re.compile(r'name="selected" value="([\w-]+)"')
TOKEN = re.compile(r'name="token" value="([^"]+)"')
KEY = re.compile(r'name="key" value="([\w-]+)"')
START = re.compile(r">(Start|Continue)</button>")
NO_ANSWER = (OSError, http.client.HTTPException)
PAUSE_SECONDS = 0.1
ONE_TRY_SECONDS = 10
# Longer than a site needs to come back, also on a slow machine that has other work.
PATIENCE_SECONDS = 180


class GivenUp(Exception):
    """No answer came for longer than anybody waits."""


class OperationsLog:
    """Lines are written through before the next step, by many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()

    def write(self, event: str, **what: object) -> None:
        line = json.dumps({"event": event, "at": time.monotonic(), **what})
        with self.lock, open(self.path, "a") as log:
            log.write(line + "\n")

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


class Person:
    """Works through a batch: asks for the next HIT, ticks at random, hands in `copies` times at once."""

    def __init__(self, port: int, batch: str, name: str, log: OperationsLog, *, copies: int = 1):
        self.port, self.batch, self.name, self.log = port, batch, name, log
        self.copies = copies
        self.chance = random.Random(name)
        self.n_acknowledged = 0

    def work(self, until: float, at_least: int) -> None:
        """Until then, and until so many of one's own answers were acknowledged, unless that takes far too long."""
        give_up = until + PATIENCE_SECONDS
        while time.monotonic() < (until if self.n_acknowledged >= at_least else give_up) and (page := self.next_page()):
            self.hand_in(*page)

    def next_page(self) -> tuple[str, str] | None:
        """(path, html) of the next grid, which a button on the study link starts; None when there is no more work."""
        path = f"/join/{self.batch}?{urlencode({'worker': self.name})}"
        for _ in range(5):
            status, headers, body = self.patiently("GET", path)
            if status == 200 and START.search(body):
                status, headers, body = self.patiently("POST", path, "{}")
            if status == 200:
                return (path, body) if TOKEN.search(body) else None
            assert status in (302, 303), f"GET {path} gave {status}: {body[:300]}"
            path = headers["Location"].removeprefix(f"http://localhost:{self.port}")
        raise AssertionError(f"redirected in a circle: {path}")

    def hand_in(self, path: str, page: str) -> None:
        shown = IMAGE.findall(page)
        selected = [image for image in shown if self.chance.random() < 0.5]
        key = require(KEY.search(page))[1]
        body = json.dumps({"token": require(TOKEN.search(page))[1], "key": key, "selected": selected, "none": "yes"})
        hit = urlsplit(path).path.split("/")[2]
        what = {"key": key, "worker": self.name, "hit": hit}
        self.log.write("invoke", **what, selected=sorted(selected), n_shown=len(shown))
        try:
            replies = self.send_copies(path, body)
        except GivenUp:
            self.log.write("info", **what)
            return
        statuses = sorted({status for status, _, _ in replies})
        event = "ok" if statuses == [200] else "fail"
        self.log.write(event, **what, statuses=statuses, replies=sorted({reply for _, _, reply in replies}))
        self.n_acknowledged += event == "ok"

    def send_copies(self, path: str, body: str) -> list[tuple[int, dict, str]]:
        if self.copies == 1:
            return [self.patiently("POST", path, body)]
        with ThreadPoolExecutor(self.copies) as pool:
            sent = [pool.submit(self.patiently, "POST", path, body) for _ in range(self.copies)]
            return [future.result() for future in sent]

    def patiently(self, method: str, path: str, body: str | None = None) -> tuple[int, dict, str]:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            try:
                answer = self.once(method, path, body)
            except NO_ANSWER:
                answer = None
            if answer is not None and answer[0] < 500:
                return answer
            time.sleep(PAUSE_SECONDS)
        raise GivenUp(f"{method} {path}")

    def once(self, method: str, path: str, body: str | None) -> tuple[int, dict, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ONE_TRY_SECONDS)
        headers = {"Host": f"localhost:{self.port}"} | ({"Content-Type": "application/json"} if body else {})
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read().decode()
        finally:
            connection.close()


def people_at_work(people: list[Person], seconds: float, meanwhile, *, each: int = 4) -> None:
    """Have all of them work for so long, and until `each` has handed that many in, and call `meanwhile(until)` beside
    it; raises what any of them raises."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(people)) as pool:
        working = [pool.submit(person.work, until, each) for person in people]
        meanwhile(until)
        for future in working:
            future.result()
