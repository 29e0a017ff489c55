from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from catalog.decoding import reads as decoding
from tests.fixtures import file as file
from tests.fixtures import folder as folder
from tests.fixtures import media as media
from tests.fixtures import reader as reader

REAL_POOL = decoding._pool


class KeptPool(ProcessPoolExecutor):
    """The site's processes that decode, which go on after a source was read."""

    def __init__(self, n_processes: int) -> None:
        self.real = REAL_POOL(n_processes)

    def submit(self, *words, **named):
        return self.real.submit(*words, **named)

    def shutdown(self, *words, **named) -> None:
        """End them with the run, and not before."""


@pytest.fixture(scope="session")
def kept_pools() -> Iterator[dict[int, KeptPool]]:
    pools: dict[int, KeptPool] = {}
    yield pools
    for pool in pools.values():
        pool.real.shutdown()


@pytest.fixture(autouse=True)
def decoders_that_stay(kept_pools, monkeypatch) -> None:
    """Keep the processes that decode for the next test: each is a new Python, and 0.2 seconds for a file of 1 kB.

    How they start, crash and end: tests/catalog/test_photographs.py, and the imports that run as commands.
    """

    def pool(n_processes: int) -> KeptPool:
        if n_processes not in kept_pools or kept_pools[n_processes].real._broken:
            kept_pools[n_processes] = KeptPool(n_processes)
        return kept_pools[n_processes]

    monkeypatch.setattr(decoding, "_pool", pool)
