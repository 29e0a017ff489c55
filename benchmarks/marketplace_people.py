"""People who work on a marketplace over plain HTTP: sign in, accept, open the task in its frame, answer, hand in.

Of the standard library alone. Each person is a thread with a browser's connections and cookies of its own.
"""

import http.client
import json
import random
import re
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from html import unescape
from urllib.parse import urlencode, urljoin, urlsplit

# A HIT whose creation was not answered is asked about again after pauses of up to a minute.
PATIENCE_SECONDS = 300
# Before somebody who found no HIT looks again: ever longer, up to so long.
LOOK_AGAIN_SECONDS, LONGEST_PAUSE_SECONDS = 1, 10
TICKED = 0.3
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
GROUP = re.compile(r'href="(/groups/[A-Z0-9]+/)"')
FRAME, REFRESH = r'<iframe[^>]* src="([^"]+)"', r'http-equiv="refresh" content="(\d+)'
START, VERSION = 'name="start"', r'name="version" value="(\d*)"'
BOX = re.compile(r'name="selected" value="([^"]+)"')


class Unexpected(RuntimeError):
    """Somebody at work was answered otherwise than they should be."""


class Browser:
    """Keeps a connection to each host, and its cookies."""

    def __init__(self) -> None:
        self.connections: dict[str, http.client.HTTPConnection] = {}
        self.cookies: dict[str, dict[str, str]] = {}

    def get(self, address: str) -> str:
        status, _, text = self.ask("GET", address)
        if status != 200:
            raise Unexpected(f"GET {address} gave {status}: {text[:500]}")
        return text

    def post(self, address: str, fields: dict[str, str]) -> tuple[int, str, str]:
        """Status, where it leads, and the page."""
        return self.ask("POST", address, urlencode(fields).encode(), FORM)

    def ask(self, method: str, address: str, body: bytes | None = None, kind: str = "") -> tuple[int, str, str]:
        parts = urlsplit(address)
        host = parts.netloc
        headers = {"Origin": f"{parts.scheme}://{host}", "Content-Type": kind} if body is not None else {}
        cookies = self.cookies.setdefault(host, {})
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        response = self.answer(host, method, parts._replace(scheme="", netloc="").geturl(), body, headers)
        for line in response.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            cookies[name] = value
        text = response.read().decode()
        if response.headers.get("Connection", "").lower() == "close":
            self.connections.pop(host).close()
        return response.status, response.headers.get("Location", ""), text

    def answer(self, host: str, method: str, path: str, body: bytes | None, headers: dict) -> http.client.HTTPResponse:
        while True:
            is_new = host not in self.connections
            if is_new:
                self.connections[host] = http.client.HTTPConnection(host, timeout=PATIENCE_SECONDS)
            try:
                self.connections[host].request(method, path, body, headers)
                return self.connections[host].getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                # A server closes what was quiet for a while: then once more, on a new connection.
                self.connections.pop(host).close()
                if is_new:
                    raise


class Person:
    def __init__(self, marketplace: str, name: str, password: str) -> None:
        self.marketplace, self.name, self.password = marketplace, name, password
        self.browser = Browser()
        self.chance = random.Random(name)
        self.longest_wait = 0.0

    def work(self, stop: threading.Event) -> Counter:
        """Until told to stop. Returns how many HITs were handed in, and how often there was none."""
        did: Counter = Counter()
        pause = LOOK_AGAIN_SECONDS
        self.sign_in()
        while not stop.is_set():
            task = self.accept()
            if task:
                self.do(task)
                pause = LOOK_AGAIN_SECONDS
            else:
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            did["handed in" if task else "no HIT"] += 1
        return did

    def sign_in(self) -> None:
        address = f"{self.marketplace}/sign-in/"
        page = self.browser.get(address)
        token = field("csrfmiddlewaretoken", page)
        login = {"name": self.name, "password": self.password, "csrfmiddlewaretoken": token}
        status, _, page = self.browser.post(address, login)
        if status != 302:
            raise Unexpected(f"signing in gave {status}: {page[:500]}")
        self.group = ""

    def accept(self) -> str:
        """The address of a task that is theirs now; none if no HIT is left for them at the moment."""
        if not self.group:
            match = GROUP.search(self.browser.get(f"{self.marketplace}/hits/"))
            if match is None:
                return ""
            self.group = self.marketplace + match[1]
            self.token = field("csrfmiddlewaretoken", self.browser.get(self.group))
        status, leads_to, page = self.browser.post(f"{self.group}accept/", {"csrfmiddlewaretoken": self.token})
        if status in (404, 409):
            return ""
        if status != 302:
            raise Unexpected(f"accepting gave {status}: {page[:500]}")
        return self.marketplace + leads_to

    def do(self, task: str) -> None:
        address = unescape(match_in(self.browser.get(task), FRAME))
        page = self.open(address)
        if START in page:
            address, page = self.start(address, page)
        selected = [box for box in BOX.findall(page) if self.chance.random() < TICKED]
        answers = {"token": field("token", page), "key": field("key", page), "selected": selected, "none": "yes"}
        status, _, answer = self.browser.ask("POST", address, json.dumps(answers).encode(), JSON)
        if status != 200:
            raise Unexpected(f"answering gave {status}: {answer[:500]}")
        hand_over = json.loads(answer)["hand_over"]
        status, _, page = self.browser.post(hand_over["action"], hand_over["fields"])
        if status != 303:
            raise Unexpected(f"handing in gave {status}: {page[:500]}")

    def start(self, address: str, page: str) -> tuple[str, str]:
        """Press Start. Returns the address of the task, which proves it, and its page."""
        status, leads_to, reply = self.browser.post(address, {"start": "yes", "version": match_in(page, VERSION)})
        if status != 303:
            raise Unexpected(f"starting gave {status}: {reply[:500]}")
        address = urljoin(address, leads_to)
        return address, self.open(address)

    def open(self, address: str) -> str:
        """The task's page, which loads itself anew for as long as the requester does not know the HIT's id."""
        begun = time.monotonic()
        while time.monotonic() < begun + PATIENCE_SECONDS:
            status, _, page = self.browser.ask("GET", address)
            self.longest_wait = max(self.longest_wait, time.monotonic() - begun)
            if status != 503:
                break
            time.sleep(int(match_in(page, REFRESH)))
        if status != 200:
            raise Unexpected(f"GET {address} gave {status}: {page[:500]}")
        return page


def field(name: str, page: str) -> str:
    return match_in(page, rf'name="{name}" value="([^"]+)"')


def match_in(page: str, pattern: str) -> str:
    match = re.search(pattern, page)
    if match is None:
        raise Unexpected(f"{pattern} is not in this page: {page[:500]}")
    return match[1]


def at_work(people: list[Person], stop: threading.Event) -> list[Future]:
    """All of them, each in a thread, until they are told to stop; the results are what each did."""
    pool = ThreadPoolExecutor(len(people))
    begun = [pool.submit(person.work, stop) for person in people]
    pool.shutdown(wait=False)
    return begun
