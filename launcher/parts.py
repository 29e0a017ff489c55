"""Our own parts of the site: web server, three Celery workers, Celery beat."""

import http.client
import os
import signal
import socket
import sys
from pathlib import Path

import redis

from launcher.addresses import MARKETPLACE_STEP, explicit_origins, marketplace_port
from launcher.places import BROKER_NAME, ROOT, PlaceError, places_of
from launcher.processes import Part

WEB_PROCESSES = 2
WEB_THREADS = 8
WORKER_PROCESSES = 2
# A single one uses all processors, or the GPU.
PREDICTOR_PROCESSES = 1
# Researchers' jobs run one after the other, in a thread: an import decodes in processes of its own, which Celery's
# child processes may not start. Threads have no time limit either, and an import of 50,000 images takes long.
SETUP_WORDS = ("--pool", "threads")


def web_part(state: Path, port: int, environment: dict[str, str]) -> Part:
    addresses = [word for host in loopback_hosts() for word in ("--bind", f"{bracketed(host)}:{port}")]
    words = ["--worker-class", "gthread", "--workers", WEB_PROCESSES, "--threads", WEB_THREADS]
    limits = ["--timeout", "60", "--graceful-timeout", "10", "--no-control-socket"]
    return Part(
        name="web",
        command=[
            *python("gunicorn"),
            "annotation_site.wsgi:application",
            *addresses,
            *map(str, words),
            *limits,
        ],
        state=state,
        ready=lambda: serves(port),
        environment=environment,
        cwd=ROOT,
        stop_seconds=15,
    )


def worker_part(state: Path, environment: dict[str, str]) -> Part:
    return celery_part("worker", "celery", WORKER_PROCESSES, state, environment)


def predictor_part(state: Path, environment: dict[str, str]) -> Part:
    """Return a worker of its own for the classifiers: short tasks never wait for them, nor share their memory."""
    return celery_part("predictor", "predict", PREDICTOR_PROCESSES, state, environment)


def setup_part(state: Path, environment: dict[str, str]) -> Part:
    """Return a worker of its own for the long jobs of pages: votes and predictions never wait for an import."""
    part = celery_part("setup", "setup", 1, state, environment)
    part.command += SETUP_WORDS
    # By default it would first finish a job of an hour. After this signal the job resumes later.
    part.stop_signal, part.stop_seconds = signal.SIGQUIT, 2
    return part


def celery_part(name: str, queue: str, n_processes: int, state: Path, environment: dict[str, str]) -> Part:
    words = ["--queues", queue, "--concurrency", str(n_processes), "--hostname", f"{name}@%h", "--loglevel", "WARNING"]
    return Part(
        name=name,
        command=[*python("celery"), "-A", "annotation_site", "worker", *words, "--without-gossip", "--without-mingle"],
        state=state,
        ready=lambda: consumes(name, broker_address(state)),
        environment=environment | {BROKER_NAME: name},
        cwd=ROOT,
        # Celery workers have been seen to stay connected yet idle after their broker came back.
        follows="valkey",
    )


def beat_part(state: Path, environment: dict[str, str]) -> Part:
    # The plain scheduler keeps its clock in memory: there is no file that a crash could corrupt.
    words = ["--scheduler", "celery.beat.Scheduler", "--pidfile=", "--loglevel", "WARNING"]
    return Part(
        name="beat",
        command=[*python("celery"), "-A", "annotation_site", "beat", *words],
        state=state,
        ready=lambda: True,
        environment=environment,
        cwd=ROOT,
    )


def python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def serves(port: int) -> bool:
    """Return whether any page comes back: the process accepts connections, answers, and has loaded its code."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status < 600
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def broker_address(state: Path) -> str:
    """Return the broker's address, as in the settings."""
    return os.environ.get("REDIS_URL") or f"unix://{places_of(state).valkey_socket}"


def consumes(name: str, broker: str) -> bool:
    """Return whether the worker of that name waits at its queue."""
    client = redis.Redis.from_url(broker, socket_timeout=2)
    try:
        return any((connection["cmd"], connection["name"]) == ("brpop", name) for connection in client.client_list())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        client.close()


def loopback_hosts() -> list[str]:
    """Return 127.0.0.1, and ::1 if the machine has it: `localhost` may mean either."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def check_port_free(port: int) -> None:
    """Raise PlaceError, with another port as a proposal, if `port` cannot be the site's."""
    try:
        _bind(port)
    except PermissionError:
        raise PlaceError(f"Port {port} is reserved for root. Choose one above 1023: ./run --port 8001") from None
    except OSError:
        raise PlaceError(
            f"Port {port} is taken by another program. Choose another: ./run --port {_next_free(port)}"
        ) from None


def check_marketplace_port_free(port: int, of_site: int) -> None:
    """Raise PlaceError, with the way out, if the marketplace of the site on port `of_site` cannot have `port`."""
    try:
        _bind(port)
    except OSError:
        if "MARKETPLACE_ORIGIN" in explicit_origins():
            raise PlaceError(
                f"Port {port}, which MARKETPLACE_ORIGIN names, is taken by another program or reserved for root. "
                "Set it to another port, or remove it."
            ) from None
        raise PlaceError(
            f"Port {port}, which the marketplace would get, is taken by another program. "
            f"Choose another port for the site: ./run --port {_next_free(of_site)}"
        ) from None


def _bind(port: int) -> None:
    for host in loopback_hosts():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))


def _next_free(port: int) -> int:
    """Return the next port that is free for a site, together with that of its marketplace."""
    return next((n for n in range(port + 1, 65_536 - MARKETPLACE_STEP) if _is_free(n)), 8001)


def _is_free(port: int) -> bool:
    try:
        _bind(port)
        _bind(marketplace_port(port))
    except OSError:
        return False
    return True
