"""Several connections at once: threads that set off together, and a transaction held open beside the test's own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

# Where something is waited for that comes soon, on any machine and beside any load.
PATIENCE_SECONDS = 120


def in_threads(n_threads: int, work: Callable[[int], object]) -> list:
    """work(0), work(1), ... each in a thread of its own, all set off together; raises what any of them raises."""
    barrier = threading.Barrier(n_threads)

    def run(number: int) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE_SECONDS)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(n_threads) as pool:
        return [future.result() for future in [pool.submit(run, number) for number in range(n_threads)]]


class Other:
    """A transaction in a second connection that has done its work and stays open until `end`."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.done, self.go, self.commit = threading.Event(), threading.Event(), False
        self.pool = ThreadPoolExecutor(1)
        self.running = self.pool.submit(self.run, work)
        self.done.wait(PATIENCE_SECONDS)

    def run(self, work: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                work()
                self.done.set()
                self.go.wait(PATIENCE_SECONDS)
                transaction.set_rollback(not self.commit)
        finally:
            self.done.set()
            connection.close()

    def end(self, *, commit: bool) -> None:
        """Let it commit or roll back; raises what its work raised."""
        self.commit = commit
        self.go.set()
        self.running.result(PATIENCE_SECONDS)


@contextmanager
def while_another_has_done(work: Callable[[], object]) -> Iterator[Other]:
    other = Other(work)
    try:
        yield other
    finally:
        other.go.set()
        other.pool.shutdown()


@contextmanager
def started(work: Callable[[], object]) -> Iterator[Future]:
    """`work` begun in a third connection; it may have to wait."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


def waits(future: Future, seconds: float = 0.3) -> bool:
    time.sleep(seconds)
    return not future.done()
