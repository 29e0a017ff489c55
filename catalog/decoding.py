"""Many image files at once, decoded in processes of their own.

A file may be made to crash its decoder or to eat the machine's memory. In a process with limits that costs this
file, not the import.
"""

import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path

from catalog.photographs import BadPhotograph, Photograph, read_file

# Twice what the largest image taken needs, and many times what it takes.
MEMORY_BYTES = 2 * 2**30
SECONDS_PER_FILE = 60
CRASHED = f"reading it crashed, or took over {SECONDS_PER_FILE} s or {MEMORY_BYTES // 2**30} GiB: leave this file out"


def read_files(paths: Iterable[Path], n_processes: int | None = None) -> Iterator[Photograph | BadPhotograph]:
    """For each path, in this order, its photograph or why there is none; as many processes as processors."""
    n_processes = n_processes or os.cpu_count() or 1
    remaining = iter(paths)
    running: deque[tuple[Path, Future]] = deque()
    pool = _pool(n_processes)
    try:
        while True:
            # No further ahead than this: what is decoded waits in memory.
            running.extend((path, _submit(pool, path)) for path in islice(remaining, 2 * n_processes - len(running)))
            if not running:
                return
            path, future = running.popleft()
            try:
                found = future.result()
            except BrokenProcessPool:
                # Any of the files in work may have done it: each gets a process that it can crash alone.
                suspects = [path, *(path for path, _ in running)]
                running.clear()
                pool.shutdown()
                yield from map(_read_alone, suspects)
                pool = _pool(n_processes)
            else:
                yield found
    finally:
        pool.shutdown(cancel_futures=True)


def _read_alone(path: Path) -> Photograph | BadPhotograph:
    with _pool(1) as pool:
        try:
            return pool.submit(_read, path).result()
        except BrokenProcessPool:
            return BadPhotograph(CRASHED)


def _pool(n_processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a child must not share the parent's database connection.
    return ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn"), initializer=_set_limits)


def _submit(pool: ProcessPoolExecutor, path: Path) -> Future:
    try:
        return pool.submit(_read, path)
    except BrokenProcessPool as error:
        broken: Future = Future()
        broken.set_exception(error)
        return broken


def _set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # No core files of other people's pictures.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _read(path: Path) -> Photograph | BadPhotograph:
    # The alarm ends the process: inside a decoder nothing else would be heard.
    signal.alarm(SECONDS_PER_FILE)
    try:
        return read_file(path)
    except BadPhotograph as error:
        return error
    finally:
        signal.alarm(0)
