"""People at work: clients that accept, open and hand in one piece of work after the other, over plain HTTP.

    python load.py SIDE

A process of its own, and of the standard library alone. It reads a line of JSON with what the side needs ("port",
"host", "clients" and more, see SIDES), and then one for every round: {"seconds": s, "cycles": most}. For every round it
writes a line: cycles and seconds, and the milliseconds of every accept, open and hand-in.
"""

import json
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode, urlsplit

PATIENCE_SECONDS = 60
FORM = "application/x-www-form-urlencoded"


class Unexpected(RuntimeError):
    """The site answered otherwise than somebody at work would be answered."""


def more_of(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise Unexpected("the connection ended within an answer")
    return received


class Reply:
    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        self.status, self.head, self.body = status, head, body

    @property
    def location(self) -> str:
        """Path and query of where a redirect leads."""
        match = re.search(rb"\r\nlocation: *([^\r]+)", self.head, re.IGNORECASE)
        if self.status not in (302, 303) or match is None:
            raise Unexpected(f"no redirect, but {self.status}: {self.body[:300]!r}")
        split = urlsplit(match[1].decode())
        return split.path + (f"?{split.query}" if split.query else "")

    @property
    def text(self) -> str:
        if self.status != 200:
            raise Unexpected(f"no page, but {self.status} {self.head[:300]!r} {self.body[:300]!r}")
        return self.body.decode()


class Browser:
    """One connection that is kept, and the cookies. As little work as possible: it runs on the cores of the server."""

    def __init__(self, host: str, port: int) -> None:
        self.address, self.port = f"{host}:{port}", port
        self.cookies: dict[str, str] = {}
        self.socket: socket.socket | None = None

    def get(self, path: str) -> Reply:
        return self.ask("GET", path, b"")

    def post(self, path: str, fields: list[tuple[str, str]] | dict[str, str]) -> Reply:
        return self.ask("POST", path, urlencode(fields).encode())

    def ask(self, method: str, path: str, body: bytes) -> Reply:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address}"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if method == "POST":
            origin = f"Origin: http://{self.address}"
            lines += [origin, f"Content-Type: {FORM}", f"Content-Length: {len(body)}"]
        request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        reply = None
        # Servers close connections that were quiet for a while: then once more, on a new one.
        while reply is None:
            kept = self.socket
            connection = self.socket = kept or socket.create_connection(("127.0.0.1", self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(PATIENCE_SECONDS)
            reply = self._exchange(connection, request)
            if reply is None and kept is None:
                raise Unexpected("the server closed a new connection without an answer")
        for cookie in re.findall(rb"\r\nset-cookie: *([^;\r]+)", reply.head, re.IGNORECASE):
            name, _, value = cookie.decode().partition("=")
            self.cookies[name] = value
        return reply

    def _exchange(self, connection: socket.socket, request: bytes) -> Reply | None:
        try:
            connection.sendall(request)
            received = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            received = b""
        if not received:
            connection.close()
            self.socket = None
            return None
        while b"\r\n\r\n" not in received:
            received += more_of(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        match = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if match is None:
            raise Unexpected("an answer does not say how long it is")
        length = int(match[1])
        while len(body) < length:
            body += more_of(connection)
        if re.search(rb"\r\nconnection: *close", head, re.IGNORECASE):
            connection.close()
            self.socket = None
        return Reply(int(head[9:12]), head, body)


def field(name: str, page: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]+)"', page)
    if match is None:
        raise Unexpected(f"a page without {name}: {page[:500]}")
    return match[1]


class TurkleWorker:
    """Signs in, and has the next task accepted automatically, so that no list of batches is opened in between."""

    def __init__(self, asked: dict, client: str) -> None:
        self.browser = Browser(asked["host"], asked["port"])
        self.batch = asked["batch"]
        self.username, self.password = client, asked["password"]

    def arrive(self) -> None:
        token = field("csrfmiddlewaretoken", self.browser.get("/login/").text)
        who = {"csrfmiddlewaretoken": token, "username": self.username, "password": self.password, "next": "/help/"}
        token = field("csrfmiddlewaretoken", self.browser.get(self.browser.post("/login/", who).location).text)
        self.browser.post("/update_auto_accept/", {"csrfmiddlewaretoken": token, "auto_accept": "true"})
        self.next_page = f"/batch/{self.batch}/accept_next_task/"

    def accept(self) -> None:
        self.page = self.browser.get(self.next_page).location

    def open(self) -> None:
        frame = re.search(r'<iframe src="([^"]+)"', self.browser.get(self.page).text)
        if frame is None:
            raise Unexpected(f"{self.page} holds no task")
        self.task = self.browser.get(frame[1].replace("&amp;", "&")).text

    def hand_in(self) -> None:
        token, photograph = field("csrfmiddlewaretoken", self.task), field("selected", self.task)
        fields = {"csrfmiddlewaretoken": token, "selected": photograph}
        self.next_page = self.browser.post(self.page, fields).location


class LinkWorker:
    """Comes by the batch's address, as Prolific and others send people.

    There a button starts the work; afterwards each answer leads to the next page by itself. Earlier commits redirected
    from the address to the page, at the start and after each answer.
    """

    def __init__(self, asked: dict, client: str) -> None:
        self.browser = Browser(asked["host"], asked["port"])
        self.next_page = f"/join/{asked['batch']}?worker={quote(client)}"

    def arrive(self) -> None:
        pass

    def accept(self) -> None:
        self.page = self.next_page
        if self.page.startswith("/join/"):
            reply = self.browser.get(self.page)
            self.page = (self.browser.post(self.page, {}) if reply.status == 200 else reply).location

    def open(self) -> None:
        self.task = self.browser.get(self.page).text

    def hand_in(self) -> None:
        self.next_page = self.browser.post(self.page, self.answer()).location

    def answer(self) -> list[tuple[str, str]]:
        """The first photograph ticked, and every third."""
        handles = re.findall(r'name="selected" value="([^"]+)"', self.task)
        if not handles:
            raise Unexpected(f"a page without photographs: {self.task[:500]}")
        return [(name, field(name, self.task)) for name in ("token", "key")] + [("selected", h) for h in handles[::3]]


class FramedWorker(LinkWorker):
    """Accepted on a marketplace, which opens the page in its frame: there accepting and opening are one request.

    The marketplace's own part (its pages, its list of assignments) is not in the figures.
    """

    turns: list = []
    lock = threading.Lock()

    def __init__(self, asked: dict, client: str) -> None:
        super().__init__(asked, client)
        self.worker_id = client
        with self.lock:
            type(self).turns = type(self).turns or [iter(asked["hits"])]

    def accept(self) -> None:
        with self.lock:
            path, hit_id = next(self.turns[0])
        assignment = "3" + secrets.token_hex(14).upper()
        query = urlencode({"assignmentId": assignment, "hitId": hit_id, "workerId": self.worker_id})
        self.page = f"{path}?{query}"
        self.task = self.browser.get(self.page).text
        if 'name="start"' in self.task:  # once for each worker, until the marketplace confirms their first answer
            self.page = self.browser.post(self.page, {"start": "yes", "version": ""}).location
            self.task = self.browser.get(self.page).text

    def open(self) -> None:
        pass

    def hand_in(self) -> None:
        field("receipt", self.browser.post(self.page, self.answer()).text)


SIDES: dict[str, type] = {"turkle": TurkleWorker, "link": LinkWorker, "framed": FramedWorker}
STEPS = ("accept", "open", "hand_in")


class Round:
    """A round of all clients together, until the time or the number of cycles is over."""

    def __init__(self, seconds: float, cycles: int) -> None:
        self.left = cycles
        self.lock = threading.Lock()
        self.begin = time.perf_counter()
        self.until = self.begin + seconds
        self.took: dict[str, list[float]] = {step: [] for step in STEPS}
        self.ends: list[float] = []
        self.failed: list[str] = []

    def work(self, worker: object) -> None:
        try:
            while not self.failed and time.perf_counter() < self.until and self._one_more():
                times = [timed(getattr(worker, step)) for step in STEPS]
                with self.lock:
                    for step, seconds in zip(STEPS, times, strict=True):
                        self.took[step].append(round(seconds * 1000, 3))
                    self.ends.append(time.perf_counter())
        except Exception as error:  # noqa: BLE001 (a client's failure ends the comparison, in words)
            self.failed.append(f"{type(error).__name__}: {error}")

    def _one_more(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def result(self) -> dict:
        """Up to the last cycle's end: all that were begun were finished, and their time counts."""
        seconds = max(self.ends, default=self.begin) - self.begin
        return {"cycles": len(self.ends), "seconds": seconds, **self.took, "failed": self.failed[:3]}


def timed(step: Callable[[], None]) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def main(side: str) -> None:
    asked = json.loads(sys.stdin.readline())
    workers = [SIDES[side](asked, client) for client in asked["clients"]]
    for worker in workers:
        worker.arrive()
    print(json.dumps({"arrived": len(workers)}), flush=True)
    for line in sys.stdin:
        this = Round(**json.loads(line))
        threads = [threading.Thread(target=this.work, args=[worker]) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(this.result()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
