"""Decoding of many image files at once, in separate processes.

A file may crash its decoder or exhaust the machine's memory. In a process with limits that costs this file, not
the import.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.synchronize import Lock
from pathlib import Path
from typing import Any

from catalog.errors import gettext
from catalog.photographs.reads import (
    LARGEST_FILE_BYTES,
    MANY_PIXELS,
    BadPhotograph,
    Photograph,
    n_pixels,
    read_content,
    read_photograph,
)

# Twice the need of the largest permitted image.
MEMORY_BYTES = 2 * 2**30
SECONDS_PER_FILE = 60

# More would not fit beside each other into 500 MB, and two decode some hundred photographs a second.
MOST_PROCESSES = 2
# Limits of decoded and waiting files, so that decoding goes on while a portion is stored.
BYTES_AHEAD = LARGEST_FILE_BYTES
FILES_AHEAD = 64

# Options of malloc.h. Without them, the memory of a large image is kept for the next one. With glibc's initial values,
# the memory of every small image is allocated and returned, too, which takes as long as decoding it.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 8 * 2**20
MAPPED_FROM_BYTES = 4 * 2**20

# A file, the content of one, or why there is none.
Content = Path | bytes | BadPhotograph
Verdict = Photograph | BadPhotograph
Waiting = deque[tuple[Content, Future[Any]]]

# In a decoding process: lets one image of many pixels at a time in.
_alone: Lock | nullcontext[None] = nullcontext()


def read_files(contents: Iterable[Content], n_processes: int | None = None) -> Iterator[Verdict]:
    """Yield for each file or content, in order, its photograph or the reason why there is none."""
    n_processes = n_processes or min(MOST_PROCESSES, os.cpu_count() or 1)
    remaining = iter(contents)
    running: Waiting = deque()
    pool = _pool(n_processes)
    try:
        while True:
            _fill(running, remaining, pool)
            if not running:
                return
            content, future = running.popleft()
            try:
                verdict = future.result()
            except BrokenProcessPool:
                # Files are started in order, so the culprit is among the first unfinished ones. Each of those gets a
                # process to itself; the others continue in a new pool.
                pool.shutdown()
                yield _read_alone(content)
                pool = _pool(n_processes)
                running = _again(running, pool, n_processes - 1)
            else:
                yield _with_original(verdict, content)
    finally:
        pool.shutdown(cancel_futures=True)


def _again(running: Waiting, pool: ProcessPoolExecutor, n_suspects: int) -> Waiting:
    """Return the queue after a crash: `n_suspects` unfinished files are read alone, the others in this pool."""
    queue: Waiting = deque()
    for content, future in running:
        if not isinstance(future.exception(), BrokenProcessPool):
            queue.append((content, future))
        elif n_suspects > 0:
            n_suspects -= 1
            queue.append((content, _settled(_read_alone(content))))
        else:
            queue.append((content, _submit(pool, content)))
    return queue


def _fill(running: Waiting, remaining: Iterator[Content], pool: ProcessPoolExecutor) -> None:
    # No further ahead than this: decoded images wait in memory.
    while len(running) < FILES_AHEAD and sum(_n_bytes(content) for content, _ in running) < BYTES_AHEAD:
        try:
            content = next(remaining, None)
        except Exception as error:
            # The source broke off; its earlier files come first.
            running.append((b"", _failed(error)))
            return
        if content is None:
            return
        running.append((content, _submit(pool, content)))


def _n_bytes(content: Content) -> int:
    if isinstance(content, bytes):
        return len(content)
    try:
        return min(content.stat().st_size, LARGEST_FILE_BYTES) if isinstance(content, Path) else 0
    except OSError:
        return 0


def _with_original(verdict: Verdict, content: Content) -> Verdict:
    """Put the content back that the process did not return, as it is here already."""
    if isinstance(content, bytes) and isinstance(verdict, Photograph):
        return replace(verdict, original=content)
    return verdict


def _read_alone(content: Content) -> Verdict:
    with _pool(1) as pool:
        try:
            return _with_original(_submit(pool, content).result(), content)
        except BrokenProcessPool:
            message = gettext(
                "reading the file crashed, or took more than %(seconds)s s or %(memory)s GiB: leave the file out"
            )
            return BadPhotograph(message % {"seconds": SECONDS_PER_FILE, "memory": MEMORY_BYTES // 2**30})


def _pool(n_processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a child must not share the parent's database connection.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_processes, spawn, initializer=_set_limits, initargs=(spawn.Lock(),))


def _submit(pool: ProcessPoolExecutor, content: Content) -> Future[Any]:
    if isinstance(content, BadPhotograph):
        return _settled(content)
    try:
        return pool.submit(_read, content)
    except BrokenProcessPool as error:
        return _failed(error)


def _settled(verdict: Verdict) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(verdict)
    return future


def _failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _set_limits(alone: Lock) -> None:
    global _alone
    _alone = alone
    _give_memory_back()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # No core files of other people's pictures.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _give_memory_back() -> None:
    """Have memory returned as soon as a large image is done, where the C library is glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a child process"
    wait([parent.sentinel])
    os._exit(1)


def _read(source: Path | bytes) -> Verdict:
    try:
        content = read_content(source) if isinstance(source, Path) else source
        with _time_limit():
            many = n_pixels(content) > MANY_PIXELS
        # Waiting for the lock is not counted.
        with _alone if many else nullcontext(), _time_limit():
            photograph = read_photograph(content)
        return photograph if isinstance(source, Path) else replace(photograph, original=b"")
    except BadPhotograph as error:
        return error


@contextmanager
def _time_limit() -> Iterator[None]:
    # The alarm ends the process: inside a decoder nothing else would be heard.
    signal.alarm(SECONDS_PER_FILE)
    try:
        yield
    finally:
        signal.alarm(0)
