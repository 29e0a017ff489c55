"""Requests written byte by byte to a server: what no client library would send."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from launcher.places import ROOT
from tests.ports import free_port

START_SECONDS = 120


def status_of(port: int, request: bytes) -> int:
    """Return the status that a server on this machine answers a request with; 0 if it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n" not in answer and (chunk := line.recv(4096)):
            answer += chunk
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def request_to(path: str, *headers: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", *headers, "Connection: close", "", ""]).encode("latin-1")


@contextlib.contextmanager
def served(application: str, environment: dict[str, str], port: int | None = None) -> Iterator[int]:
    """Serve an application as `./run` does, and yield its port."""
    port = port or free_port()
    words = ["--worker-class", "gthread", "--workers", "1", "--threads", "2", "--no-control-socket"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", *words],
        cwd=ROOT,
        env=os.environ | {"LOG_LEVEL": "ERROR"} | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                if status_of(port, request_to("/livez")) == 200:
                    break
            assert server.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(60)
