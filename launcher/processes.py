"""Child processes with records, so that they are found after a crash, even one of the supervisor itself."""

import contextlib
import ctypes
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.privacy import OTHERS, private_file, write_privately

MARK = "ANNOTATION_SITE_PART"
# In the state folder while ./run works on it.
RUN_NOTE = "run.json"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LARGEST_LOG = 10_000_000


@dataclass
class Part:
    """A supervised process: its start, its readiness, its stop."""

    name: str
    command: list[str]
    state: Path
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: pwd.struct_passwd | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    before_start: Callable[[], None] | None = None
    follows: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.state / "logs" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.state / "parts" / f"{self.name}.json"

    def start(self) -> None:
        if self.before_start:
            self.before_start()
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with private_file(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env=os.environ | self.environment | {MARK: mark_of(self.state)},
                # A group of its own: Ctrl-C reaches only the supervisor, which stops the parts in order.
                start_new_session=True,
                umask=OTHERS,
                preexec_fn=self.die_with_parent,
                **drop_to(self.user),
            )
        note = {"pid": self.process.pid, "started": start_ticks(self.process.pid)}
        write_privately(self.record, json.dumps(note))

    def die_with_parent(self) -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, self.stop_signal)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.running():
            if self.ready():
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Send the stop signal, wait, kill; then end the rest of the process group."""
        if self.process is None:
            return
        if self.running():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.end_group()
        self.record.unlink(missing_ok=True)

    def end_group(self) -> None:
        """Kill the children of a dead part. Its pid identifies the group while a member lives."""
        if self.process is not None and self.process.poll() is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> str:
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, self.log.stat().st_size - 8000))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"    {line}" for line in lines[-count:])


def drop_to(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def mark_of(state: Path) -> str:
    return str(state)


def start_ticks(pid: int) -> int | None:
    """Return the start of a process in ticks since boot; None if it is gone. With the pid it identifies a process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def running_site(state: Path) -> dict[str, int] | None:
    """Return the pid and the port of the ./run that works on this state folder, if one does."""
    try:
        run: dict[str, int] = json.loads((state / RUN_NOTE).read_text())
        return run if start_ticks(run["pid"]) == run["started"] else None
    except (OSError, ValueError, KeyError):
        return None


def recorded(state: Path) -> dict[int, str]:
    """Return {pid: part} of the recorded processes that still run. A recycled pid has another start time."""
    parts = {}
    for record in sorted((state / "parts").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            entry = json.loads(record.read_text())
            if entry["started"] is not None and start_ticks(entry["pid"]) == entry["started"]:
                parts[entry["pid"]] = record.stem
    return parts


def marked(state: Path) -> dict[int, str]:
    """Return {pid: "child"} of every process started for this state folder, even without its parent."""
    mark = f"{MARK}={mark_of(state)}".encode()
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                children[int(folder.name)] = "child"
    children.pop(os.getpid(), None)
    return children


def end_leftovers(state: Path, seconds: float = 10) -> list[str]:
    """End the processes that a killed supervisor of this state folder left running. Returns their names."""
    leftovers = marked(state) | recorded(state)
    names = sorted(set(leftovers.values()))
    for wave in (signal.SIGTERM, signal.SIGKILL):
        ticks = {pid: start_ticks(pid) for pid in leftovers}
        for pid in leftovers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # Postgres takes SIGTERM as "wait for every client"; SIGINT is its prompt and clean stop.
                os.kill(pid, signal.SIGINT if leftovers[pid] == "postgres" and wave == signal.SIGTERM else wave)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(alive(pid, started) for pid, started in ticks.items()):
            time.sleep(0.05)
        leftovers = {pid: name for pid, name in leftovers.items() if alive(pid, ticks[pid])}
        leftovers |= marked(state)
        if not leftovers:
            break
    for record in (state / "parts").glob("*.json"):
        record.unlink(missing_ok=True)
    return names


def alive(pid: int, ticks: int | None) -> bool:
    return ticks is not None and start_ticks(pid) == ticks
