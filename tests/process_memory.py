"""The memory of a process and its children, sampled from /proc."""

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PAUSE_SECONDS = 0.005


def tree_bytes(pid: int) -> int:
    """Resident bytes of a process and all below it: shared pages are counted once for each, so rather too much."""
    return sum(map(_resident, tree(pid)))


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in _children(pid) for below in tree(child))]


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def run_and_weigh(words: list[str], **options: Any) -> tuple[subprocess.CompletedProcess, int]:
    """Run a command to its end; also the most bytes that it and its children had at a time."""
    peak = 0
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, tree_bytes(process.pid))
            time.sleep(PAUSE_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    watcher.join()
    return subprocess.CompletedProcess(words, process.returncode, out, err), peak
